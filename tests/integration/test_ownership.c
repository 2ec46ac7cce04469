/*
 * test_ownership.c - what the server owns is its own: nobody else gets in, and what is taken away
 * from a running server ends it, by itself, with status 1.
 *
 * The supervisor is stopped (SIGSTOP) where a test wants to see what happens before it looks.
 */
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/segment.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    PERMISSIONS = 0777,
    OUTPUT_BYTES = 4096,
    BETS = 3,
    STATUS_READY = 0,
    STATUS_FAILED = 1,
    STATUS_NOT_SERVING = 6
};

union semun { /* POSIX leaves its definition to the caller */
    int val;
    struct semid_ds *buf;
};

/* ------------------------------------------------------------------ helpers ---- */

static uint32_t key_of(const char *directory)
{
    struct stat status;
    assert_int_equal(stat(directory, &status), 0);
    return segment_key(status.st_dev, status.st_ino);
}

static const char *name_of(struct stage *stage, uint32_t key)
{
    return stage_text(stage, "/lottery-%08x", key);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & PERMISSIONS;
}

static struct program *ask_stat(struct stage *stage, const char *directory, const char *option,
                                struct program_end *end)
{
    const struct program_plan plan = {
        .name = "lottery-stat",
        .arguments = ARGUMENTS(option),
        .environment = ENVIRONMENT(stage_text(stage, "DATA_DIRECTORY=%s", directory))};
    return program_run(stage, &plan, end);
}

static void expect_ready_status(const struct server *server, int status, const char *words)
{
    struct program_end end;
    struct program *program = ask_stat(server->stage, server->directory, "--ready", &end);
    if (end.status != status || strstr(program_errors(program), words) == NULL) {
        fail_msg("status %d, '%s' instead of %d, '%s'", end.status, program_errors(program), status,
                 words);
    }
}

/* Awaits that supervisor or storer is late with its beat, or is not. */
static void await_beat(const struct server *server, bool of_storer, bool late)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    const _Atomic int64_t *beat =
        of_storer ? &segment.shared->storer.beat_at_ms : &segment.shared->supervisor.beat_at_ms;
    while ((heartbeat_age_ms(beat) >= HEARTBEAT_LATE_MS) != late) {
        assert_true(deadline_pause(deadline));
    }
    segment_unmap(&segment);
}

static void await_open_connections(const struct server *server, uint64_t count)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    while (atomic_load(&segment.shared->supervisor.connections_open) != count) {
        assert_true(deadline_pause(deadline));
    }
    segment_unmap(&segment);
}

/* A server with some bets of agency 1, and the connection that brought them. */
static struct server *start_with_bets(struct stage *stage, struct peer **peer)
{
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
    *peer = peer_connect(server);
    peer_ask(*peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    return server;
}

/* It ends by itself, with 1, having said why in one line. */
static void expect_end(struct server *server, const char *words)
{
    struct program_end end = program_await_end(server->program);
    const char *pattern =
        stage_text(server->stage, "CRITICAL action: server | result: fail | reason: *%s*", words);
    if (end.status != 1 || server_count_log(server, pattern) != 1) {
        program_show(server->program);
        fail_msg("status %d, or no single line that says '%s'", end.status, words);
    }
    assert_int_equal(server_count_log(server, "action: shutdown*taken away"), 1);
}

/* Of data both the supervisor and the storer take notice, whoever is first. */
static void expect_end_over_data(struct server *server, const char *words)
{
    struct program_end end = program_await_end(server->program);
    const char *pattern = stage_text(server->stage, "CRITICAL action: *%s*", words);
    if (end.status != 1 || server_count_log(server, pattern) == 0) {
        program_show(server->program);
        fail_msg("status %d, or no line that says '%s'", end.status, words);
    }
}

/* A program as another user, from another directory. Returns its status; what it said in `said`. */
static int run_as_stranger(struct stage *stage, const char *name, const char *option,
                           const char *directory, char said[OUTPUT_BYTES])
{
    const char *bin = getenv("LOTTERY_BIN");
    const char *path = stage_text(stage, "%s/%s", bin == NULL ? "bin" : bin, name);
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    int program = open(path, O_RDONLY | O_CLOEXEC); /* its path may be closed to strangers */
    int ends[2];
    assert_true(program >= 0);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *const arguments[] = {(char *)name, (char *)option, NULL};
        char *const environment[] = {(char *)data, "SERVER_PORT=0", "SERVER_ADDRESS=127.0.0.1",
                                     NULL};
        (void)dup2(ends[1], STDERR_FILENO);
        (void)dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        if (chdir("/") == 0 && stranger_become()) {
            (void)fexecve(program, arguments, environment);
        }
        _exit(127);
    }
    (void)close(ends[1]);
    (void)close(program);
    size_t used = 0;
    ssize_t got = 0;
    while ((got = read(ends[0], said + used, OUTPUT_BYTES - 1 - used)) > 0) {
        used += (size_t)got;
    }
    said[used] = '\0';
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_words(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", text, words);
    }
}

