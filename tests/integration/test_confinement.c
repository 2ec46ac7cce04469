/*
 * test_confinement.c - what the processes of a running server have given up, and to whom.
 */
#include "lib/program.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"
#include "tests/harness/stranger.h"

#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { STATUS_BYTES = 8192, PROCESSES_MAX = 8 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINED_PROGRAMS_NEEDED() skip() /* a sanitizer's own programs are not confined */
#else
#define CONFINED_PROGRAMS_NEEDED()
#endif

/* ---------------------------------------------------------------- status ---- */

/* Expects a line of /proc/PID/status. */
static void expect_status(struct stage *stage, pid_t pid, const char *line)
{
    char status[STATUS_BYTES];
    FILE *file = fopen(stage_text(stage, "/proc/%d/status", (int)pid), "re");
    assert_non_null(file);
    status[fread(status, 1, sizeof status - 1, file)] = '\0';
    (void)fclose(file);
    if (strstr(status, stage_text(stage, "\n%s\n", line)) == NULL) {
        fail_msg("process %d has not \"%s\" but:\n%s", (int)pid, line, status);
    }
}

/* The supervisor, its storer, and the handler of a peer that has connected. */
static size_t list_processes(const struct server *server, pid_t pids[PROCESSES_MAX])
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n"); /* so its handler is there, and confined */
    pids[0] = server->program->pid;
    unsigned children = proc_children(pids[0], NULL, pids + 1, PROCESSES_MAX - 1);
    assert_int_equal(children, 2);
    return 1 + (size_t)children;
}

static void expect_confined(struct stage *stage, pid_t pid)
{
    expect_status(stage, pid, "NoNewPrivs:\t1");
    expect_status(stage, pid, "Seccomp:\t2");
    expect_status(stage, pid, "CapPrm:\t0000000000000000");
    expect_status(stage, pid, "CapEff:\t0000000000000000");
    expect_status(stage, pid, "CapInh:\t0000000000000000");
    expect_status(stage, pid, "CapAmb:\t0000000000000000");
}

static void no_process_has_capabilities_or_all_system_calls(void **state)
{
    CONFINED_PROGRAMS_NEEDED();
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    pid_t pids[PROCESSES_MAX];
    size_t count = list_processes(server, pids);
    for (size_t i = 0; i < count; i++) {
        expect_confined(stage, pids[i]);
        expect_status(stage, pids[i], stage_text(stage, "Seccomp_filters:\t%d", i == 0 ? 1 : 2));
    }
    server_stop_well(server);
}

static void it_can_be_switched_off(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("CONFINEMENT=off"));
    pid_t pids[PROCESSES_MAX];
    size_t count = list_processes(server, pids);
    for (size_t i = 0; i < count; i++) {
        expect_status(stage, pids[i], "Seccomp:\t0");
    }
    server_stop_well(server);
}

static void a_server_that_only_tells_serves(void **state)
{
    CONFINED_PROGRAMS_NEEDED();
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("CONFINEMENT=log"));
    pid_t pids[PROCESSES_MAX];
    size_t count = list_processes(server, pids);
    for (size_t i = 0; i < count; i++) {
        expect_confined(stage, pids[i]);
    }
    server_stop_well(server);
}

/* ------------------------------------------------------------------ root ---- */

static const char *stranger_name(void)
{
    const struct passwd *entry = getpwuid(STRANGER_UID);
    return entry == NULL ? NULL : entry->pw_name;
}

