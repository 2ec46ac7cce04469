/*
 * test_data_directory.c - one server a directory, of one lottery; and what a start makes or leaves.
 */
#include "store/data_directory.h"

#include "lib/log.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = SCRATCH_PATH_BYTES + 16, SHORT_MS = 50, LONG_MS = 10000, RING_BYTES = 8388608 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    char path[PATH_BYTES]; /* of a data directory that is not there yet */
    struct data_directory directory;
    int told[2]; /* a pipe: a child says that it holds the lock */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.directory = {.descriptor = -1, .lock = -1}, .told = {-1, -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/data", fixture.scratch.path);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_int_equal(pipe2(fixture.told, O_CLOEXEC), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    data_directory_close(&fixture->directory);
    (void)close(fixture->told[0]);
    (void)close(fixture->told[1]);
    scratch_close(&fixture->scratch);
    return 0;
}

static void open_directory(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    if (!data_directory_open(fixture->path, NULL, 0, &fixture->directory, &failure)) {
        fail_msg("%s", failure.text);
    }
}

/* Expects a failure that names the path and says this; nothing is left open then. */
static void expect_no_opening(const char *path, uint64_t patience_ms, const char *reason)
{
    struct failure failure = {.text = ""};
    struct data_directory other;
    bool opened = data_directory_open(path, NULL, patience_ms, &other, &failure);
    bool left_open = other.descriptor >= 0 || other.lock >= 0;
    data_directory_close(&other);
    assert_false(opened);
    assert_false(left_open);
    if (strstr(failure.text, path) == NULL || strstr(failure.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
}

/* A file in the data directory. */
static void write_file(struct fixture *fixture, const char *name, const char *bytes, size_t count)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "data/%s", name);
    scratch_write(&fixture->scratch, path, bytes, count);
}

static void expect_file(struct fixture *fixture, const char *name, const char *bytes)
{
    char path[PATH_BYTES];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "data/%s", name);
    char *file = scratch_read(&fixture->scratch, path, &count);
    bool same = count == strlen(bytes) && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same);
}

static void make_directory(struct fixture *fixture)
{
    assert_int_equal(mkdir(fixture->path, 0700), 0);
}

/* ----------------------------------------------------------------- open ---- */

static void a_directory_that_is_missing_is_made(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    char pid[16];
    open_directory(fixture);
    assert_true(fixture->directory.made);
    assert_ptr_equal(fixture->directory.path, fixture->path);
    assert_false(fixture->directory.has_control);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(fixture->directory.device, status.st_dev);
    assert_int_equal(fixture->directory.inode, status.st_ino);
    assert_false(scratch_has(&fixture->scratch, "data/control"));
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    expect_file(fixture, "lock", pid);
}

static void a_directory_that_is_there_is_opened_and_a_longer_pid_overwritten(void **state)
{
    struct fixture *fixture = *state;
    char pid[16];
    make_directory(fixture);
    write_file(fixture, "lock", "123456789012", 12);
    open_directory(fixture);
    assert_false(fixture->directory.made);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    expect_file(fixture, "lock", pid);
}

static void what_is_no_directory_or_has_no_parent_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char below[PATH_BYTES + 8];
    (void)snprintf(below, sizeof below, "%s/sub", fixture->path);
    expect_no_opening(below, 0, "No such file or directory");
    assert_false(scratch_has(&fixture->scratch, "data"));
    scratch_write(&fixture->scratch, "data", "file", 4);
    expect_no_opening(fixture->path, 0, "Not a directory");
    expect_no_opening(below, 0, "Not a directory");
}

static void closing_twice_is_closing_once(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    data_directory_close(&fixture->directory);
    assert_int_equal(fixture->directory.descriptor, -1);
    assert_int_equal(fixture->directory.lock, -1);
    data_directory_close(&fixture->directory);
    open_directory(fixture); /* the lock was given up */
}

/* ----------------------------------------------------------------- lock ---- */