/* ------------------------------------------------------------ a second server ---- */

static void removing_the_lock_file_lets_no_second_server_in(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = NULL;
    struct server *server = start_with_bets(stage, &peer);
    struct program_end end;
    assert_int_equal(kill(server->program->pid, SIGSTOP), 0);
    assert_int_equal(unlink(server_file(server, "lock")), 0);
    struct program *second =
        server_start_in_vain(stage, server->directory, NULL, ENVIRONMENT("WINNING_NUMBER=1"), &end);
    assert_int_equal(end.status, 1);
    expect_words(program_errors(second), "in use by another server (lock held by pid");
    expect_words(program_errors(second), stage_text(stage, " %d", (int)server->program->pid));
    assert_int_equal(kill(server->program->pid, SIGCONT), 0);
    expect_end(server, "lock");
    bets_expect_stored(server, 1, 0, BETS);
    stage_expect_nothing_left(stage);
}

/* ------------------------------------------------------------------ data taken ---- */

static void take_directory(const struct server *server)
{
    files_remove_tree(server->directory);
}

static void move_directory(const struct server *server)
{
    assert_int_equal(
        rename(server->directory, stage_text(server->stage, "%s.old", server->directory)), 0);
}

static void replace_bets(const struct server *server)
{
    const char *restored = stage_path(server->stage, "restored");
    files_write(restored, "");
    assert_int_equal(rename(restored, server_file(server, "bets.csv")), 0);
}

static void remove_bets(const struct server *server)
{
    assert_int_equal(unlink(server_file(server, "bets.csv")), 0);
}

static void remove_done(const struct server *server)
{
    assert_int_equal(unlink(server_file(server, "done.csv")), 0);
}

static void empty_bets(const struct server *server)
{
    assert_int_equal(truncate(server_file(server, "bets.csv"), 0), 0);
}

static void append_to_bets(const struct server *server)
{
    static const char row[] = "1,Max,Pan,3,1980-01-31,7574\r\n";
    int file = open(server_file(server, "bets.csv"), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, row, sizeof row - 1), sizeof row - 1);
    assert_int_equal(close(file), 0);
}

static void data_that_is_taken_away_ends_the_server(void **state)
{
    static const struct {
        void (*take)(const struct server *server);
        const char *words;
    } thefts[] = {
        {take_directory, "data"},          {move_directory, "is no longer under its name"},
        {replace_bets, "bets.csv"},        {remove_bets, "bets.csv"},
        {remove_done, "done.csv"},         {empty_bets, "bets.csv*cut"},
        {append_to_bets, "wrote into it"},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof thefts / sizeof thefts[0]; i++) {
        struct peer *peer = NULL;
        struct server *server = start_with_bets(stage, &peer);
        thefts[i].take(server);
        server_await_log(server, 1, "CRITICAL action: *");
        peer_send(peer, bets_batch(stage, 1, BETS, BETS));
        peer_expect_close(peer); /* nothing is acknowledged any more */
        expect_end_over_data(server, thefts[i].words);
        stage_expect_nothing_left(stage);
        files_remove_tree(server->directory);
        files_remove_tree(stage_text(stage, "%s.old", server->directory));
    }
}

/* --------------------------------------------------------------- objects taken ---- */

static void remove_segment(struct stage *stage, uint32_t key)
{
    assert_int_equal(shm_unlink(name_of(stage, key)), 0);
}

static void remove_semaphores(struct stage *stage, uint32_t key)
{
    (void)stage;
    assert_int_equal(semctl(semget((key_t)key, 0, 0), 0, IPC_RMID), 0);
}