/* A data directory of the stranger's, below directories that it can walk. */
static const char *make_strangers_directory(struct stage *stage)
{
    const char *directory = stage_path(stage, "theirs");
    assert_int_equal(chmod(stage->directory, 0711), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(chown(directory, STRANGER_UID, STRANGER_GID), 0);
    return directory;
}

static void root_becomes_the_user_of_the_configuration(void **state)
{
    STRANGER_NEEDED();
    CONFINED_PROGRAMS_NEEDED();
    struct stage *stage = *state;
    const char *directory = make_strangers_directory(stage);
    const char *user = stage_text(stage, "SERVER_USER=%s", stranger_name());
    struct server *server = server_start_with(stage, directory, NULL, ENVIRONMENT(user));
    pid_t pids[PROCESSES_MAX];
    size_t count = list_processes(server, pids);
    for (size_t i = 0; i < count; i++) {
        expect_confined(stage, pids[i]);
        expect_status(stage, pids[i], "CapBnd:\t0000000000000000");
        expect_status(stage, pids[i], "Uid:\t65534\t65534\t65534\t65534");
        expect_status(stage, pids[i], "Gid:\t65534\t65534\t65534\t65534");
    }
    static const char *const names[] = {"lock", "control", "bets.csv", "admin.sock"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        assert_int_equal(stat(server_file(server, names[i]), &status), 0);
        assert_int_equal(status.st_uid, STRANGER_UID);
    }
    assert_int_equal(server_count_log(server, "key: server.user"), 0);
    server_stop_well(server);
}

/* Also to a group of which its user is no member, after root was given up. */
static void its_files_are_given_to_the_group_of_the_configuration(void **state)
{
    enum { GROUP = 54321, GROUP_MODE = 0640 };
    STRANGER_NEEDED();
    struct stage *stage = *state;
    const char *directory = make_strangers_directory(stage);
    const char *user = stage_text(stage, "SERVER_USER=%s", stranger_name());
    assert_int_equal(chmod(directory, 0750), 0);
    assert_int_equal(chown(directory, STRANGER_UID, GROUP), 0);
    struct server *server =
        server_start_with(stage, directory, NULL, ENVIRONMENT(user, "DATA_GROUP=54321"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:\r\n", "server:1\r\n");
    struct stat status;
    assert_int_equal(stat(server_file(server, "control"), &status), 0);
    assert_int_equal(status.st_gid, GROUP);
    assert_int_equal(status.st_mode & 0777, GROUP_MODE);
    server_stop_well(server);
}

static void root_without_a_user_is_a_warning_that_names_the_key(void **state)
{
    STRANGER_NEEDED();
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    assert_int_equal(server_count_log(server, "WARNING*confinement*key: server.user"), 1);
    server_stop_well(server);
}

/* Nothing is made before that is said. */
static void expect_refusal(struct stage *stage, const char *directory, const char *user, int status,
                           const char *reason)
{
    struct program_end end;
    struct program *program = server_start_in_vain(
        stage, directory, NULL, ENVIRONMENT(stage_text(stage, "SERVER_USER=%s", user)), &end);
    assert_int_equal(end.status, status);
    if (strstr(program_errors(program), reason) == NULL) {
        fail_msg("\"%s\" is not in: %s", reason, program_errors(program));
    }
    stage_expect_nothing_left(stage);
}

static void a_user_that_can_not_be_is_refused_with_the_reason(void **state)
{
    STRANGER_NEEDED();
    struct stage *stage = *state;
    const char *mine = stage_path(stage, "mine");
    assert_int_equal(chmod(stage->directory, 0711), 0);
    assert_int_equal(mkdir(mine, 0700), 0);
    expect_refusal(stage, NULL, "no-such-user", PROGRAM_EXIT_CONFIG,
                   "server.user: there is no user 'no-such-user'");
    expect_refusal(stage, NULL, "root", PROGRAM_EXIT_CONFIG, "server.user: root is root");
    expect_refusal(stage, mine, stranger_name(), EXIT_FAILURE, "chown -R ");
    expect_refusal(stage, stage_path(stage, "new"), stranger_name(), EXIT_FAILURE,
                   "create data directory");
}

/* The stranger, which is not root, can become nobody else. */
static void only_root_can_become_another_user(void **state)
{
    STRANGER_NEEDED();
    struct stage *stage = *state;
    char path[4096];
    const char *programs = getenv("LOTTERY_BIN");
    assert_non_null(realpath(programs == NULL ? "bin" : programs, path));
    const char *errors = stage_path(stage, "errors");
    pid_t child = fork();
    if (child == 0) {
        bool ready = freopen(errors, "w", stderr) != NULL &&
                     setenv("SERVER_USER", "daemon", 1) == 0 &&
                     setenv("CONFINEMENT", "off", 1) == 0;
        const char *program = stage_text(stage, "%s/lottery-server", path);
        if (ready && stranger_become()) {
            (void)execl(program, program, "-t", (char *)NULL);
        }
        _exit(EXIT_SUCCESS);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == EXIT_SUCCESS) {
        skip(); /* the programs are where no stranger can reach them */
    }
    assert_non_null(strstr(files_read(stage, errors, NULL), "only root can become daemon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(no_process_has_capabilities_or_all_system_calls),
        STAGE_TEST(it_can_be_switched_off),
        STAGE_TEST(a_server_that_only_tells_serves),
        STAGE_TEST(root_becomes_the_user_of_the_configuration),
        STAGE_TEST(its_files_are_given_to_the_group_of_the_configuration),
        STAGE_TEST(root_without_a_user_is_a_warning_that_names_the_key),
        STAGE_TEST(a_user_that_can_not_be_is_refused_with_the_reason),
        STAGE_TEST(only_root_can_become_another_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
