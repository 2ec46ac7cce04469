/*
 * test_gather.c - which records wait for more bets, for how many and for how long.
 */
#include "shipper/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static const uint64_t BATCH = 8000;
static const uint64_t MS = 1000000;

static void the_first_record_does_not_wait(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    assert_int_equal(gather_bytes(&gather), 0);
}

static void a_record_waits_for_those_that_were_answered(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    gather_note_record(&gather, 3 * BATCH, 2 * BATCH);
    assert_in_range(gather_bytes(&gather), 4 * BATCH + 1, 5 * BATCH);
}

static void an_agency_alone_waits_for_nobody(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    gather_note_record(&gather, BATCH, 0);
    assert_in_range(gather_bytes(&gather), 1, BATCH); /* which it has by then */
}

static void a_long_record_does_not_wait(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    gather_note_record(&gather, GATHER_BYTES, 1);
    assert_int_equal(gather_bytes(&gather), 0);
}

static void after_a_wait_in_vain_some_records_do_not_wait(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    gather_note_record(&gather, 2 * BATCH, 0);
    gather_note_wait(&gather, 2 * BATCH, BATCH, BATCH);
    for (unsigned i = 0; i < GATHER_RECORDS; i++) {
        assert_int_equal(gather_bytes(&gather), 0);
    }
    assert_true(gather_bytes(&gather) > BATCH);
}

static void a_wait_that_brought_most_is_tried_again(void **state)
{
    (void)state;
    struct gather gather = {.rest = 0};
    gather_note_record(&gather, 5 * BATCH, 0);
    gather_note_wait(&gather, 5 * BATCH, BATCH, 3 * BATCH);
    assert_true(gather_bytes(&gather) > 4 * BATCH);
}

static void nobody_waits_longer_than_a_part_of_an_append_or_of_an_election(void **state)
{
    (void)state;
    assert_int_equal(gather_patience_ns(0), 0);
    assert_in_range(gather_patience_ns(2 * MS), 1, MS);
    assert_in_range(gather_patience_ns(9000 * MS), 1, 20 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_record_does_not_wait),
        cmocka_unit_test(a_record_waits_for_those_that_were_answered),
        cmocka_unit_test(an_agency_alone_waits_for_nobody),
        cmocka_unit_test(a_long_record_does_not_wait),
        cmocka_unit_test(after_a_wait_in_vain_some_records_do_not_wait),
        cmocka_unit_test(a_wait_that_brought_most_is_tried_again),
        cmocka_unit_test(nobody_waits_longer_than_a_part_of_an_append_or_of_an_election),
    };
    return cmocka_run_group_tests_name("shipper/gather", tests, NULL, NULL);
}