static void removed_memory_and_semaphores_end_the_server_and_lose_no_bet(void **state)
{
    static const struct {
        void (*take)(struct stage *stage, uint32_t key);
        const char *words;
    } thefts[] = {{remove_segment, "has been removed*RemoveIPC=no"},
                  {remove_semaphores, "has been removed*RemoveIPC=no"}};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof thefts / sizeof thefts[0]; i++) {
        struct peer *peer = NULL;
        struct server *server = start_with_bets(stage, &peer);
        assert_int_equal(kill(server->program->pid, SIGSTOP), 0);
        thefts[i].take(stage, key_of(server->directory));
        peer_ask(peer, bets_batch(stage, 1, BETS, BETS), "server:0\r\n");
        assert_int_equal(kill(server->program->pid, SIGCONT), 0);
        expect_end(server, thefts[i].words);
        peer_expect_close(peer);
        bets_expect_stored(server, 1, 0, 2 * BETS);
        stage_expect_nothing_left(stage);
        struct server *next = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
        struct peer *again = peer_connect(next);
        peer_ask(again, "1:7\r\n", stage_text(stage, "server:8:%d,open", 2 * BETS));
        server_stop_well(next);
        files_remove_tree(server->directory);
    }
}

static void a_removed_segment_is_not_a_server_that_starts(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct program_end end;
    assert_int_equal(kill(server->program->pid, SIGSTOP), 0);
    remove_segment(stage, key_of(server->directory));
    struct program *stat = ask_stat(stage, server->directory, "--ready", &end);
    assert_int_equal(kill(server->program->pid, SIGCONT), 0);
    assert_int_equal(end.status, 3);
    expect_words(program_errors(stat), "its shared memory has been removed");
    expect_end(server, "shared memory");
}

/* -------------------------------------------------------------------- readiness ---- */

static void a_stopped_supervisor_or_storer_is_not_ready(void **state)
{
    struct server *server = server_start(*state, NULL);
    const pid_t pids[] = {server->program->pid, server_storer_pid(server)};
    static const char *const words[] = {"the supervisor, pid ", "the storer, pid "};
    expect_ready_status(server, STATUS_READY, "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
        await_beat(server, i == 1, true);
        expect_ready_status(server, STATUS_NOT_SERVING, words[i]);
        assert_int_equal(kill(pids[i], SIGCONT), 0);
        await_beat(server, i == 1, false);
        expect_ready_status(server, STATUS_READY, "");
    }
    server_stop_well(server);
}

/* In any other one the kernel shows no lock of a dead process, and only the beats end. */
static bool is_first_pid_namespace(void)
{
    static const char first[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO */
    char name[sizeof first] = "";
    return readlink("/proc/self/ns/pid", name, sizeof name - 1) > 0 && strcmp(name, first) == 0;
}

/* A connection would be refused at once, although the last beat is young, and a child has the locks. */
static void a_server_whose_supervisor_was_killed_is_not_ready(void **state)
{
    struct stage *stage = *state;
    if (!is_first_pid_namespace()) {
        skip();
        return; /* skip() does not return, which clang-tidy can't see */
    }
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "here\n", "here\n");
    const pid_t handler = server_handler_pid(server, peer->port);
    const pid_t storer = server_storer_pid(server);
    expect_ready_status(server, STATUS_READY, "");
    assert_int_equal(kill(handler, SIGSTOP), 0);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    server_kill_supervisor(server);
    assert_int_equal(kill(storer, SIGKILL), 0);
    expect_ready_status(server, STATUS_NOT_SERVING, "has died, and its children are about to end");
    assert_int_equal(kill(handler, SIGCONT), 0);
    server_await_orphans(server);
    server_stop_well(server_start_with(stage, server->directory, NULL, NULL)); /* clears up */
}

static void a_full_house_is_not_ready(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=1"));
    struct peer *peer = peer_connect(server);
    await_open_connections(server, 1);
    expect_ready_status(server, STATUS_NOT_SERVING, "limits.max_connections");
    peer_close(peer);
    await_open_connections(server, 0);
    expect_ready_status(server, STATUS_READY, "");
}

/* -------------------------------------------------------------- squatted names ---- */

/* What the stranger has taken is removed by the test: it is root's to do. */
struct squat {
    const char *name;
    int set;
};

static bool release_squat(void *thing)
{
    struct squat *squat = thing;
    (void)shm_unlink(squat->name);
    (void)semctl(squat->set, 0, IPC_RMID);
    return true;
}

