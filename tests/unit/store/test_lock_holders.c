/*
 * test_lock_holders.c - whoever holds a lock is found, whoever took it, and nobody else.
 */
#include "store/lock_holders.h"

#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES = 1024, MANY = 12, NUMBER_BYTES = 16 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    int file;    /* open, without the lock */
    int told[2]; /* a pipe: a child says that it is there */
};

static int open_lock(const struct fixture *fixture)
{
    int file = openat(fixture->scratch.descriptor, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    return file;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_int_equal(pipe2(fixture.told, O_CLOEXEC), 0);
    fixture.file = open_lock(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    (void)close(fixture->file);
    (void)close(fixture->told[0]);
    (void)close(fixture->told[1]);
    scratch_close(&fixture->scratch);
    return 0;
}

/* A child that has what its parent had open, and lives until it is killed. */
static int live_on(void *context)
{
    const struct fixture *fixture = context;
    return processes_tell_and_live_on(fixture->told[1]);
}

static pid_t start_child(struct fixture *fixture)
{
    char told = 0;
    pid_t pid = processes_start(&fixture->processes, live_on, fixture);
    assert_int_equal(read(fixture->told[0], &told, 1), 1);
    return pid;
}

static bool names(const char *pids, pid_t pid)
{
    char number[NUMBER_BYTES];
    (void)snprintf(number, sizeof number, " %d", (int)pid);
    const char *place = strstr(pids, number);
    return place != NULL && (place[strlen(number)] == ' ' || place[strlen(number)] == '\0');
}

static void nobody_holds_a_file_that_is_only_open(void **state)
{
    struct fixture *fixture = *state;
    char pids[TEXT_BYTES] = "x";
    (void)start_child(fixture);
    lock_holders_list(fixture->file, pids, sizeof pids);
    assert_string_equal(pids, "");
    lock_holders_list(-1, pids, sizeof pids);
    assert_string_equal(pids, "");
}

static void the_children_of_the_one_that_took_it_hold_it_on(void **state)
{
    struct fixture *fixture = *state;
    char pids[TEXT_BYTES];
    int taken = open_lock(fixture);
    assert_int_equal(flock(taken, LOCK_EX | LOCK_NB), 0);
    pid_t first = start_child(fixture);
    pid_t second = start_child(fixture);
    (void)close(taken);
    lock_holders_list(fixture->file, pids, sizeof pids);
    assert_true(names(pids, first));
    assert_true(names(pids, second));
    assert_false(names(pids, getpid()));
    (void)processes_kill(&fixture->processes, first);
    lock_holders_list(fixture->file, pids, sizeof pids);
    assert_false(names(pids, first));
    assert_true(names(pids, second));
}

static void another_files_lock_is_none_of_it(void **state)
{
    struct fixture *fixture = *state;
    char pids[TEXT_BYTES];
    int other = openat(fixture->scratch.descriptor, "other", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    (void)start_child(fixture);
    (void)close(other);
    lock_holders_list(fixture->file, pids, sizeof pids);
    assert_string_equal(pids, "");
}

static void where_there_is_no_room_for_all_the_text_says_that_there_are_more(void **state)
{
    struct fixture *fixture = *state;
    char pids[LOCK_HOLDERS_BYTES_MIN];
    assert_int_equal(flock(fixture->file, LOCK_EX | LOCK_NB), 0);
    for (int i = 0; i < MANY; i++) {
        (void)start_child(fixture);
    }
    lock_holders_list(fixture->file, pids, sizeof pids);
    size_t bytes = strlen(pids);
    assert_true(bytes > strlen(" ...") && bytes < sizeof pids);
    assert_string_equal(pids + bytes - strlen(" ..."), " ...");
}

#define HOLDERS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLDERS_TEST(nobody_holds_a_file_that_is_only_open),
        HOLDERS_TEST(the_children_of_the_one_that_took_it_hold_it_on),
        HOLDERS_TEST(another_files_lock_is_none_of_it),
        HOLDERS_TEST(where_there_is_no_room_for_all_the_text_says_that_there_are_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
