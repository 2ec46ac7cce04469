/*
 * shimmed.c - see shimmed.h.
 */
#include "tests/faults/shim/shimmed.h"

#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETTINGS_MAX = 32, SETTING_BYTES = PATH_MAX + 64, DECIMAL = 10, FILE_MODE = 0644 };

static const char *const call_names[] = {
#define SHIM_CALL_NAME(name) #name,
    SHIM_CALLS(SHIM_CALL_NAME)};

const char *shimmed_call_name(enum shim_call call)
{
    return call_names[call];
}

uint64_t shimmed_calls(const struct shimmed *shimmed, enum shim_call call)
{
    return atomic_load(&shimmed->counts->calls[call]);
}

static const char *setting(struct stage *stage, const char *name, const char *value)
{
    char *text = stage_allocate(stage, SETTING_BYTES);
    (void)snprintf(text, SETTING_BYTES, "%s=%s", name, value);
    return text;
}

/* shim.so lies beside the test program. */
static const char *find_shim(struct stage *stage)
{
    static const char name[] = "shim.so";
    char *path = stage_allocate(stage, PATH_MAX + sizeof name);
    if (readlink("/proc/self/exe", path, PATH_MAX) < 0) {
        stage_fail_at(__FILE__, __LINE__, "/proc/self/exe: %s", strerror(errno));
    }
    memcpy(strrchr(path, '/') + 1, name, sizeof name);
    if (!files_exist(path)) {
        stage_fail_at(__FILE__, __LINE__, "%s: there is no shim", path);
    }
    return path;
}

static bool release_counts(void *thing)
{
    return munmap(thing, sizeof(struct shim_counts)) == 0;
}

static struct shim_counts *map_counts(struct stage *stage, const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0 || ftruncate(file, sizeof(struct shim_counts)) != 0) {
        stage_fail_at(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    }
    void *memory =
        mmap(NULL, sizeof(struct shim_counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    (void)close(file);
    if (memory == MAP_FAILED) {
        stage_fail_at(__FILE__, __LINE__, "mmap %s: %s", path, strerror(errno));
    }
    stage_own(stage, memory, release_counts);
    return memory;
}

static void make_journal(const char *path)
{
    if (!files_exist(path)) {
        files_write(path, "");
    }
}

/*
 * AddressSanitizer wants to be the first library and would refuse to start
 * behind a preloaded one; the shim hands every call on to it, so that is no loss.
 */
static const char *sanitizer_options(struct stage *stage)
{
    char *options = stage_allocate(stage, SETTING_BYTES);
    const char *given = getenv("ASAN_OPTIONS");
    (void)snprintf(options, SETTING_BYTES, "%s:verify_asan_link_order=0",
                   given == NULL ? "detect_leaks=1" : given);
    return options;
}

static void fill_environment(struct stage *stage, const struct shimmed_plan *plan,
                             const char *counts, const char **environment)
{
    size_t used = 0;
    environment[used++] = setting(stage, "LD_PRELOAD", find_shim(stage));
    environment[used++] = setting(stage, "ASAN_OPTIONS", sanitizer_options(stage));
    environment[used++] = setting(stage, "LOTTERY_SHIM_COUNTS", counts);
    environment[used++] = setting(stage, "LOTTERY_SHIM_DIRECTORY", plan->directory);
    environment[used++] = setting(stage, "DATA_DIRECTORY", plan->directory);
    environment[used++] = "CONFINEMENT=off"; /* the shim kills, and writes elsewhere */
    environment[used++] = "SERVER_PORT=0";
    environment[used++] = "SERVER_ADDRESS=127.0.0.1";
    if (plan->rules != NULL) {
        environment[used++] = setting(stage, "LOTTERY_SHIM", plan->rules);
    }
    if (plan->journal != NULL) {
        make_journal(plan->journal);
        environment[used++] = setting(stage, "LOTTERY_SHIM_JOURNAL", plan->journal);
    }
    for (size_t i = 0; plan->settings != NULL && plan->settings[i] != NULL; i++) {
        if (used < SETTINGS_MAX) {
            environment[used++] = plan->settings[i];
        }
    }
}

static bool release_shimmed(void *thing)
{
    struct shimmed *shimmed = thing;
    server_kill_everything(&shimmed->server);
    machine_remove_leftovers(shimmed->server.directory);
    return true;
}

static void await_port(struct server *server)
{
    static const char listening[] = "action: listen | result: success";
    struct deadline deadline = deadline_in(DEADLINE_MS);
    bool ended = false;
    while (server->port == 0 && !ended) {
        ended = program_has_ended(server->program);
        size_t bytes = 0;
        char *log = files_load(server->program->log_path, &bytes);
        const char *line = log == NULL ? NULL : strstr(log, listening);
        if (line != NULL && strchr(line, '\n') != NULL) {
            server->port =
                (unsigned)strtoul(strstr(line, "port: ") + strlen("port: "), NULL, DECIMAL);
        }
        free(log);
        if (server->port == 0 && !ended && !deadline_pause(deadline)) {
            program_show(server->program);
            stage_fail_at(__FILE__, __LINE__, "the server neither listens nor ends");
        }
    }
}

struct shimmed *shimmed_start(struct stage *stage, const struct shimmed_plan *plan)
{
    static unsigned number; /* of the files' names, which are different within a stage */
    const char *counts = stage_path(stage, "counts-%u", ++number);
    const char *environment[SETTINGS_MAX + 1] = {NULL};
    const struct program_plan program = {.name = "lottery-server", .environment = environment};
    struct shimmed *shimmed = stage_allocate(stage, sizeof *shimmed);
    shimmed->counts = map_counts(stage, counts);
    fill_environment(stage, plan, counts, environment);
    shimmed->server = (struct server){.stage = stage, .directory = plan->directory};
    shimmed->server.program = program_start(stage, &program);
    stage_own(stage, shimmed, release_shimmed);
    await_port(&shimmed->server);
    return shimmed;
}

void shimmed_expect_gone(const struct shimmed *shimmed)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    pid_t pid = 0;
    while (proc_children(getpid(), "lottery-storer", &pid, 1) +
               proc_children(getpid(), "lottery-handler", &pid, 1) >
           0) {
        if (!deadline_pause(deadline)) {
            program_show(shimmed->server.program);
            stage_fail_at(__FILE__, __LINE__, "process %d was left behind", (int)pid);
        }
    }
    shimmed_expect_nothing_shared(shimmed->server.directory);
}

void shimmed_expect_nothing_shared(const char *directory)
{
    struct stat status;
    struct segment segment;
    struct failure failure;
    if (stat(directory, &status) != 0) {
        return; /* a server that could not make it had no key for anything */
    }
    uint32_t key = segment_key(status.st_dev, status.st_ino);
    if (segment_attach(key, &segment, &failure) != SEGMENT_ABSENT) {
        stage_fail_at(__FILE__, __LINE__, "/dev/shm%s was left behind", segment.name);
    }
    if (semget((key_t)key, 0, 0) >= 0) {
        stage_fail_at(__FILE__, __LINE__, "semaphore set 0x%08x was left behind", key);
    }
}

bool shimmed_complained(const struct shimmed *shimmed)
{
    return program_count_log(shimmed->server.program, " CRITICAL ") > 0 ||
           program_count_log(shimmed->server.program, " ERROR ") > 0 ||
           strstr(program_errors(shimmed->server.program), "lottery-server: ") != NULL;
}
