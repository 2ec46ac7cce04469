/*
 * test_interrupt.c - waiting ends when it should, and a signal is never missed.
 */
#include "client/interrupt.h"

#include "lib/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { LONG_MS = 60000, SHORT_MS = 20 };

static void a_pause_ends_at_its_deadline(void **state)
{
    (void)state;
    struct interrupt interrupt;
    struct failure failure;
    assert_true(interrupt_open(&interrupt, &failure));
    int64_t deadline_ms = clock_monotonic_ms() + SHORT_MS;
    assert_int_equal(interrupt_wait(&interrupt, -1, 0, deadline_ms), INTERRUPT_LAPSED);
    assert_true(clock_monotonic_ms() >= deadline_ms);
    interrupt_close(&interrupt);
}

static void a_signal_from_before_the_wait_ends_it(void **state)
{
    (void)state;
    struct interrupt interrupt;
    struct failure failure;
    assert_true(interrupt_open(&interrupt, &failure));
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(interrupt_wait(&interrupt, -1, 0, clock_monotonic_ms() + LONG_MS),
                     INTERRUPT_STOPPED);
    assert_int_equal(interrupt.signal, SIGTERM);
    assert_int_equal(interrupt_wait(&interrupt, -1, 0, clock_monotonic_ms() + LONG_MS),
                     INTERRUPT_STOPPED);
    interrupt_close(&interrupt);
}

static void whether_a_signal_has_come_is_known_without_waiting(void **state)
{
    (void)state;
    struct interrupt interrupt;
    struct failure failure;
    assert_true(interrupt_open(&interrupt, &failure));
    assert_false(interrupt_is_pending(&interrupt));
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_true(interrupt_is_pending(&interrupt));
    assert_int_equal(interrupt.signal, SIGTERM);
    interrupt_close(&interrupt);
}

static void a_signal_wins_over_a_descriptor_that_is_always_ready(void **state)
{
    (void)state;
    int ends[2];
    struct interrupt interrupt;
    struct failure failure;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(interrupt_open(&interrupt, &failure));
    assert_int_equal(interrupt_wait(&interrupt, ends[0], POLLIN, clock_monotonic_ms() + LONG_MS),
                     INTERRUPT_READY);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(interrupt_wait(&interrupt, ends[0], POLLIN, clock_monotonic_ms() + LONG_MS),
                     INTERRUPT_STOPPED);
    assert_int_equal(interrupt.signal, SIGINT);
    interrupt_close(&interrupt);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_ends_at_its_deadline),
        cmocka_unit_test(a_signal_from_before_the_wait_ends_it),
        cmocka_unit_test(whether_a_signal_has_come_is_known_without_waiting),
        cmocka_unit_test(a_signal_wins_over_a_descriptor_that_is_always_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
