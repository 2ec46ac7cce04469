/*
 * test_timestamp.c - moments as text, both ways.
 */
#include "lib/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void moments_are_written_in_utc_to_the_millisecond(void **state)
{
    (void)state;
    static const struct {
        int64_t moment_ms;
        const char *text;
    } moments[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1796000000123, "2026-11-30T00:53:20.123Z"},
        {TIMESTAMP_MS_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        char text[TIMESTAMP_BYTES];
        int64_t again = -1;
        timestamp_write(moments[i].moment_ms, text);
        assert_string_equal(text, moments[i].text);
        assert_true(timestamp_parse(text, &again));
        assert_int_equal(again, moments[i].moment_ms);
    }
}

static void people_may_type_less_and_another_offset(void **state)
{
    (void)state;
    static const char *const same[] = {
        "2026-11-30T00:53:20Z",      "2026-11-30T00:53:20.0Z",        "2026-11-30T00:53:20.00Z",
        "2026-11-30T01:53:20+01:00", "2026-11-29T21:53:20.000-03:00", "2026-11-30T00:53:20-00:00",
        "2026-11-30T06:23:20+05:30",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        int64_t moment_ms = 0;
        assert_true(timestamp_parse(same[i], &moment_ms));
        assert_int_equal(moment_ms, 1796000000000);
    }
    int64_t moment_ms = 0;
    assert_true(timestamp_parse("1970-01-01T00:00:00.5Z", &moment_ms));
    assert_int_equal(moment_ms, 500);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "now",
        "2026-11-30",
        "2026-11-30T00:53Z",
        "2026-11-30T00:53:20",
        "2026-11-30 00:53:20Z",
        "2026-11-30t00:53:20z",
        "2026-11-31T00:53:20Z",
        "2026-02-29T00:53:20Z",
        "2026-00-10T00:53:20Z",
        "2026-13-10T00:53:20Z",
        "2026-11-00T00:53:20Z",
        "2026-11-30T24:00:00Z",
        "2026-11-30T00:60:00Z",
        "2026-11-30T23:59:60Z",
        "2026-11-30T00:53:20.Z",
        "2026-11-30T00:53:20.1234Z",
        "2026-11-30T00:53:20Z ",
        " 2026-11-30T00:53:20Z",
        "2026-11-30T00:53:20+1:00",
        "2026-11-30T00:53:20+01",
        "2026-11-30T00:53:20+24:00",
        "2026-11-30T00:53:20+01:60",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "12026-11-30T00:53:20Z",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int64_t moment_ms = 77;
        if (timestamp_parse(refused[i], &moment_ms)) {
            fail_msg("\"%s\" was taken", refused[i]);
        }
        assert_int_equal(moment_ms, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_written_in_utc_to_the_millisecond),
        cmocka_unit_test(people_may_type_less_and_another_offset),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
