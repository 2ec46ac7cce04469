/*
 * test_children.c - the supervisor's book: slots, limits of hosts, and signals to those alive.
 */
#include "server/supervisor/children.h"

#include "tests/harness/processes.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { CAPACITY = 5, PER_HOST = 2, FIRST_PID = 1000 };

struct fixture {
    struct processes processes;
    struct children children;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_true(children_open(&fixture.children, CAPACITY, PER_HOST));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    children_close(&fixture->children);
    return 0;
}

/* Slots are taken from the lowest one on; their pids are FIRST_PID and up. */
static void take_all(struct children *children, const char *host)
{
    for (uint32_t i = 0; i < CAPACITY; i++) {
        assert_true(children_have_room(children));
        assert_int_equal(children_alive(children), i);
        uint32_t slot = children_take_slot(children);
        assert_int_equal(slot, i);
        children_note(children, slot, (pid_t)(FIRST_PID + slot), host);
    }
}

static void every_slot_is_given_out_once_the_lowest_first(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->children, "10.0.0.1");
    assert_false(children_have_room(&fixture->children));
    assert_int_equal(children_alive(&fixture->children), CAPACITY);
}

static void a_slot_that_was_given_back_is_given_out_again(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->children, "10.0.0.1");
    children_give_back(&fixture->children, 3);
    assert_true(children_have_room(&fixture->children));
    assert_int_equal(children_alive(&fixture->children), CAPACITY - 1);
    assert_int_equal(children_take_slot(&fixture->children), 3);
    assert_false(children_have_room(&fixture->children));
    for (uint32_t i = 0; i < CAPACITY; i++) {
        children_give_back(&fixture->children, i);
    }
    unsigned seen = 0;
    for (uint32_t i = 0; i < CAPACITY; i++) {
        seen |= 1U << children_take_slot(&fixture->children);
    }
    assert_int_equal(seen, (1U << CAPACITY) - 1);
}

static void a_handler_is_found_by_its_pid_while_it_has_its_slot(void **state)
{
    struct fixture *fixture = *state;
    uint32_t slot = UINT32_MAX;
    assert_false(children_find(&fixture->children, FIRST_PID, &slot));
    take_all(&fixture->children, "10.0.0.1");
    for (uint32_t i = 0; i < CAPACITY; i++) {
        assert_true(children_find(&fixture->children, (pid_t)(FIRST_PID + i), &slot));
        assert_int_equal(slot, i);
    }
    slot = UINT32_MAX;
    assert_false(children_find(&fixture->children, FIRST_PID + CAPACITY, &slot));
    children_give_back(&fixture->children, 2);
    assert_false(children_find(&fixture->children, FIRST_PID + 2, &slot));
    assert_int_equal(slot, UINT32_MAX);
}

static void a_host_has_its_share_and_others_theirs(void **state)
{
    struct fixture *fixture = *state;
    struct children *children = &fixture->children;
    assert_true(children_admit(children, "10.0.0.1"));
    children_note(children, children_take_slot(children), FIRST_PID, "10.0.0.1");
    assert_true(children_admit(children, "10.0.0.1"));
    children_note(children, children_take_slot(children), FIRST_PID + 1, "10.0.0.1");
    assert_false(children_admit(children, "10.0.0.1"));
    assert_true(children_admit(children, "10.0.0.10")); /* begins alike */
    assert_true(children_admit(children, "10.0.0."));
    children_give_back(children, 0);
    assert_true(children_admit(children, "10.0.0.1"));
    children_note(children, children_take_slot(children), FIRST_PID + 2, "::1");
    assert_true(children_admit(children, "10.0.0.1")); /* the slot is another host's now */
}

static void a_limit_of_zero_is_no_limit(void **state)
{
    (void)state;
    struct children children;
    assert_true(children_open(&children, CAPACITY, 0));
    take_all(&children, "10.0.0.1");
    bool admitted = children_admit(&children, "10.0.0.1");
    children_close(&children);
    assert_true(admitted);
}

static void the_longest_host_is_told_from_its_like(void **state)
{
    struct fixture *fixture = *state;
    char host[LISTENER_HOST_BYTES];
    memset(host, 'f', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    for (uint32_t i = 0; i < PER_HOST; i++) {
        children_note(&fixture->children, children_take_slot(&fixture->children),
                      (pid_t)(FIRST_PID + i), host);
    }
    assert_string_equal(fixture->children.slots[0].host, host);
    assert_false(children_admit(&fixture->children, host));
    host[sizeof host - 2] = 'e';
    assert_true(children_admit(&fixture->children, host));
}

static int wait_for_a_signal(void *context)
{
    (void)context;
    (void)pause();
    return 0;
}

/* A pid of 0 would be the whole process group: this test itself. */
static void a_signal_reaches_those_alive_and_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[CAPACITY - 1];
    for (uint32_t i = 0; i < CAPACITY - 1; i++) {
        pids[i] = processes_start(&fixture->processes, wait_for_a_signal, NULL);
        children_note(&fixture->children, children_take_slot(&fixture->children), pids[i], "x");
    }
    children_give_back(&fixture->children, 1); /* as if reaped; its process serves as a witness */
    children_signal(&fixture->children, SIGTERM);
    for (uint32_t i = 0; i < CAPACITY - 1; i++) {
        if (i != 1) {
            int status = processes_wait(&fixture->processes, pids[i]);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        }
    }
    int status = processes_kill(&fixture->processes, pids[1]);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_book_that_is_closed_is_empty(void **state)
{
    struct fixture *fixture = *state;
    children_close(&fixture->children);
    assert_int_equal(children_alive(&fixture->children), 0);
    assert_false(children_have_room(&fixture->children));
    children_close(&fixture->children); /* twice is once */
}

/* Said behind strerror's words: the setting that mends it. */
static void why_no_process_can_be_started_names_the_setting(void **state)
{
    (void)state;
    assert_non_null(strstr(children_explain_fork(EAGAIN), "pids_limit"));
    assert_non_null(strstr(children_explain_fork(EAGAIN), "TasksMax"));
    assert_non_null(strstr(children_explain_fork(ENOMEM), "mem_limit"));
    assert_string_equal(children_explain_fork(ENOSYS), "");
}

#define CHILDREN_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHILDREN_TEST(every_slot_is_given_out_once_the_lowest_first),
        CHILDREN_TEST(a_slot_that_was_given_back_is_given_out_again),
        CHILDREN_TEST(a_handler_is_found_by_its_pid_while_it_has_its_slot),
        CHILDREN_TEST(a_host_has_its_share_and_others_theirs),
        CHILDREN_TEST(a_limit_of_zero_is_no_limit),
        CHILDREN_TEST(the_longest_host_is_told_from_its_like),
        CHILDREN_TEST(a_signal_reaches_those_alive_and_nobody_else),
        CHILDREN_TEST(a_book_that_is_closed_is_empty),
        cmocka_unit_test(why_no_process_can_be_started_names_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
