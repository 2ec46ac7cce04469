/*
 * server.c - see server.h.
 */
#include "tests/harness/server.h"

#include "tests/harness/deadline.h"
#include "tests/harness/proc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIDS_MAX = 8192, STOP_LIMIT_MS = 1000, INTO_ITS_FILE = 0 };

#if defined(__SANITIZE_ADDRESS__)
enum { STOP_FACTOR = 10 };
#else
enum { STOP_FACTOR = 1 };
#endif

int64_t server_stop_limit_ms(void)
{
    return deadline_patience() * STOP_LIMIT_MS * STOP_FACTOR;
}

/* ------------------------------------------------------------- starting ---- */

static struct program *start_program(struct stage *stage, const char *directory, int output,
                                     const char *const *arguments, const char *const *environment)
{
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    const struct program_plan plan = {
        .name = "lottery-server",
        .output = output,
        .arguments = arguments,
        .environment = environment,
        .more_environment = ENVIRONMENT("SERVER_PORT=0", "SERVER_ADDRESS=127.0.0.1",
                                        "LIMITS_HANDLERS_AHEAD=0", data),
    };
    return program_start(stage, &plan);
}

/* The directory that the environment names, else the one given, else the stage's own. */
static const char *choose_directory(struct stage *stage, const char *directory,
                                    const char *const *environment)
{
    static const char variable[] = "DATA_DIRECTORY=";
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, variable, sizeof variable - 1) == 0) {
            return *environment + sizeof variable - 1;
        }
    }
    return directory != NULL ? directory : stage_path(stage, "data");
}

static unsigned read_port(const char *line)
{
    const char *port = strstr(line, "port: ");
    return port == NULL ? 0 : (unsigned)strtoul(port + strlen("port: "), NULL, 10);
}

static bool release_server(void *thing)
{
    struct server *server = thing;
    bool well = true;
    if (!program_has_ended(server->program)) {
        struct deadline deadline = deadline_in(DEADLINE_MS);
        (void)kill(server->program->pid, SIGTERM);
        while (!program_has_ended(server->program) && deadline_pause(deadline)) {
        }
        well = program_has_ended(server->program) && WIFEXITED(server->program->status) &&
               WEXITSTATUS(server->program->status) == 0;
    }
    if (!well) {
        (void)fprintf(stderr, "the server did not stop well\n");
        program_show(server->program);
    }
    server_kill_everything(server);
    machine_remove_leftovers(server->directory);
    return well;
}

static struct server *launch(struct stage *stage, const char *directory, int output,
                             const char *const *arguments, const char *const *environment)
{
    struct server *server = stage_allocate(stage, sizeof *server);
    server->stage = stage;
    server->directory = choose_directory(stage, directory, environment);
    server->program = start_program(stage, server->directory, output, arguments, environment);
    stage_own(stage, server, release_server);
    return server;
}

struct server *server_launch(struct stage *stage, int output, const char *const *environment)
{
    return launch(stage, NULL, output, NULL, environment);
}

void server_await_port(struct server *server)
{
    server->port =
        read_port(server_await_log(server, 1, "action: listen | result: success*port: "));
}

struct server *server_follow(struct stage *stage, const char *directory,
                             const char *const *environment)
{
    struct server *server =
        launch(stage, directory, INTO_ITS_FILE, ARGUMENTS("--follow"), environment);
    (void)server_await_log(server, 1, "action: follow | result: success | node: ");
    return server;
}

struct server *server_launch_with(struct stage *stage, const char *directory,
                                  const char *const *arguments, const char *const *environment)
{
    return launch(stage, directory, INTO_ITS_FILE, arguments, environment);
}

struct server *server_start_with(struct stage *stage, const char *directory,
                                 const char *const *arguments, const char *const *environment)
{
    struct server *server = launch(stage, directory, INTO_ITS_FILE, arguments, environment);
    server_await_port(server);
    return server;
}

struct server *server_start(struct stage *stage, const char *const *environment)
{
    return server_start_with(stage, NULL, NULL, environment);
}

struct program *server_start_in_vain(struct stage *stage, const char *directory,
                                     const char *const *arguments, const char *const *environment,
                                     struct program_end *end)
{
    const char *chosen = choose_directory(stage, directory, environment);
    struct program *program = start_program(stage, chosen, INTO_ITS_FILE, arguments, environment);
    *end = program_await_end(program);
    return program;
}

const char *server_file(const struct server *server, const char *name)
{
    return stage_text(server->stage, "%s/%s", server->directory, name);
}

size_t server_count_log(const struct server *server, const char *pattern)
{
    return program_count_log(server->program, pattern);
}

/* ------------------------------------------------------------- stopping ---- */

struct program_end server_stop(struct server *server)
{
    return program_stop(server->program, SIGTERM);
}

void server_stop_well_at(struct server *server, int signal_number, const char *file, int line)
{
    struct program_end end = program_stop(server->program, signal_number);
    if (end.status != 0 || end.elapsed_ms > server_stop_limit_ms()) {
        program_show(server->program);
        stage_fail_at(file, line, "the server ended with %d after %lld ms", end.status,
                      (long long)end.elapsed_ms);
    }
}

/* ------------------------------------------------------- looking inside ---- */

static bool try_attach(const struct server *server, struct segment *segment)
{
    struct stat status;
    struct failure failure;
    return stat(server->directory, &status) == 0 &&
           segment_attach(segment_key(status.st_dev, status.st_ino), segment, &failure) ==
               SEGMENT_ATTACHED;
}