static int await_child(pid_t pid)
{
    int status = 0;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Takes the name that a server's segment would have, and the key next to it for a set. */
static struct squat *take_names(struct stage *stage, uint32_t key)
{
    struct squat *squat = stage_allocate(stage, sizeof *squat);
    squat->name = name_of(stage, key);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(stranger_become() && shm_open(squat->name, O_CREAT | O_EXCL | O_RDWR, 0600) >= 0 &&
                      semget((key_t)segment_next_key(key), 2, IPC_CREAT | IPC_EXCL | 0600) >= 0
                  ? 0
                  : 1);
    }
    assert_int_equal(await_child(pid), 0);
    squat->set = semget((key_t)segment_next_key(key), 0, 0);
    stage_own(stage, squat, release_squat);
    return squat;
}

static void names_that_a_stranger_has_are_stepped_around(void **state)
{
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    STRANGER_NEEDED();
    assert_int_equal(mkdir(data, 0700), 0);
    uint32_t key = key_of(data);
    (void)take_names(stage, key);
    for (int starts = 0; starts < 2; starts++) {
        struct server *server = server_start(stage, NULL);
        /* The second time control remembers which key is free. */
        assert_int_equal(server_count_log(server, "*another user's; the next key is tried"),
                         starts == 0 ? 2 : 0);
        uint32_t taken = segment_next_key(segment_next_key(key));
        assert_int_equal(
            server_count_log(server, stage_text(stage,
                                                "action: shared_memory | result: success | "
                                                "segment: /dev/shm%s*",
                                                name_of(stage, taken))),
            1);
        expect_ready_status(server, STATUS_READY, "");
        server_stop_well(server);
        assert_int_equal(shm_open(name_of(stage, taken), O_RDONLY, 0), -1);
    }
}

/* All that can be guessed: a name, the key beside it, and so on. */
static void take_all_names(struct stage *stage, uint32_t key)
{
    for (int i = 0; i < SEGMENT_KEY_TRIES; i += 2) {
        (void)take_names(stage, key);
        key = segment_next_key(segment_next_key(key));
    }
}

static void when_all_names_are_taken_one_is_found_that_nobody_can_guess(void **state)
{
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    STRANGER_NEEDED();
    assert_int_equal(mkdir(data, 0700), 0);
    take_all_names(stage, key_of(data));
    for (int starts = 0; starts < 2; starts++) {
        struct server *server = server_start(stage, NULL);
        /* The second time control remembers which key is free. */
        assert_int_equal(server_count_log(server, "*another user's; the next key is tried"),
                         starts == 0 ? SEGMENT_KEY_TRIES : 0);
        expect_ready_status(server, STATUS_READY, "");
        server_stop_well(server);
    }
}

static void a_strangers_segment_is_no_server_of_ours(void **state)
{
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    struct stat status;
    struct program_end end;
    STRANGER_NEEDED();
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(stat(data, &status), 0);
    const struct segment_plan plan = {.directory_device = status.st_dev,
                                      .directory_inode = status.st_ino,
                                      .ring_bytes = 65536,
                                      .agency_limit = 1,
                                      .agencies_expected = 1,
                                      .slot_capacity = 1};
    struct squat *squat = stage_allocate(stage, sizeof *squat);
    *squat = (struct squat){.name = name_of(stage, key_of(data)), .set = -1};
    stage_own(stage, squat, release_squat);
    pid_t pid = fork();
    if (pid == 0) {
        struct segment segment;
        struct failure failure;
        bool made = stranger_become() && segment_create(&plan, &segment, &failure);
        if (made) {
            segment_publish(&segment, SHARED_READY);
            made = fchmod(segment.descriptor, 0644) == 0;
        }
        _exit(made ? 0 : 1);
    }
    assert_int_equal(await_child(pid), 0);
    int directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(directory, LOCK_EX | LOCK_NB), 0); /* as if a server lived */
    struct program *stat_program = ask_stat(stage, data, "--ready", &end);
    (void)close(directory);
    assert_int_equal(end.status, 4);
    expect_words(program_errors(stat_program), "has no shared memory here yet");
}

/* --------------------------------------------------------------- modes, owners ---- */

static void expect_modes(const struct server *server, mode_t of_directory, mode_t of_files)
{
    static const char *const names[] = {"lock", "bets.csv", "done.csv"};
    struct stage *stage = server->stage;
    uint32_t key = key_of(server->directory);
    struct semid_ds set = {.sem_nsems = 0};
    union semun argument = {.buf = &set};
    assert_int_equal(mode_of(server->directory), of_directory);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(mode_of(server_file(server, names[i])) & ~of_files, 0);
    }
    assert_int_equal(mode_of(stage_text(stage, "/dev/shm%s", name_of(stage, key))), of_files);
    assert_int_equal(semctl(semget((key_t)key, 0, 0), 0, IPC_STAT, argument), 0);
    assert_int_equal(set.sem_perm.mode & PERMISSIONS, of_files);
}

