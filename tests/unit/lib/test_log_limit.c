/*
 * test_log_limit.c - what a peer can repeat, and what the log says of it.
 *
 * Time is a parameter, so nothing is waited for.
 */
#include "lib/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

enum { START_MS = 1000 * 1000, SECOND_MS = 1000, LINE_COST_MS = SECOND_MS / LOG_LIMIT_PER_SECOND };

/* Asks for so many lines at one moment; returns how many were let through. */
static int ask(struct log_limit *limit, int lines, int64_t now_ms)
{
    int admitted = 0;
    for (int i = 0; i < lines; i++) {
        admitted += log_limit_admits(limit, now_ms) ? 1 : 0;
    }
    return admitted;
}

static void a_burst_is_let_through_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    assert_int_equal(ask(&limit, 1000, START_MS), LOG_LIMIT_BURST);
    assert_int_equal(log_limit_take_rest(&limit), 1000 - LOG_LIMIT_BURST);
    assert_int_equal(log_limit_take_rest(&limit), 0);
}

static void after_the_burst_there_are_some_lines_a_second(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    (void)ask(&limit, LOG_LIMIT_BURST, START_MS);
    assert_int_equal(ask(&limit, 1, START_MS + LINE_COST_MS - 1), 0);
    assert_int_equal(ask(&limit, 10, START_MS + LINE_COST_MS), 1);
    assert_int_equal(ask(&limit, 10, START_MS + LINE_COST_MS + SECOND_MS), LOG_LIMIT_PER_SECOND);
}

static void a_line_every_millisecond_is_not_let_through_more_often(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    int admitted = 0;
    for (int64_t ms = 0; ms <= (int64_t)10 * SECOND_MS; ms++) {
        admitted += ask(&limit, 1, START_MS + ms);
    }
    assert_int_equal(admitted, LOG_LIMIT_BURST + 10 * LOG_LIMIT_PER_SECOND);
}

static void quiet_time_fills_the_bucket_and_no_more_than_that(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    (void)ask(&limit, LOG_LIMIT_BURST, START_MS);
    int64_t much_later_ms = START_MS + (int64_t)365 * 86400 * SECOND_MS;
    assert_int_equal(ask(&limit, 1000, much_later_ms), LOG_LIMIT_BURST);
}

static void a_summary_is_due_a_second_after_the_first_suppressed_line(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    (void)ask(&limit, LOG_LIMIT_BURST + 3, START_MS);
    assert_int_equal(log_limit_take_suppressed(&limit, START_MS), 0);
    assert_int_equal(log_limit_patience_ms(&limit, START_MS), LOG_LIMIT_SUMMARY_MS);
    int64_t just_before_ms = START_MS + LOG_LIMIT_SUMMARY_MS - 1;
    assert_int_equal(log_limit_take_suppressed(&limit, just_before_ms), 0);
    assert_int_equal(log_limit_patience_ms(&limit, just_before_ms), 1);
    assert_int_equal(log_limit_take_suppressed(&limit, START_MS + LOG_LIMIT_SUMMARY_MS), 3);
    assert_int_equal(log_limit_take_suppressed(&limit, START_MS + LOG_LIMIT_SUMMARY_MS), 0);
    assert_int_equal(log_limit_patience_ms(&limit, START_MS + LOG_LIMIT_SUMMARY_MS), -1);
}

static void a_minute_of_noise_makes_one_summary_a_second_and_loses_no_count(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    uint64_t asked = 0, admitted = 0, told = 0, summaries = 0;
    for (int64_t ms = 0; ms < (int64_t)60 * SECOND_MS; ms++) {
        admitted += (uint64_t)ask(&limit, 50, START_MS + ms);
        asked += 50;
        uint64_t suppressed = log_limit_take_suppressed(&limit, START_MS + ms);
        told += suppressed;
        summaries += suppressed > 0 ? 1 : 0;
    }
    told += log_limit_take_rest(&limit);
    assert_int_equal(admitted + told, asked);
    assert_in_range(summaries, 58, 60);
}

static void without_a_suppressed_line_nothing_is_to_be_told(void **state)
{
    (void)state;
    struct log_limit limit;
    log_limit_open(&limit, START_MS);
    (void)ask(&limit, LOG_LIMIT_BURST, START_MS);
    assert_int_equal(log_limit_patience_ms(&limit, START_MS), -1);
    assert_int_equal(log_limit_take_suppressed(&limit, START_MS + SECOND_MS), 0);
    assert_int_equal(log_limit_take_rest(&limit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_let_through_and_the_rest_is_counted),
        cmocka_unit_test(after_the_burst_there_are_some_lines_a_second),
        cmocka_unit_test(a_line_every_millisecond_is_not_let_through_more_often),
        cmocka_unit_test(quiet_time_fills_the_bucket_and_no_more_than_that),
        cmocka_unit_test(a_summary_is_due_a_second_after_the_first_suppressed_line),
        cmocka_unit_test(a_minute_of_noise_makes_one_summary_a_second_and_loses_no_count),
        cmocka_unit_test(without_a_suppressed_line_nothing_is_to_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