/* A server: says that it has the lock, and lives until it is killed. */
static int hold_the_lock(void *context)
{
    const struct fixture *fixture = context;
    struct data_directory directory;
    struct failure failure;
    return data_directory_open(fixture->path, NULL, 0, &directory, &failure)
               ? processes_tell_and_live_on(fixture->told[1])
               : 1;
}

/* A child that inherited the lock and lives until it is killed. */
static int live_on(void *context)
{
    const struct fixture *fixture = context;
    return processes_tell_and_live_on(fixture->told[1]);
}

static pid_t start_and_await(struct fixture *fixture, int (*body)(void *context))
{
    char told = 0;
    pid_t pid = processes_start(&fixture->processes, body, fixture);
    assert_int_equal(read(fixture->told[0], &told, 1), 1);
    return pid;
}

static void a_server_that_holds_the_lock_is_named(void **state)
{
    struct fixture *fixture = *state;
    char holder[64];
    pid_t pid = start_and_await(fixture, hold_the_lock);
    (void)snprintf(holder, sizeof holder, "lock held by pid %d; started as pid %d)", (int)pid,
                   (int)pid);
    expect_no_opening(fixture->path, 0, holder);
    expect_no_opening(fixture->path, 0, holder); /* whoever was refused changed nothing */
    (void)processes_kill(&fixture->processes, pid);
    open_directory(fixture);
}

static void the_lock_is_waited_for_as_long_as_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    int64_t started_ms = processes_now_ms();
    expect_no_opening(fixture->path, SHORT_MS, "in use by another server");
    int64_t waited_ms = processes_now_ms() - started_ms;
    assert_true(waited_ms >= SHORT_MS - 1);
    assert_true(waited_ms < LONG_MS);
}

static int open_with_patience(void *context)
{
    const struct fixture *fixture = context;
    struct data_directory directory;
    struct failure failure;
    return data_directory_open(fixture->path, NULL, LONG_MS, &directory, &failure) ? 0 : 1;
}

static void whoever_waits_has_the_lock_when_its_holder_dies(void **state)
{
    struct fixture *fixture = *state;
    pid_t holder = start_and_await(fixture, hold_the_lock);
    pid_t waiter = processes_start(&fixture->processes, open_with_patience, fixture);
    (void)processes_kill(&fixture->processes, holder);
    processes_expect_exit(&fixture->processes, waiter, 0);
}

static void the_lock_is_held_until_the_last_child_is_gone(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    char holder[64];
    pid_t child = start_and_await(fixture, live_on);
    data_directory_close(&fixture->directory);
    (void)snprintf(holder, sizeof holder, "lock held by pid %d; started as pid %d)", (int)child,
                   (int)getpid());
    expect_no_opening(fixture->path, 0, holder);
    (void)processes_kill(&fixture->processes, child);
    open_directory(fixture);
}

/* Whoever only has the file open, as a server that waits for it has, is not taken for a holder. */
static void who_waits_for_the_lock_is_not_named(void **state)
{
    struct fixture *fixture = *state;
    char holder[64];
    make_directory(fixture);
    write_file(fixture, "lock", "", 0);
    int waiting = openat(fixture->scratch.descriptor, "data/lock", O_RDWR | O_CLOEXEC);
    assert_true(waiting >= 0);
    (void)start_and_await(fixture, live_on); /* and so has this one */
    (void)close(waiting);
    pid_t pid = start_and_await(fixture, hold_the_lock);
    (void)snprintf(holder, sizeof holder, "lock held by pid %d;", (int)pid);
    expect_no_opening(fixture->path, 0, holder);
}

static void other_files_locks_are_not_taken_for_ours(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct data_directory other;
    char another[PATH_BYTES];
    (void)snprintf(another, sizeof another, "%s/other", fixture->scratch.path);
    open_directory(fixture);
    bool opened = data_directory_open(another, NULL, 0, &other, &failure);
    data_directory_close(&other);
    assert_true(opened);
}

/* -------------------------------------------------------------- control ---- */

