/*
 * test_handler_book.c - the supervisor's book: slots, limits of hosts, and signals to those alive.
 */
#include "server/supervisor/handler_book.h"

#include "server/processes.h"
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
    struct handler_book book;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_true(handler_book_open(&fixture.book, CAPACITY, PER_HOST));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    handler_book_close(&fixture->book);
    return 0;
}

/* Slots are taken from the lowest one on; their pids are FIRST_PID and up. */
static void take_all(struct handler_book *book, const char *host)
{
    for (uint32_t i = 0; i < CAPACITY; i++) {
        assert_true(handler_book_has_room(book));
        assert_int_equal(handler_book_alive(book), i);
        uint32_t slot = handler_book_take_slot(book);
        assert_int_equal(slot, i);
        handler_book_note(book, slot, (pid_t)(FIRST_PID + slot), host);
    }
}

static void every_slot_is_given_out_once_the_lowest_first(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->book, "10.0.0.1");
    assert_false(handler_book_has_room(&fixture->book));
    assert_int_equal(handler_book_alive(&fixture->book), CAPACITY);
}

static void a_slot_that_was_given_back_is_given_out_again(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->book, "10.0.0.1");
    handler_book_give_back(&fixture->book, 3);
    assert_true(handler_book_has_room(&fixture->book));
    assert_int_equal(handler_book_alive(&fixture->book), CAPACITY - 1);
    assert_int_equal(handler_book_take_slot(&fixture->book), 3);
    assert_false(handler_book_has_room(&fixture->book));
    for (uint32_t i = 0; i < CAPACITY; i++) {
        handler_book_give_back(&fixture->book, i);
    }
    unsigned seen = 0;
    for (uint32_t i = 0; i < CAPACITY; i++) {
        seen |= 1U << handler_book_take_slot(&fixture->book);
    }
    assert_int_equal(seen, (1U << CAPACITY) - 1);
}

static void a_handler_is_found_by_its_pid_while_it_has_its_slot(void **state)
{
    struct fixture *fixture = *state;
    uint32_t slot = UINT32_MAX;
    assert_false(handler_book_find(&fixture->book, FIRST_PID, &slot));
    take_all(&fixture->book, "10.0.0.1");
    for (uint32_t i = 0; i < CAPACITY; i++) {
        assert_true(handler_book_find(&fixture->book, (pid_t)(FIRST_PID + i), &slot));
        assert_int_equal(slot, i);
    }
    slot = UINT32_MAX;
    assert_false(handler_book_find(&fixture->book, FIRST_PID + CAPACITY, &slot));
    handler_book_give_back(&fixture->book, 2);
    assert_false(handler_book_find(&fixture->book, FIRST_PID + 2, &slot));
    assert_int_equal(slot, UINT32_MAX);
}

static void a_host_has_its_share_and_others_theirs(void **state)
{
    struct fixture *fixture = *state;
    struct handler_book *book = &fixture->book;
    assert_true(handler_book_admit(book, "10.0.0.1"));
    handler_book_note(book, handler_book_take_slot(book), FIRST_PID, "10.0.0.1");
    assert_true(handler_book_admit(book, "10.0.0.1"));
    handler_book_note(book, handler_book_take_slot(book), FIRST_PID + 1, "10.0.0.1");
    assert_false(handler_book_admit(book, "10.0.0.1"));
    assert_true(handler_book_admit(book, "10.0.0.10")); /* begins alike */
    assert_true(handler_book_admit(book, "10.0.0."));
    handler_book_give_back(book, 0);
    assert_true(handler_book_admit(book, "10.0.0.1"));
    handler_book_note(book, handler_book_take_slot(book), FIRST_PID + 2, "::1");
    assert_true(handler_book_admit(book, "10.0.0.1")); /* the slot is another host's now */
}

static void a_host_that_is_not_known_yet_counts_for_nobody(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->book, "");
    assert_true(handler_book_admit(&fixture->book, ""));
    assert_true(handler_book_admit(&fixture->book, "10.0.0.1"));
}

static void a_limit_of_zero_is_no_limit(void **state)
{
    (void)state;
    struct handler_book book;
    assert_true(handler_book_open(&book, CAPACITY, 0));
    take_all(&book, "10.0.0.1");
    bool admitted = handler_book_admit(&book, "10.0.0.1");
    handler_book_close(&book);
    assert_true(admitted);
}

static void the_longest_host_is_told_from_its_like(void **state)
{
    struct fixture *fixture = *state;
    char host[LISTENER_HOST_BYTES];
    memset(host, 'f', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    for (uint32_t i = 0; i < PER_HOST; i++) {
        handler_book_note(&fixture->book, handler_book_take_slot(&fixture->book),
                          (pid_t)(FIRST_PID + i), host);
    }
    assert_string_equal(fixture->book.slots[0].host, host);
    assert_false(handler_book_admit(&fixture->book, host));
    host[sizeof host - 2] = 'e';
    assert_true(handler_book_admit(&fixture->book, host));
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
        handler_book_note(&fixture->book, handler_book_take_slot(&fixture->book), pids[i], "x");
    }
    handler_book_give_back(&fixture->book, 1); /* as if reaped; its process serves as a witness */
    handler_book_signal(&fixture->book, SIGTERM);
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
    handler_book_close(&fixture->book);
    assert_int_equal(handler_book_alive(&fixture->book), 0);
    assert_false(handler_book_has_room(&fixture->book));
    handler_book_close(&fixture->book); /* twice is once */
}

/* Said behind strerror's words: the setting that mends it. */
static void why_no_process_can_be_started_names_the_setting(void **state)
{
    (void)state;
    assert_non_null(strstr(process_explain_fork(EAGAIN), "pids_limit"));
    assert_non_null(strstr(process_explain_fork(EAGAIN), "TasksMax"));
    assert_non_null(strstr(process_explain_fork(ENOMEM), "mem_limit"));
    assert_string_equal(process_explain_fork(ENOSYS), "");
}

#define HANDLER_BOOK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HANDLER_BOOK_TEST(every_slot_is_given_out_once_the_lowest_first),
        HANDLER_BOOK_TEST(a_slot_that_was_given_back_is_given_out_again),
        HANDLER_BOOK_TEST(a_handler_is_found_by_its_pid_while_it_has_its_slot),
        HANDLER_BOOK_TEST(a_host_has_its_share_and_others_theirs),
        HANDLER_BOOK_TEST(a_host_that_is_not_known_yet_counts_for_nobody),
        HANDLER_BOOK_TEST(a_limit_of_zero_is_no_limit),
        HANDLER_BOOK_TEST(the_longest_host_is_told_from_its_like),
        HANDLER_BOOK_TEST(a_signal_reaches_those_alive_and_nobody_else),
        HANDLER_BOOK_TEST(a_book_that_is_closed_is_empty),
        cmocka_unit_test(why_no_process_can_be_started_names_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
