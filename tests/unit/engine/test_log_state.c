/*
 * test_log_state.c - a log is folded record by record; what can't come next is refused, and says why.
 */
#include "engine/log_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define IDENTITY "00112233445566778899aabbccddeeff"
#define NEXT     "ffeeddccbbaa99887766554433221100"

static struct failure failure;

static struct record claim_of(const char *node, uint64_t epoch, uint64_t bets_end,
                              uint64_t done_end)
{
    struct record record = {.kind = RECORD_CLAIM,
                            .identity = IDENTITY,
                            .epoch = epoch,
                            .bets_end = bets_end,
                            .done_end = done_end};
    (void)snprintf(record.node, sizeof record.node, "%s", node);
    return record;
}

static struct record lines_of(enum record_kind kind, uint64_t epoch, uint64_t offset,
                              uint64_t length)
{
    return (struct record){.kind = kind,
                           .identity = IDENTITY,
                           .epoch = epoch,
                           .node = "one",
                           .offset = offset,
                           .length = length,
                           .rows = 1};
}

static void fold(struct log_state *log, struct record record)
{
    if (!log_state_fold(log, &record, log->sequence + 1, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void expect_refused_at(const struct log_state *log, struct record record, uint64_t sequence,
                              const char *why)
{
    struct log_state after = *log;
    assert_false(log_state_fold(&after, &record, sequence, &failure));
    assert_memory_equal(&after, log, sizeof after);
    if (strstr(failure.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", failure.text, why);
    }
}

static void expect_refused(const struct log_state *log, struct record record, const char *why)
{
    expect_refused_at(log, record, log->sequence + 1, why);
}

/* One claim, 100 bytes of bets, 20 of done.csv, a file. */
static struct log_state small_log(void)
{
    struct log_state log = {0};
    struct record file = lines_of(RECORD_FILE, 1, 0, 2);
    fold(&log, claim_of("one", 1, 0, 0));
    fold(&log, lines_of(RECORD_BETS, 1, 0, 60));
    fold(&log, lines_of(RECORD_BETS, 1, 60, 40));
    fold(&log, lines_of(RECORD_DONE, 1, 0, 20));
    fold(&log, file);
    return log;
}

static void a_log_says_who_writes_and_where_the_files_end(void **state)
{
    (void)state;
    const struct log_state log = small_log();
    assert_int_equal(log.sequence, 5);
    assert_int_equal(log.epoch, 1);
    assert_int_equal(log.claimed_at, 1);
    assert_string_equal(log.node, "one");
    assert_string_equal(log.identity, IDENTITY);
    assert_int_equal(log.bets_end, 100);
    assert_int_equal(log.done_end, 20);
}

static void a_claim_changes_who_writes_and_nothing_else(void **state)
{
    struct log_state log = small_log();
    (void)state;
    fold(&log, claim_of("two", 2, 100, 20));
    assert_int_equal(log.epoch, 2);
    assert_int_equal(log.claimed_at, 6);
    assert_string_equal(log.node, "two");
    assert_int_equal(log.bets_end, 100);
    struct record record = lines_of(RECORD_BETS, 2, 100, 10);
    (void)snprintf(record.node, sizeof record.node, "two");
    fold(&log, record);
    assert_int_equal(log.bets_end, 110);
    fold(&log, claim_of("two", 9, 110, 20));
    assert_int_equal(log.epoch, 9);
}

static void a_fenced_writer_is_found_out(void **state)
{
    struct log_state log = small_log();
    (void)state;
    fold(&log, claim_of("two", 2, 100, 20));
    expect_refused(&log, lines_of(RECORD_BETS, 1, 100, 10), "not kept the old writer out");
    expect_refused(&log, lines_of(RECORD_FILE, 1, 0, 10), "not kept the old writer out");
    expect_refused(&log, lines_of(RECORD_BETS, 2, 100, 10), "one wrote it in epoch 2");
    expect_refused(&log, lines_of(RECORD_BETS, 3, 100, 10), "two has claimed 2 at 6");
    expect_refused(&log, claim_of("one", 2, 100, 20), "claims epoch 2");
    expect_refused(&log, claim_of("one", 1, 100, 20), "claims epoch 1");
}

static void a_claim_far_above_the_epoch_before_it_is_refused(void **state)
{
    const struct log_state log = small_log();
    (void)state;
    expect_refused(&log, claim_of("two", UINT64_MAX, 100, 20), "no server of the lottery");
    expect_refused(&log, claim_of("two", 2 + LOG_STATE_EPOCH_STEP_MAX, 100, 20), "no server");
    struct log_state after = log;
    fold(&after, claim_of("two", 1 + LOG_STATE_EPOCH_STEP_MAX, 100, 20));
    assert_int_equal(after.epoch, 1 + LOG_STATE_EPOCH_STEP_MAX);
}

static void nothing_comes_before_the_first_claim(void **state)
{
    const struct log_state log = {0};
    (void)state;
    expect_refused(&log, lines_of(RECORD_BETS, 1, 0, 10), "nobody has claimed");
    expect_refused(&log, lines_of(RECORD_BETS, 0, 0, 10), "nobody has claimed");
    expect_refused(&log, claim_of("one", 0, 0, 0), "claims epoch 0");
}

static void gaps_and_overlaps_are_refused(void **state)
{
    const struct log_state log = small_log();
    (void)state;
    expect_refused(&log, lines_of(RECORD_BETS, 1, 101, 10), "gap");
    expect_refused(&log, lines_of(RECORD_BETS, 1, 60, 40), "overlap");
    expect_refused(&log, lines_of(RECORD_BETS, 1, 99, 40), "overlap");
    expect_refused(&log, lines_of(RECORD_DONE, 1, 21, 10), "gap");
    expect_refused(&log, lines_of(RECORD_DONE, 1, 0, 20), "overlap");
    expect_refused(&log, lines_of(RECORD_BETS, 1, 100, UINT64_MAX - 99), "no file is as long");
}

static void a_record_that_is_missing_or_twice_is_refused(void **state)
{
    const struct log_state log = small_log();
    (void)state;
    expect_refused_at(&log, lines_of(RECORD_BETS, 1, 100, 10), 7, "the one before it was 5");
    expect_refused_at(&log, lines_of(RECORD_BETS, 1, 100, 10), 5, "the one before it was 5");
}

static void a_claim_of_other_ends_is_refused(void **state)
{
    const struct log_state log = small_log();
    (void)state;
    expect_refused(&log, claim_of("two", 2, 99, 20), "it claims a log with 99 bytes");
    expect_refused(&log, claim_of("two", 2, 101, 20), "it claims a log with 101 bytes");
    expect_refused(&log, claim_of("two", 2, 100, 0), "and there are 100 and 20");
}

static void the_next_draw_begins_with_a_claim_and_empty_files(void **state)
{
    struct log_state log = small_log();
    struct record claim = claim_of("one", 2, 0, 0);
    struct record bets = lines_of(RECORD_BETS, 1, 100, 10);
    (void)state;
    (void)snprintf(bets.identity, sizeof bets.identity, NEXT);
    expect_refused(&log, bets, "of the draw " NEXT);
    (void)snprintf(claim.identity, sizeof claim.identity, NEXT);
    claim.bets_end = 100;
    expect_refused(&log, claim, "it claims a log with 100 bytes");
    claim.bets_end = 0;
    fold(&log, claim);
    assert_string_equal(log.identity, NEXT);
    assert_int_equal(log.bets_end, 0);
    assert_int_equal(log.done_end, 0);
    bets.epoch = 2;
    bets.offset = 0;
    fold(&log, bets);
    assert_int_equal(log.bets_end, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_says_who_writes_and_where_the_files_end),
        cmocka_unit_test(a_claim_changes_who_writes_and_nothing_else),
        cmocka_unit_test(a_fenced_writer_is_found_out),
        cmocka_unit_test(a_claim_far_above_the_epoch_before_it_is_refused),
        cmocka_unit_test(nothing_comes_before_the_first_claim),
        cmocka_unit_test(gaps_and_overlaps_are_refused),
        cmocka_unit_test(a_record_that_is_missing_or_twice_is_refused),
        cmocka_unit_test(a_claim_of_other_ends_is_refused),
        cmocka_unit_test(the_next_draw_begins_with_a_claim_and_empty_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
