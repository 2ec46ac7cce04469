/*
 * faults.c - see faults.h.
 */
#include "tests/harness/faults.h"

#include "tests/harness/deadline.h"
#include "tests/harness/emulated.h"
#include "tests/harness/files.h"
#include "tests/harness/ports.h"
#include "tests/harness/proc.h"
#include "tests/harness/reckoning.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ORPHANS_MAX = 256 };

void faults_use_programs(void)
{
    const char *directory = getenv("LOTTERY_FAULT_BIN");
    if (setenv("LOTTERY_BIN", directory == NULL ? "build/faults/bin" : directory, 1) != 0) {
        abort();
    }
}

/* -------------------------------------------------------------- opening ---- */

static void forget_segment(struct lottery *lottery)
{
    if (lottery->segment.shared != NULL) {
        segment_unmap(&lottery->segment);
    }
}

static bool release_lottery(void *thing)
{
    forget_segment(thing);
    return true;
}

/* A server of which nobody expects any more that it stops well. */
static bool release_server(void *thing)
{
    struct server *server = thing;
    server_kill_everything(server);
    machine_remove_leftovers(server->directory);
    return true;
}

struct lottery *lottery_open(struct stage *stage, const char *const *settings)
{
    skip_without_robust_mutexes(); /* whoever dies in it may hold the lock */
    struct lottery *lottery = stage_allocate(stage, sizeof *lottery);
    lottery->stage = stage;
    lottery->settings = settings;
    lottery->port = ports_choose();
    lottery->directory = stage_path(stage, "data");
    lottery->token = stage_path(stage, "token");
    stage_own(stage, lottery, release_lottery);
    return lottery;
}

/* ------------------------------------------------------------- starting ---- */

/* The lottery's settings, its port, and where its servers die. */
static const char **compose_environment(const struct lottery *lottery, const char *fault)
{
    enum { OWN_VARIABLES = 8 };
    const char **variables =
        stage_allocate(lottery->stage, (LOTTERY_SETTINGS_MAX + OWN_VARIABLES) * sizeof *variables);
    size_t used = 0;
    for (const char *const *setting = lottery->settings;
         setting != NULL && *setting != NULL && used < LOTTERY_SETTINGS_MAX; setting++) {
        variables[used++] = *setting;
    }
    variables[used++] = stage_text(lottery->stage, "SERVER_PORT=%u", lottery->port);
    variables[used++] = stage_text(lottery->stage, "LOTTERY_FAULT_TOKEN=%s", lottery->token);
    variables[used++] = "SERVER_ADDRESS=127.0.0.1";
    variables[used++] = stage_text(lottery->stage, "DATA_DIRECTORY=%s", lottery->directory);
    if (fault != NULL) {
        variables[used++] = stage_text(lottery->stage, "LOTTERY_FAULT=%s", fault);
    }
    return variables;
}

struct program *lottery_start_only(struct lottery *lottery, const char *fault)
{
    const struct program_plan plan = {.name = "lottery-server",
                                      .environment = compose_environment(lottery, fault)};
    return program_start(lottery->stage, &plan);
}

/* True once it listens; false when it has given up because an old server's child still lives. */
static bool await_listening(struct program *program, struct deadline deadline)
{
    bool more = true;
    while (program_count_log(program, "action: listen | result: success*port: ") == 0) {
        if (!more) {
            program_show(program);
            stage_fail_at(__FILE__, __LINE__, "the next server does not start");
        }
        if (program_has_ended(program) &&
            strstr(program_errors(program), "is in use by another server") != NULL) {
            return false;
        }
        more = deadline_pause(deadline) && !program_has_ended(program);
    }
    return true;
}

static void start_server(struct lottery *lottery, const char *fault)
{
    struct server *server = stage_allocate(lottery->stage, sizeof *server);
    *server = (struct server){
        .stage = lottery->stage, .directory = lottery->directory, .port = lottery->port};
    server->program = lottery_start_only(lottery, fault);
    stage_own(lottery->stage, server, release_server); /* before its program is released */
    lottery->server = server;
}

void lottery_start(struct lottery *lottery, const char *fault)
{
    struct deadline deadline = deadline_in(2 * (int64_t)DEADLINE_MS);
    forget_segment(lottery);
    start_server(lottery, fault);
    /* A disk that others keep busy can make orphans' last fdatasync take seconds. */
    while (!await_listening(lottery->server->program, deadline)) {
        lottery->refused_starts++;
        lottery_reap_orphans();
        start_server(lottery, fault);
    }
    lottery->segment = server_attach(lottery->server);
}

