/*
 * test_log_moment.c - the calendar of the log is the C library's, at every moment and in every zone.
 */
#include "lib/log_moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static void expect_as_the_library(time_t second, long ms)
{
    const struct timespec moment = {.tv_sec = second, .tv_nsec = ms * 1000000};
    char text[LOG_MOMENT_BYTES + 1] = "";
    char expected[64];
    struct tm broken_down;
    log_moment_look_up_zone(second);
    assert_non_null(localtime_r(&second, &broken_down));
    size_t used = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &broken_down);
    long offset_minutes = labs(broken_down.tm_gmtoff) / 60;
    (void)snprintf(expected + used, sizeof expected - used, ".%03ld%c%02ld:%02ld", ms,
                   broken_down.tm_gmtoff < 0 ? '-' : '+', offset_minutes / 60, offset_minutes % 60);
    assert_ptr_equal(log_moment_write(text, &moment, 'T'), text + LOG_MOMENT_BYTES);
    assert_string_equal(text, expected);
}

static void a_moment_is_the_librarys_in_every_zone(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC0", "ART3", "NPT-5:45", "NST3:30NDT,M3.2.0,M11.1.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/3"};
    enum { STEP_S = 86400 * 11 + 3601, STEPS = 1900 }; /* up to 2030 */
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        for (int step = 1; step < STEPS; step++) {
            expect_as_the_library((time_t)step * STEP_S, step % 1000);
        }
    }
}

static void the_hour_changes_in_its_second(void **state)
{
    (void)state;
    enum {
        SUMMER_2026 = 1774746000,
        WINTER_2026 = 1792889999
    }; /* 29 March, 25 October, 01:00 UTC */
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    for (int i = -2; i <= 2; i++) {
        expect_as_the_library(SUMMER_2026 + i, 0);
        expect_as_the_library(WINTER_2026 + i, 999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_is_the_librarys_in_every_zone),
        cmocka_unit_test(the_hour_changes_in_its_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