/* Of a server that has been here before. */
static void write_control(struct fixture *fixture, struct control *control)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    open_directory(fixture);
    assert_true(control_make(control, &failure));
    control->ring_bytes = RING_BYTES;
    control->terms = (struct lottery_terms){.draw = "1", .agencies_expected = 1};
    assert_true(control_write(&fixture->directory, control, &synced, &failure));
    data_directory_close(&fixture->directory);
}

static void what_the_last_server_noted_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct control control;
    write_control(fixture, &control);
    open_directory(fixture);
    assert_true(fixture->directory.has_control);
    assert_string_equal(fixture->directory.control.identity, control.identity);
    assert_int_equal(fixture->directory.control.ring_bytes, RING_BYTES);
}

static void a_control_that_is_damaged_or_of_another_version_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *control, *reason;
    } refused[] = {
        {"lottery data 5\nring_bytes 4096\n", "version 5, this server knows versions 2 to 4"},
        {"lottery data 10\nring_bytes 4096\n", "version 10, this server knows versions 2 to 4"},
        {"lottery data 2\nring_bytes 4096\n", "control is damaged"},
        {"lottery data 2\n", "control is damaged"},
        {"something else\n", "control is damaged"},
        {"\n", "control is damaged"},
        {"", "control is damaged"},
    };
    make_directory(fixture);
    write_file(fixture, "lock", "77", 2);
    write_file(fixture, "bets.csv", "x", 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        write_file(fixture, "control", refused[i].control, strlen(refused[i].control));
        expect_no_opening(fixture->path, 0, refused[i].reason);
        expect_file(fixture, "control", refused[i].control);
        expect_file(fixture, "lock", "77");
        expect_file(fixture, "bets.csv", "x");
    }
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "data/control", 0), 0);
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "data/bets.csv", 0), 0);
    open_directory(fixture); /* the lock was given up */
}

static void files_without_control_are_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"bets.csv", "done.csv", "winners.csv", "checkpoint"};
    make_directory(fixture);
    write_file(fixture, "lock", "77", 2);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_BYTES];
        char reason[64];
        (void)snprintf(path, sizeof path, "data/%s", files[i]);
        (void)snprintf(reason, sizeof reason, "control is missing, and %s is there", files[i]);
        write_file(fixture, files[i], "x", 1);
        expect_no_opening(fixture->path, 0, reason);
        expect_file(fixture, files[i], "x");
        expect_file(fixture, "lock", "77");
        assert_false(scratch_has(&fixture->scratch, "data/control"));
        assert_int_equal(unlinkat(fixture->scratch.descriptor, path, 0), 0);
        assert_int_equal(symlinkat("nowhere", fixture->scratch.descriptor, path), 0);
        expect_no_opening(fixture->path, 0, "is a symbolic link");
        assert_int_equal(unlinkat(fixture->scratch.descriptor, path, 0), 0);
        assert_int_equal(mkdirat(fixture->scratch.descriptor, path, 0755), 0);
        expect_no_opening(fixture->path, 0, "is a directory");
        assert_int_equal(unlinkat(fixture->scratch.descriptor, path, AT_REMOVEDIR), 0);
    }
    open_directory(fixture);
}

/* A crash may have left these; nothing has been stored in them. */
static void empty_files_without_control_are_of_a_new_directory(void **state)
{
    struct fixture *fixture = *state;
    make_directory(fixture);
    write_file(fixture, "bets.csv", "", 0);
    write_file(fixture, "done.csv", "", 0);
    write_file(fixture, "control.tmp", "half", 4);
    open_directory(fixture);
    assert_false(fixture->directory.has_control);
}

static void a_directory_of_an_older_server_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char layout[] = "lottery data 1\nring_bytes 4096\n";
    make_directory(fixture);
    write_file(fixture, "layout", layout, strlen(layout));
    write_file(fixture, "bets.csv", "x", 1);
    expect_no_opening(fixture->path, 0, "written by a server of version 1.0");
    expect_file(fixture, "layout", layout);
    expect_file(fixture, "bets.csv", "x");
    assert_false(scratch_has(&fixture->scratch, "data/control"));
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "data/bets.csv", 0), 0);
    expect_no_opening(fixture->path, 0, "written by a server of version 1.0");
}

