/*
 * test_clock.c - the units are what their names say, and a deadline is a whole moment.
 *
 * Every reading is held between two readings of the kernel's clock, however
 * long the scheduler lets the test wait in between.
 */
#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum {
    MS_PER_SECOND = 1000,
    NS_PER_MS = 1000000,
    NS_PER_SECOND = 1000000000,
    COARSE_MS = 100, /* what the coarse clock may be behind: some ticks */
    LENGTH_MAX_MS = 2500,
};

static int64_t to_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static int64_t kernels_ns(clockid_t clock)
{
    struct timespec now = {0};
    assert_int_equal(clock_gettime(clock, &now), 0);
    return to_ns(now);
}

static void both_units_tell_the_time_of_the_monotonic_clock(void **state)
{
    (void)state;
    int64_t before_ns = kernels_ns(CLOCK_MONOTONIC);
    int64_t now_ns = clock_monotonic_ns();
    int64_t now_ms = clock_monotonic_ms();
    int64_t after_ns = kernels_ns(CLOCK_MONOTONIC);
    assert_true(before_ns <= now_ns && now_ns <= after_ns);
    assert_true(before_ns / NS_PER_MS <= now_ms && now_ms <= after_ns / NS_PER_MS);
}

static void the_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t last_ns = clock_monotonic_ns();
    int64_t last_ms = clock_monotonic_ms();
    for (int64_t until_ms = last_ms + 3; last_ms < until_ms;) {
        int64_t now_ns = clock_monotonic_ns();
        int64_t now_ms = clock_monotonic_ms();
        assert_true(now_ns >= last_ns && now_ms >= last_ms);
        last_ns = now_ns;
        last_ms = now_ms;
    }
}

static void the_wall_clock_counts_milliseconds_since_1970(void **state)
{
    (void)state;
    int64_t before_ms = kernels_ns(CLOCK_REALTIME) / NS_PER_MS;
    int64_t now_ms = clock_wall_ms();
    int64_t after_ms = kernels_ns(CLOCK_REALTIME) / NS_PER_MS;
    assert_true(before_ms - COARSE_MS <= now_ms && now_ms <= after_ms);
}

static void the_boot_clock_counts_milliseconds_since_the_machine_was_started(void **state)
{
    (void)state;
    int64_t before_ns = kernels_ns(CLOCK_BOOTTIME);
    int64_t now_ms = clock_boot_ms();
    int64_t after_ns = kernels_ns(CLOCK_BOOTTIME);
    assert_in_range(now_ms, before_ns / NS_PER_MS, after_ns / NS_PER_MS);
}

static void an_interval_is_split_into_seconds_and_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t length_ms;
        int64_t seconds, nanoseconds;
    } cases[] = {
        {0, 0, 0},
        {1, 0, 1000000},
        {999, 0, 999000000},
        {1000, 1, 0},
        {1001, 1, 1000000},
        {86400000, 86400, 0},
        {2999, 2, 999000000},
        {INT64_C(5000000000123), INT64_C(5000000000), 123000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct timespec interval = clock_interval(cases[i].length_ms);
        assert_int_equal(interval.tv_sec, cases[i].seconds);
        assert_int_equal(interval.tv_nsec, cases[i].nanoseconds);
    }
}

/* Over all milliseconds of a second, so that the carry into the seconds is met and not met. */
static void a_deadline_is_so_far_from_now_and_a_time_that_the_kernel_takes(void **state)
{
    (void)state;
    int carried = 0;
    for (int64_t length_ms = 0; length_ms <= LENGTH_MAX_MS; length_ms++) {
        int64_t before_ns = kernels_ns(CLOCK_MONOTONIC);
        struct timespec deadline = clock_deadline(length_ms);
        int64_t after_ns = kernels_ns(CLOCK_MONOTONIC);
        assert_true(deadline.tv_nsec >= 0 && deadline.tv_nsec < NS_PER_SECOND);
        assert_true(before_ns + length_ms * NS_PER_MS <= to_ns(deadline));
        assert_true(to_ns(deadline) <= after_ns + length_ms * NS_PER_MS);
        carried +=
            before_ns % NS_PER_SECOND + length_ms % MS_PER_SECOND * NS_PER_MS >= NS_PER_SECOND;
    }
    assert_true(carried > 0 && carried < LENGTH_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_units_tell_the_time_of_the_monotonic_clock),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_counts_milliseconds_since_1970),
        cmocka_unit_test(the_boot_clock_counts_milliseconds_since_the_machine_was_started),
        cmocka_unit_test(an_interval_is_split_into_seconds_and_nanoseconds),
        cmocka_unit_test(a_deadline_is_so_far_from_now_and_a_time_that_the_kernel_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