static void everything_is_its_users_alone_whatever_the_umask_is(void **state)
{
    static const mode_t umasks[] = {0, 077};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        mode_t before = umask(umasks[i]);
        struct server *server = server_start(stage, NULL);
        (void)umask(before);
        expect_modes(server, 0700, 0600);
        server_stop_well(server);
        server = server_start(stage, NULL); /* and is taken as it is by the next one */
        server_stop_well(server);
        files_remove_tree(server->directory);
    }
}

static void a_stranger_is_told_who_may_look_and_a_group_may(void **state)
{
    struct stage *stage = *state;
    char said[OUTPUT_BYTES];
    STRANGER_NEEDED();
    assert_int_equal(chmod(stage->directory, 0755), 0);
    struct server *closed = server_start(stage, NULL);
    assert_int_equal(run_as_stranger(stage, "lottery-stat", "--ready", closed->directory, said),
                     STATUS_FAILED);
    expect_words(said, "permission denied");
    expect_words(said, "as the server's user, root, or set data.group");
    server_stop_well(closed);
    files_remove_tree(closed->directory);
    struct server *open_one =
        server_start(stage, ENVIRONMENT(stage_text(stage, "DATA_GROUP=%d", STRANGER_GID)));
    expect_modes(open_one, 0750, 0640);
    expect_ready_status(open_one, STATUS_READY, "");
    assert_int_equal(run_as_stranger(stage, "lottery-stat", "--ready", open_one->directory, said),
                     STATUS_READY);
    server_stop_well(open_one);
}

static void another_users_directory_is_refused_with_the_chown_that_mends_it(void **state)
{
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    char said[OUTPUT_BYTES];
    struct program_end end;
    STRANGER_NEEDED();
    assert_int_equal(chmod(stage->directory, 0755), 0);
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(run_as_stranger(stage, "lottery-server", NULL, data, said), STATUS_FAILED);
    expect_words(said, "belongs to root (uid 0), and the server runs as ");
    expect_words(said, "chown -R ");
    assert_int_equal(chown(data, STRANGER_UID, STRANGER_GID), 0);
    struct program *program = server_start_in_vain(stage, data, NULL, NULL, &end);
    assert_int_equal(end.status, 1);
    expect_words(program_errors(program), stage_text(stage, "chown -R root %s", data));
    stage_expect_nothing_left(stage);
}

static void a_link_in_the_directory_is_refused_and_what_it_leads_to_left_alone(void **state)
{
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    const char *elsewhere = stage_path(stage, "elsewhere");
    struct program_end end;
    files_write(elsewhere, "text");
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(symlink(elsewhere, stage_path(stage, "data/done.csv")), 0);
    struct program *program = server_start_in_vain(stage, data, NULL, NULL, &end);
    assert_int_equal(end.status, 1);
    expect_words(program_errors(program), "done.csv is a symbolic link");
    assert_string_equal(files_read(stage, elsewhere, NULL), "text");
    stage_expect_nothing_left(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(removing_the_lock_file_lets_no_second_server_in),
        STAGE_TEST(data_that_is_taken_away_ends_the_server),
        STAGE_TEST(removed_memory_and_semaphores_end_the_server_and_lose_no_bet),
        STAGE_TEST(a_removed_segment_is_not_a_server_that_starts),
        STAGE_TEST(a_stopped_supervisor_or_storer_is_not_ready),
        STAGE_TEST(a_server_whose_supervisor_was_killed_is_not_ready),
        STAGE_TEST(a_full_house_is_not_ready),
        STAGE_TEST(names_that_a_stranger_has_are_stepped_around),
        STAGE_TEST(when_all_names_are_taken_one_is_found_that_nobody_can_guess),
        STAGE_TEST(a_strangers_segment_is_no_server_of_ours),
        STAGE_TEST(everything_is_its_users_alone_whatever_the_umask_is),
        STAGE_TEST(a_stranger_is_told_who_may_look_and_a_group_may),
        STAGE_TEST(another_users_directory_is_refused_with_the_chown_that_mends_it),
        STAGE_TEST(a_link_in_the_directory_is_refused_and_what_it_leads_to_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
