/*
 * test_handler_book.c - the supervisor's book: slots, strangers, and signals to those alive.
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

enum { CAPACITY = 5, ORIGIN = 7, FIRST_PID = 1000 };

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
    assert_true(handler_book_open(&fixture.book, CAPACITY));
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
static void take_all(struct handler_book *book, uint64_t origin)
{
    uint32_t address = address_book_find(&book->addresses, origin);
    for (uint32_t i = 0; i < CAPACITY; i++) {
        assert_true(book->free_count > 0);
        assert_int_equal(handler_book_alive(book), i);
        uint32_t slot = handler_book_take_slot(book);
        assert_int_equal(slot, i);
        handler_book_note(book, slot, (pid_t)(FIRST_PID + slot), address);
    }
}

static void every_slot_is_given_out_once_the_lowest_first(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->book, ORIGIN);
    assert_int_equal(fixture->book.free_count, 0);
    assert_int_equal(handler_book_alive(&fixture->book), CAPACITY);
}

static void a_slot_that_was_given_back_is_given_out_again(void **state)
{
    struct fixture *fixture = *state;
    take_all(&fixture->book, ORIGIN);
    handler_book_give_back(&fixture->book, 3);
    assert_int_equal(fixture->book.free_count, 1);
    assert_int_equal(handler_book_alive(&fixture->book), CAPACITY - 1);
    assert_int_equal(handler_book_take_slot(&fixture->book), 3);
    assert_int_equal(fixture->book.free_count, 0);
    handler_book_give_back(&fixture->book, 3); /* given out, and not noted */
    for (uint32_t i = 0; i < CAPACITY; i++) {
        if (i != 3) {
            handler_book_give_back(&fixture->book, i);
        }
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
    take_all(&fixture->book, ORIGIN);
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

/* A slot whose connection has said who it is. */
static void identify(struct slot *slots, uint32_t index)
{
    atomic_store(&slots[index].standing, SLOT_IDENTIFIED);
}

static void who_has_said_who_it_is_is_no_stranger(void **state)
{
    static struct slot slots[CAPACITY];
    struct fixture *fixture = *state;
    struct handler_book *book = &fixture->book;
    memset(slots, 0, sizeof slots);
    take_all(book, ORIGIN);
    assert_int_equal(book->strangers, CAPACITY);
    identify(slots, 0);
    identify(slots, 2);
    handler_book_look(book, slots);
    handler_book_look(book, slots); /* twice is once */
    assert_int_equal(book->strangers, CAPACITY - 2);
    assert_int_equal(handler_book_staying(book), CAPACITY);
    uint32_t address = address_book_find(&book->addresses, ORIGIN);
    assert_int_equal(book->addresses.entries[address].strangers, CAPACITY - 2);
    assert_int_equal(book->addresses.entries[address].connections, CAPACITY);
    assert_int_equal(handler_book_oldest_stranger(book, address), 1);
    for (uint32_t i = 0; i < CAPACITY; i++) {
        handler_book_give_back(book, i);
    }
    assert_int_equal(book->strangers, 0);
    assert_int_equal(book->addresses.entries[address].connections, 0);
    assert_int_equal(handler_book_oldest_stranger(book, address), ADDRESS_NONE);
}

static void the_stranger_that_came_first_is_the_oldest_whoever_leaves(void **state)
{
    struct fixture *fixture = *state;
    struct handler_book *book = &fixture->book;
    take_all(book, ORIGIN);
    uint32_t address = address_book_find(&book->addresses, ORIGIN);
    handler_book_give_back(book, 1); /* from the middle */
    handler_book_settle(book, 0, HANDLER_LEAVING);
    assert_int_equal(handler_book_oldest_stranger(book, address), 2);
    assert_int_equal(handler_book_staying(book), CAPACITY - 2);
    handler_book_give_back(book, CAPACITY - 1); /* from the end */
    uint32_t slot = handler_book_take_slot(book);
    handler_book_note(book, slot, FIRST_PID + CAPACITY, address);
    const uint32_t order[] = {2, 3, slot};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_int_equal(handler_book_oldest_stranger(book, address), order[i]);
        handler_book_settle(book, order[i], HANDLER_LEAVING);
    }
    assert_int_equal(handler_book_staying(book), 0);
    assert_int_equal(book->leaving, 4);
    handler_book_give_back(book, 0);
    assert_int_equal(book->leaving, 3);
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
        handler_book_note(&fixture->book, handler_book_take_slot(&fixture->book), pids[i],
                          address_book_find(&fixture->book.addresses, ORIGIN));
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
    assert_int_equal(fixture->book.free_count, 0);
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
        HANDLER_BOOK_TEST(who_has_said_who_it_is_is_no_stranger),
        HANDLER_BOOK_TEST(the_stranger_that_came_first_is_the_oldest_whoever_leaves),
        HANDLER_BOOK_TEST(a_signal_reaches_those_alive_and_nobody_else),
        HANDLER_BOOK_TEST(a_book_that_is_closed_is_empty),
        cmocka_unit_test(why_no_process_can_be_started_names_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