void lottery_attach_again(struct lottery *lottery)
{
    struct stat status;
    struct failure failure;
    struct segment segment;
    if (stat(lottery->directory, &status) == 0 &&
        segment_attach(segment_key(status.st_dev, status.st_ino), &segment, &failure) ==
            SEGMENT_ATTACHED) {
        forget_segment(lottery);
        lottery->segment = segment;
    }
}

/* --------------------------------------------------------------- faults ---- */

void lottery_arm(const struct lottery *lottery)
{
    files_write(lottery->token, "");
}

bool lottery_fault_struck(const struct lottery *lottery)
{
    return !files_exist(lottery->token);
}

static _Noreturn void fail_showing(const struct lottery *lottery, const char *what)
{
    program_show(lottery->server->program);
    stage_fail_at(__FILE__, __LINE__, "%s", what);
}

void lottery_await_fault(const struct lottery *lottery)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!lottery_fault_struck(lottery)) {
        if (!deadline_pause(deadline)) {
            fail_showing(lottery, "nobody arrived at the fault point");
        }
    }
}

/* ------------------------------------------------------------ processes ---- */

/* The process's state ('R', 'T', 'Z', ...) if it is a child of the newest server, else 0. */
static int state_of_child(const struct lottery *lottery, pid_t pid)
{
    enum { STAT_BYTES = 512 };
    char path[64];
    char line[STAT_BYTES] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    size_t got = fread(line, 1, sizeof line - 1, file);
    (void)fclose(file);
    line[got] = '\0';
    const char *behind_name = strrchr(line, ')'); /* "12 (lottery-storer) S 11 ..." */
    if (behind_name == NULL || strlen(behind_name) < sizeof ") S 1" - 1) {
        return 0;
    }
    const char *parent = behind_name + sizeof ") S " - 1;
    bool is_ours = strtol(parent, NULL, 10) == lottery->server->program->pid;
    return is_ours ? behind_name[2] : 0;
}

static pid_t if_alive(const struct lottery *lottery, pid_t pid)
{
    int state = pid > 0 ? state_of_child(lottery, pid) : 0;
    return state == 0 || state == 'Z' || state == 'X' ? 0 : pid;
}

pid_t lottery_storer(const struct lottery *lottery)
{
    return if_alive(lottery, atomic_load(&lottery->segment.shared->storer.pid));
}

size_t lottery_handlers(const struct lottery *lottery, pid_t *pids, size_t capacity)
{
    const struct segment *segment = &lottery->segment;
    size_t count = 0;
    for (uint32_t i = 0; i < segment->shared->identity.slot_capacity && count < capacity; i++) {
        pid_t pid = if_alive(lottery, atomic_load(&segment->slots[i].pid));
        if (pid != 0) {
            pids[count++] = pid;
        }
    }
    return count;
}

void lottery_await_stopped(const struct lottery *lottery, pid_t pid)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (state_of_child(lottery, pid) != 'T') {
        if (!deadline_pause(deadline)) {
            fail_showing(lottery, "a process does not stop");
        }
    }
}

static void reap_named(const char *name)
{
    pid_t pids[ORPHANS_MAX];
    unsigned count = proc_children(getpid(), name, pids, ORPHANS_MAX);
    for (unsigned i = 0; i < count && i < ORPHANS_MAX; i++) {
        (void)waitpid(pids[i], NULL, WNOHANG);
    }
}

void lottery_reap_orphans(void)
{
    reap_named("lottery-storer");
    reap_named("lottery-handler");
    reap_named("lottery-key");
}

/* --------------------------------------------------------------- deaths ---- */

static struct lottery_deaths read_deaths(const struct lottery *lottery)
{
    const struct shared *shared = lottery->segment.shared;
    return (struct lottery_deaths){
        .handlers = atomic_load(&shared->supervisor.handlers_killed) +
                    atomic_load(&shared->supervisor.handlers_forbidden),
        .storers = atomic_load(&shared->supervisor.storer_deaths),
        .recoveries = atomic_load(&shared->append.recoveries),
        .forbidden = atomic_load(&shared->supervisor.handlers_forbidden) +
                     atomic_load(&shared->supervisor.storers_forbidden),
    };
}

static bool are_equal(struct lottery_deaths a, struct lottery_deaths b)
{
    return a.handlers == b.handlers && a.storers == b.storers && a.recoveries == b.recoveries &&
           a.forbidden == b.forbidden;
}