struct segment server_attach(const struct server *server)
{
    struct segment segment;
    if (!try_attach(server, &segment)) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the server has no segment");
    }
    return segment;
}

pid_t server_storer_pid(const struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    pid_t pid = 0;
    while ((pid = atomic_load(&segment.shared->storer.pid)) == 0 && deadline_pause(deadline)) {
    }
    segment_unmap(&segment);
    if (pid == 0) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the server has no storer");
    }
    return pid;
}

pid_t server_keyholder_pid(const struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    pid_t pid = 0;
    while (proc_children(server->program->pid, "lottery-key", &pid, 1) != 1) {
        if (!deadline_pause(deadline)) {
            program_show(server->program);
            stage_fail_at(__FILE__, __LINE__, "the server has no keyholder, or several");
        }
    }
    return pid;
}

/* The slot of the handler that serves this port, or NULL. */
static const struct slot *find_slot(const struct segment *segment, unsigned peer_port)
{
    char ending[16];
    int bytes = snprintf(ending, sizeof ending, ":%u", peer_port);
    for (uint32_t i = 0; i < segment->shared->identity.slot_capacity; i++) {
        const struct slot *slot = &segment->slots[i];
        size_t length = strnlen(slot->peer, sizeof slot->peer);
        if (atomic_load(&slot->pid) != 0 && length > (size_t)bytes &&
            strncmp(slot->peer + length - (size_t)bytes, ending, (size_t)bytes) == 0) {
            return slot;
        }
    }
    return NULL;
}

static const struct slot *await_slot(const struct server *server, const struct segment *segment,
                                     unsigned peer_port)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    const struct slot *slot = NULL;
    while ((slot = find_slot(segment, peer_port)) == NULL) {
        if (!deadline_pause(deadline)) {
            program_show(server->program);
            stage_fail_at(__FILE__, __LINE__, "no handler serves port %u", peer_port);
        }
    }
    return slot;
}

pid_t server_handler_pid(const struct server *server, unsigned peer_port)
{
    struct segment segment = server_attach(server);
    pid_t pid = atomic_load(&await_slot(server, &segment, peer_port)->pid);
    segment_unmap(&segment);
    return pid;
}

void server_await_activity(const struct server *server, unsigned peer_port,
                           enum slot_activity activity)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    const struct slot *slot = await_slot(server, &segment, peer_port);
    while (atomic_load(&slot->activity) != activity && deadline_pause(deadline)) {
    }
    bool reached = atomic_load(&slot->activity) == activity;
    segment_unmap(&segment);
    if (!reached) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the handler of port %u never did %d", peer_port,
                      (int)activity);
    }
}

struct gate_counts server_gate(const struct server *server)
{
    struct gate_counts counts = {0};
    struct segment segment = server_attach(server);
    (void)gate_read(segment.shared->identity.gate_id, &counts);
    segment_unmap(&segment);
    return counts;
}

void server_await_waiting(const struct server *server, uint32_t lookups)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (server_gate(server).waiting < lookups) {
        if (!deadline_pause(deadline)) {
            program_show(server->program);
            stage_fail_at(__FILE__, __LINE__, "%u look-ups never waited at the gate", lookups);
        }
    }
}

unsigned server_count_handlers(const struct server *server)
{
    return proc_children(server->program->pid, "lottery-handler", NULL, 0);
}

/* -------------------------------------------------------------- killing ---- */

/* Never 0, which would be our own process group: a process may have ended meanwhile. */
static void kill_process(pid_t pid)
{
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
    }
}

void server_kill_supervisor(struct server *server)
{
    (void)program_stop(server->program, SIGKILL);
}

void server_kill_storer(const struct server *server)
{
    kill_process(server_storer_pid(server));
}

void server_kill_handler(const struct server *server, unsigned peer_port)
{
    kill_process(server_handler_pid(server, peer_port));
}

/* Processes of a server whose supervisor is gone have become ours: they have these names. */
static unsigned list_orphans(pid_t *pids, unsigned capacity)
{
    static const char *const names[] = {"lottery-storer", "lottery-handler", "lottery-key"};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        count += proc_children(getpid(), names[i], pids + count, capacity - count);
        count = count < capacity ? count : capacity;
    }
    return count;
}

static void kill_all(const pid_t *pids, unsigned count)
{
    for (unsigned i = 0; i < count && i < PIDS_MAX; i++) {
        kill_process(pids[i]);
    }
}

void server_kill_everything(struct server *server)
{
    struct program *program = server->program;
    pid_t *pids = calloc(PIDS_MAX, sizeof *pids);
    if (pids != NULL && !program_has_ended(program)) {
        (void)kill(program->pid, SIGSTOP); /* it can fork no more */
        kill_all(pids, proc_children(program->pid, NULL, pids, PIDS_MAX));
        (void)kill(program->pid, SIGKILL);
        (void)waitpid(program->pid, &program->status, 0);
        program->ended = true;
    }
    if (pids != NULL) {
        kill_all(pids, list_orphans(pids, PIDS_MAX));
    }
    free(pids);
    server_await_orphans(server);
}

void server_await_orphans(struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    pid_t pids[16];
    for (unsigned count = 0; (count = list_orphans(pids, 16)) > 0;) {
        for (unsigned i = 0; i < count && i < 16; i++) {
            (void)waitpid(pids[i], NULL, WNOHANG);
        }
        if (list_orphans(pids, 1) > 0 && !deadline_pause(deadline)) {
            program_show(server->program);
            stage_fail_at(__FILE__, __LINE__, "a killed server's process %d lives on",
                          (int)pids[0]);
        }
    }
}
