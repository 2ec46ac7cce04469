/*
 * test_stat_options.c - lottery-stat's command line.
 */
#include "stat/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum { ARGUMENTS_MAX = 8 };

static enum program_reading read_line(char *const *words, struct options *options)
{
    char program[] = "lottery-stat";
    char *arguments[ARGUMENTS_MAX] = {program};
    int count = 1;
    while (words[count - 1] != NULL) {
        arguments[count] = words[count - 1];
        count++;
    }
    return options_read(count, arguments, options);
}

#define READ(options, ...) read_line((char *[]){__VA_ARGS__, NULL}, options)

static void without_options_it_is_the_table(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(read_line((char *[]){NULL}, &options), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_TABLE);
    assert_null(options.file);
}

static void each_output_has_its_option(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(READ(&options, "-c", "x.yaml", "--json"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_JSON);
    assert_string_equal(options.file, "x.yaml");
    assert_int_equal(READ(&options, "--prometheus", "--config=y.yaml"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_PROMETHEUS);
    assert_string_equal(options.file, "y.yaml");
    assert_int_equal(READ(&options, "--ready"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_READY);
    assert_int_equal(READ(&options, "--explain"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_EXPLAIN);
    assert_int_equal(READ(&options, "--watch"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_WATCH);
    assert_int_equal(options.interval_ms, INTERVAL_DEFAULT_MS);
    assert_int_equal(READ(&options, "--interval", "2.5", "--watch"), PROGRAM_GO_ON);
    assert_int_equal(options.interval_ms, 2500);
}

static void thresholds_are_of_the_check(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(READ(&options, "--check"), PROGRAM_GO_ON);
    assert_int_equal(options.output, OUTPUT_CHECK);
    assert_int_equal(options.limits.silent_ms, verdict_default_limits.silent_ms);
    assert_int_equal(READ(&options, "--check", "--silent", "15", "--certificate=7"), PROGRAM_GO_ON);
    assert_int_equal(options.limits.silent_ms, 15 * 60 * 1000);
    assert_int_equal(options.limits.certificate_ms, 7 * 24 * 60 * 60 * 1000);
    assert_int_equal(READ(&options, "--silent", "15"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--check", "--silent", "0"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--check", "--warning-disk", "1.5"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--check", "--critical-disk", ""), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--check", "--closing", "9999999"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--prometheus", "--handlers"), PROGRAM_GO_ON);
    assert_true(options.with_handlers);
    assert_int_equal(READ(&options, "--json", "--handlers"), PROGRAM_WRONG);
}

static void the_configuration_is_checked_only_when_asked(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(READ(&options, "-t", "-c", "x.yaml"), PROGRAM_GO_ON);
    assert_true(options.only_check);
    assert_int_equal(READ(&options, "--test"), PROGRAM_GO_ON);
    assert_true(options.only_check);
    assert_int_equal(READ(&options, "--ready"), PROGRAM_GO_ON);
    assert_false(options.only_check);
}

static void what_contradicts_itself_is_wrong(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(READ(&options, "--json", "--watch"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--ready", "--explain"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--interval", "1"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--interval", "x", "--watch"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "more"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "--bogus"), PROGRAM_WRONG);
    assert_int_equal(READ(&options, "-c"), PROGRAM_WRONG);
}

static void an_interval_is_seconds_within_bounds(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "0",   "-1",  "0.05", "3601", "1s",
                                        "nan", "inf", "1e9", "one",  "1 2"};
    uint64_t interval_ms = 0;
    assert_true(options_parse_interval("0.1", &interval_ms));
    assert_int_equal(interval_ms, 100);
    assert_true(options_parse_interval("3600", &interval_ms));
    assert_int_equal(interval_ms, 3600000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(options_parse_interval(wrong[i], &interval_ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_it_is_the_table),
        cmocka_unit_test(each_output_has_its_option),
        cmocka_unit_test(thresholds_are_of_the_check),
        cmocka_unit_test(the_configuration_is_checked_only_when_asked),
        cmocka_unit_test(what_contradicts_itself_is_wrong),
        cmocka_unit_test(an_interval_is_seconds_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