static bool are_expected(struct lottery_deaths deaths, struct lottery_deaths expected)
{
    uint64_t by_chance = deaths.recoveries - expected.recoveries; /* wraps round where too few */
    expected.recoveries = deaths.recoveries;
    return are_equal(deaths, expected) && by_chance <= expected.recoveries_by_chance;
}

/* The same by the log: obituaries, and what the lock's next owner said. */
static struct lottery_deaths read_obituaries(const struct lottery *lottery)
{
    const struct server *server = lottery->server;
    return (struct lottery_deaths){
        .handlers = server_count_log(server, "action: reap*fail*role: handler*pid: *ended_by: "
                                             "signal*messages: *bets: "),
        .storers = server_count_log(server, "action: reap*fail*role: storer*pid: *flushes: "),
        .recoveries = server_count_log(server, "action: append_lock*repaired_by: "),
        .forbidden =
            server_count_log(server, "action: reap*fail*ended_by: signal*(Bad system call)"),
    };
}

void lottery_expect_deaths(const struct lottery *lottery, struct lottery_deaths expected)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!are_expected(read_deaths(lottery), expected) ||
           !are_equal(read_obituaries(lottery), read_deaths(lottery))) {
        if (!deadline_pause(deadline)) {
            struct lottery_deaths counted = read_deaths(lottery);
            struct lottery_deaths logged = read_obituaries(lottery);
            program_show(lottery->server->program);
            stage_fail_at(
                __FILE__, __LINE__,
                "handlers killed, storers dead, locks repaired, forbidden calls: %llu %llu %llu "
                "(and up to %llu) %llu expected, %llu %llu %llu %llu counted, %llu %llu %llu %llu "
                "in the log",
                (unsigned long long)expected.handlers, (unsigned long long)expected.storers,
                (unsigned long long)expected.recoveries,
                (unsigned long long)expected.recoveries_by_chance,
                (unsigned long long)expected.forbidden, (unsigned long long)counted.handlers,
                (unsigned long long)counted.storers, (unsigned long long)counted.recoveries,
                (unsigned long long)counted.forbidden, (unsigned long long)logged.handlers,
                (unsigned long long)logged.storers, (unsigned long long)logged.recoveries,
                (unsigned long long)logged.forbidden);
        }
    }
}

/* --------------------------------------------------------- exactly once ---- */

/* The lines of `bets` that win, each ended by LF: what the agency has to be told. */
static const char *reckon_winners(struct stage *stage, const char *bets)
{
    size_t bytes = 0;
    char *text = files_read(stage, bets, &bytes);
    const char *ending = stage_text(stage, ",%d", LOTTERY_WINNING_NUMBER);
    char *winners = stage_allocate(stage, bytes + 2);
    char *out = winners;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        size_t length = strlen(line);
        if (length > strlen(ending) && strcmp(line + length - strlen(ending), ending) == 0) {
            out += sprintf(out, "%s\n", line);
        }
    }
    return winners;
}

static void expect_winners(const struct lottery *lottery, const struct reckoning *drawn,
                           const struct lottery_agency *agency)
{
    const char *expected = reckon_winners(lottery->stage, agency->bets);
    const char *path = stage_path(lottery->stage, "expected-winners-%u", agency->id);
    files_write(path, expected);
    reckoning_expect_file(lottery->stage, drawn, agency->id, path, SIZE_MAX);
    if (agency->winners != NULL &&
        strcmp(files_read(lottery->stage, agency->winners, NULL), expected) != 0) {
        stage_fail_at(__FILE__, __LINE__, "agency %u was told other winners than:\n%s", agency->id,
                      expected);
    }
}

uint64_t lottery_count_bets(const struct lottery *lottery, uint32_t id)
{
    const struct segment *segment = &lottery->segment;
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        const struct agency *agency = &segment->agencies[i];
        if (atomic_load(&agency->present) != 0 && agency->id == id) {
            return atomic_load(&agency->bets);
        }
    }
    return 0;
}

static void expect_segment_agrees(const struct lottery *lottery, const struct reckoning *stored,
                                  const struct lottery_agency *agency)
{
    uint64_t counted = lottery_count_bets(lottery, agency->id);
    size_t read = reckoning_count(stored, agency->id);
    if (counted != read) {
        stage_fail_at(__FILE__, __LINE__, "agency %u: the server counts %llu bets, stored are %zu",
                      agency->id, (unsigned long long)counted, read);
    }
}

