/*
 * test_stat_units.c - figures as lottery-stat shows them to people.
 */
#include "stat/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void counts_are_exact_until_they_are_too_long(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {999, "999"},
                 {1000, "1,000"},
                 {12345, "12,345"},
                 {9999999, "9,999,999"},
                 {10000000, "10.0M"},
                 {123456789, "123M"},
                 {999499999, "999M"},
                 {999500000, "1.0G"},
                 {UINT64_MAX, "18.4E"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[UNITS_TEXT_BYTES];
        units_count(cases[i].count, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void bytes_have_a_unit_of_a_thousand(void **state)
{
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 B"},         {999, "999 B"},      {999.7, "1.0 kB"},
                 {1000, "1.0 kB"},   {3400000, "3.4 MB"}, {34100000, "34.1 MB"},
                 {99960, "100 kB"},  {8388608, "8.4 MB"}, {999499, "999 kB"},
                 {999600, "1.0 MB"}, {1.8e19, "18.0 EB"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[UNITS_TEXT_BYTES];
        units_bytes(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void durations_take_the_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        uint64_t duration_ns;
        const char *text;
    } cases[] = {{0, "0 ns"},
                 {850, "850 ns"},
                 {1200, "1.2 us"},
                 {466123, "466 us"},
                 {1200000, "1.2 ms"},
                 {999400000, "999 ms"},
                 {1000000000, "1.0 s"},
                 {34190000000, "34.1 s"},
                 {59999000000, "59.9 s"},
                 {60000000000, "1m 00s"},
                 {133000000000, "2m 13s"},
                 {3720000000000, "1h 02m"},
                 {273600000000000, "3d 04h"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[UNITS_TEXT_BYTES];
        units_duration_ns(cases[i].duration_ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void milliseconds_are_durations_too(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES];
    units_duration_ms(304, text);
    assert_string_equal(text, "304 ms");
    units_duration_ms(2300, text);
    assert_string_equal(text, "2.3 s");
    units_duration_ms(90061000, text);
    assert_string_equal(text, "1d 01h");
}

static void rates_and_means_have_a_prefix(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES];
    units_count_rate(12500, text);
    assert_string_equal(text, "12.5k/s");
    units_count_rate(0.3, text);
    assert_string_equal(text, "0.3/s");
    units_count_rate(0, text);
    assert_string_equal(text, "0/s");
    units_bytes_rate(3400000, text);
    assert_string_equal(text, "3.4 MB/s");
    units_bytes_rate(12, text);
    assert_string_equal(text, "12 B/s");
    units_mean(61.62, text);
    assert_string_equal(text, "61.6");
    units_percent(0.4231, text);
    assert_string_equal(text, "42.3 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_until_they_are_too_long),
        cmocka_unit_test(bytes_have_a_unit_of_a_thousand),
        cmocka_unit_test(durations_take_the_unit_that_fits),
        cmocka_unit_test(milliseconds_are_durations_too),
        cmocka_unit_test(rates_and_means_have_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