/* -------------------------------------------------------------- discard ---- */

static void a_directory_that_this_start_made_is_discarded(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    data_directory_discard(&fixture->directory);
    assert_false(scratch_has(&fixture->scratch, "data"));
    assert_int_equal(fixture->directory.descriptor, -1);
    assert_int_equal(fixture->directory.lock, -1);
    data_directory_discard(&fixture->directory); /* harmless */
    open_directory(fixture);
    assert_true(fixture->directory.made);
}

static void a_directory_that_was_there_before_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    make_directory(fixture);
    open_directory(fixture);
    data_directory_discard(&fixture->directory);
    assert_true(scratch_has(&fixture->scratch, "data"));
    assert_true(scratch_has(&fixture->scratch, "data/lock"));
    open_directory(fixture);
}

static void a_directory_into_which_something_was_put_is_left_there(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    write_file(fixture, "notes", "x", 1);
    data_directory_discard(&fixture->directory);
    expect_file(fixture, "notes", "x");
    open_directory(fixture);
    assert_false(fixture->directory.made);
}

#define DIRECTORY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void trying_finds_what_opening_would_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct stat status;
    struct data_directory_glance glance = {.in_use = true};
    assert_true(data_directory_try(fixture->path, NULL, &glance, &failure));
    assert_false(glance.in_use);
    assert_int_equal(stat(fixture->path, &status), -1);
    assert_false(data_directory_try("/nonexistent/data", NULL, &glance, &failure));
    assert_string_equal(failure.text,
                        "create data directory /nonexistent/data: No such file or directory");
    open_directory(fixture);
    assert_true(data_directory_try(fixture->path, NULL, &glance, &failure));
    assert_true(glance.in_use);
    data_directory_close(&fixture->directory);
    assert_true(data_directory_try(fixture->path, NULL, &glance, &failure));
    assert_false(glance.in_use);
    write_file(fixture, DATA_BETS_FILE, "x", 1);
    assert_false(data_directory_try(fixture->path, NULL, &glance, &failure));
    assert_non_null(strstr(failure.text, "/control is missing"));
    assert_int_equal(chmod(fixture->path, 0755), 0);
    assert_false(data_directory_try(fixture->path, NULL, &glance, &failure));
    assert_non_null(strstr(failure.text, "chmod"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_directory_that_is_missing_is_made),
        DIRECTORY_TEST(a_directory_that_is_there_is_opened_and_a_longer_pid_overwritten),
        DIRECTORY_TEST(what_is_no_directory_or_has_no_parent_is_refused),
        DIRECTORY_TEST(closing_twice_is_closing_once),
        DIRECTORY_TEST(a_server_that_holds_the_lock_is_named),
        DIRECTORY_TEST(the_lock_is_waited_for_as_long_as_it_is_told),
        DIRECTORY_TEST(whoever_waits_has_the_lock_when_its_holder_dies),
        DIRECTORY_TEST(the_lock_is_held_until_the_last_child_is_gone),
        DIRECTORY_TEST(who_waits_for_the_lock_is_not_named),
        DIRECTORY_TEST(other_files_locks_are_not_taken_for_ours),
        DIRECTORY_TEST(what_the_last_server_noted_is_read),
        DIRECTORY_TEST(a_control_that_is_damaged_or_of_another_version_is_refused_and_left_alone),
        DIRECTORY_TEST(files_without_control_are_refused_and_left_alone),
        DIRECTORY_TEST(empty_files_without_control_are_of_a_new_directory),
        DIRECTORY_TEST(a_directory_of_an_older_server_is_refused_and_left_alone),
        DIRECTORY_TEST(a_directory_that_this_start_made_is_discarded),
        DIRECTORY_TEST(a_directory_that_was_there_before_is_left_alone),
        DIRECTORY_TEST(a_directory_into_which_something_was_put_is_left_there),
        DIRECTORY_TEST(trying_finds_what_opening_would_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