static void expect_positions_agree(const struct lottery *lottery)
{
    const struct shared_positions *positions = &lottery->segment.shared->positions;
    uint64_t bytes = files_size(server_file(lottery->server, "bets.csv"));
    if (atomic_load(&positions->head) != bytes || atomic_load(&positions->written) != bytes ||
        atomic_load(&positions->durable) != bytes) {
        stage_fail_at(__FILE__, __LINE__,
                      "%llu bytes stored; head %llu, written %llu, durable %llu",
                      (unsigned long long)bytes, (unsigned long long)atomic_load(&positions->head),
                      (unsigned long long)atomic_load(&positions->written),
                      (unsigned long long)atomic_load(&positions->durable));
    }
}

void lottery_expect_exactly_once(const struct lottery *lottery,
                                 const struct lottery_agency *agencies, size_t count)
{
    struct stage *stage = lottery->stage;
    struct reckoning *stored = reckoning_read(stage, server_file(lottery->server, "bets.csv"));
    struct reckoning *drawn = reckoning_read(stage, server_file(lottery->server, "winners.csv"));
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        reckoning_expect_file(stage, stored, agencies[i].id, agencies[i].bets, SIZE_MAX);
        expect_winners(lottery, drawn, &agencies[i]);
        expect_segment_agrees(lottery, stored, &agencies[i]);
        rows += reckoning_count(stored, agencies[i].id);
    }
    if (rows != stored->count) {
        stage_fail_at(__FILE__, __LINE__, "%zu rows are stored, %zu of the agencies that bet",
                      stored->count, rows);
    }
    expect_positions_agree(lottery);
}

void lottery_expect_stored(const struct lottery *lottery, const struct lottery_agency *agency,
                           size_t acknowledged)
{
    /* others may bet meanwhile: behind what is durable a write may be under way */
    uint64_t durable = atomic_load(&lottery->segment.shared->positions.durable);
    struct reckoning *stored =
        reckoning_read_start(lottery->stage, server_file(lottery->server, "bets.csv"), durable);
    size_t count = reckoning_count(stored, agency->id);
    if (count < acknowledged) {
        stage_fail_at(__FILE__, __LINE__, "agency %u: %zu bets are acknowledged, %zu are stored",
                      agency->id, acknowledged, count);
    }
    reckoning_expect_file(lottery->stage, stored, agency->id, agency->bets, count);
}

/* -------------------------------------------------------------- closing ---- */

static bool is_own_file(const char *name)
{
    static const char *const names[] = {".",         "..",         "bets.csv",    "done.csv",
                                        "seal.json", "draw.json",  "winners.csv", "lock",
                                        "control",   "checkpoint", "draws"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void expect_own_files_only(const struct lottery *lottery)
{
    DIR *directory = opendir(lottery->directory);
    const struct dirent *entry = NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL &&
           is_own_file(entry->d_name)) {
    }
    const char *alien = entry == NULL ? NULL : stage_text(lottery->stage, "%s", entry->d_name);
    if (directory != NULL) {
        (void)closedir(directory);
    }
    if (alien != NULL) {
        stage_fail_at(__FILE__, __LINE__, "%s/%s was left behind", lottery->directory, alien);
    }
}

/* Only the lottery's own: other servers on the machine may be killed meanwhile, too. */
static void expect_no_shared_memory(const struct lottery *lottery)
{
    const struct shared_identity *identity = &lottery->segment.shared->identity;
    uint32_t key = segment_key(identity->directory_device, identity->directory_inode);
    const char *path = stage_text(lottery->stage, "/dev/shm%s", lottery->segment.name);
    if (files_exist(path) || semget((key_t)key, 0, 0) >= 0) {
        stage_fail_at(__FILE__, __LINE__, "%s or semaphore set 0x%08x was left behind", path, key);
    }
}

/* A storer that was killed a moment ago would be missed when the server is to stop. */
static void await_storer(const struct lottery *lottery)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (lottery_storer(lottery) == 0) {
        if (!deadline_pause(deadline)) {
            fail_showing(lottery, "the storer is not replaced");
        }
    }
}

void lottery_close(struct lottery *lottery)
{
    await_storer(lottery);
    server_stop_well(lottery->server);
    reckoning_expect_books(lottery->stage, lottery->directory);
    expect_no_shared_memory(lottery);
    expect_own_files_only(lottery);
}
