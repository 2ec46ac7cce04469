/*
 * test_data_directory.c - one server a directory, of one layout; and what a start makes or leaves.
 */
#include "server/data_directory.h"

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

enum {
    PATH_BYTES = SCRATCH_PATH_BYTES + 16,
    SHORT_MS = 50,
    LONG_MS = 10000,
    RING_BYTES = 8388608,
    ZEROS = 100
};

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
    assert_int_equal(fixture->directory.last_ring_bytes, 0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(fixture->directory.device, status.st_dev);
    assert_int_equal(fixture->directory.inode, status.st_ino);
    assert_false(scratch_has(&fixture->scratch, "data/layout"));
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
    if (!data_directory_open(fixture->path, NULL, 0, &directory, &failure) ||
        write(fixture->told[1], "x", 1) != 1) {
        return 1;
    }
    for (;;) {
        (void)pause();
    }
    return 0;
}

/* A child that inherited the lock and lives until it is killed. */
static int live_on(void *context)
{
    const struct fixture *fixture = context;
    if (write(fixture->told[1], "x", 1) != 1) {
        return 1;
    }
    for (;;) {
        (void)pause();
    }
    return 0;
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

/* --------------------------------------------------------------- layout ---- */

static void a_layout_of_another_version_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const layouts[] = {
        "lottery data 2\nring_bytes 4096\n",
        "lottery data 10\nring_bytes 4096\n",
        "lottery data 0\nring_bytes 4096\n",
        "lottery data \nring_bytes 4096\n",
        "lottery data 1\n",
        "lottery data 1\nring_bytes \n",
        "lottery data 1\nring_bytes x\n",
        "lottery data 1 ring_bytes 4096\n",
        "lottery data",
        "something else\n",
        "lottery data -1\nring_bytes 4096\n",
        "\n",
    };
    make_directory(fixture);
    write_file(fixture, "lock", "77", 2);
    write_file(fixture, "bets.csv", "x", 1);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        char reason[64];
        write_file(fixture, "layout", layouts[i], strlen(layouts[i]));
        (void)snprintf(reason, sizeof reason, "its layout is '%.*s', this server knows version 1",
                       (int)strcspn(layouts[i], "\n"), layouts[i]);
        expect_no_opening(fixture->path, 0, reason);
        expect_file(fixture, "layout", layouts[i]);
        expect_file(fixture, "lock", "77");
        expect_file(fixture, "bets.csv", "x");
    }
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "data/layout", 0), 0);
    open_directory(fixture); /* the lock was given up */
}

static void a_layout_that_a_crash_left_empty_is_of_a_new_directory(void **state)
{
    struct fixture *fixture = *state;
    static const char zeros[ZEROS];
    make_directory(fixture);
    for (size_t count = 0; count <= ZEROS; count += ZEROS) {
        write_file(fixture, "layout", zeros, count);
        open_directory(fixture);
        assert_int_equal(fixture->directory.last_ring_bytes, 0);
        data_directory_close(&fixture->directory);
    }
}

static void claim(struct fixture *fixture, uint64_t ring_bytes)
{
    struct failure failure = {.text = ""};
    if (!data_directory_claim(&fixture->directory, ring_bytes, &failure)) {
        fail_msg("%s", failure.text);
    }
    assert_int_equal(fixture->directory.last_ring_bytes, ring_bytes);
    assert_false(scratch_has(&fixture->scratch, "data/layout.tmp"));
}

static void a_claim_is_found_by_the_next_server(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    claim(fixture, RING_BYTES);
    expect_file(fixture, "layout", "lottery data 1\nring_bytes 8388608\n");
    data_directory_close(&fixture->directory);
    open_directory(fixture);
    assert_int_equal(fixture->directory.last_ring_bytes, RING_BYTES);
    claim(fixture, 4096);
    expect_file(fixture, "layout", "lottery data 1\nring_bytes 4096\n");
    data_directory_close(&fixture->directory);
    open_directory(fixture);
    assert_int_equal(fixture->directory.last_ring_bytes, 4096);
}

static ino_t inode_of_layout(const struct fixture *fixture)
{
    struct stat status;
    assert_int_equal(fstatat(fixture->scratch.descriptor, "data/layout", &status, 0), 0);
    return status.st_ino;
}

static void a_claim_replaces_the_file_and_only_where_it_says_another_thing(void **state)
{
    struct fixture *fixture = *state;
    open_directory(fixture);
    claim(fixture, RING_BYTES);
    assert_int_equal(
        linkat(fixture->scratch.descriptor, "data/layout", fixture->scratch.descriptor, "old", 0),
        0); /* so that its inode is not used again */
    ino_t first = inode_of_layout(fixture);
    claim(fixture, RING_BYTES);
    assert_int_equal(inode_of_layout(fixture), first);
    claim(fixture, 4096);
    assert_int_not_equal(inode_of_layout(fixture), first);
    size_t count = 0;
    char *old = scratch_read(&fixture->scratch, "old", &count); /* never written in place */
    bool same = strcmp(old, "lottery data 1\nring_bytes 8388608\n") == 0;
    free(old);
    assert_true(same);
}

static void a_claim_that_cannot_be_written_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    open_directory(fixture);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "data/layout.tmp", 0755), 0);
    assert_false(data_directory_claim(&fixture->directory, RING_BYTES, &failure));
    assert_non_null(strstr(failure.text, fixture->path));
    assert_false(scratch_has(&fixture->scratch, "data/layout"));
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
    write_file(fixture, "bets.csv", "x", 1);
    data_directory_discard(&fixture->directory);
    expect_file(fixture, "bets.csv", "x");
    open_directory(fixture);
    assert_false(fixture->directory.made);
}

#define DIRECTORY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
        DIRECTORY_TEST(a_layout_of_another_version_is_refused_and_left_alone),
        DIRECTORY_TEST(a_layout_that_a_crash_left_empty_is_of_a_new_directory),
        DIRECTORY_TEST(a_claim_is_found_by_the_next_server),
        DIRECTORY_TEST(a_claim_replaces_the_file_and_only_where_it_says_another_thing),
        DIRECTORY_TEST(a_claim_that_cannot_be_written_is_a_failure),
        DIRECTORY_TEST(a_directory_that_this_start_made_is_discarded),
        DIRECTORY_TEST(a_directory_that_was_there_before_is_left_alone),
        DIRECTORY_TEST(a_directory_into_which_something_was_put_is_left_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
