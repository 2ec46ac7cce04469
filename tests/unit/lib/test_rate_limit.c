/*
 * test_rate_limit.c - bursts, rates, costs, and the ends of what 64 bits hold.
 *
 * Time is a parameter, so nothing is waited for.
 */
#include "lib/rate_limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

#define SECOND_NS UINT64_C(1000000000)
#define START_NS  (1000 * SECOND_NS)

enum { PER_SECOND = 10, BURST = 50, UNIT_NS = 1000 * 1000 * 1000 / PER_SECOND };

static struct rate_limit limit;

static int set_up(void **state)
{
    (void)state;
    limit = rate_limit_make(PER_SECOND, BURST);
    return 0;
}

/* How many of so many single units are taken at one moment. */
static unsigned take(uint64_t *bucket, unsigned times, uint64_t now_ns)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < times; i++) {
        taken += rate_limit_take(&limit, bucket, now_ns, 1) ? 1 : 0;
    }
    return taken;
}

static void a_new_bucket_gives_a_burst_and_no_more(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    assert_int_equal(take(&bucket, 10 * BURST, START_NS), BURST);
    assert_int_equal(take(&bucket, 10 * BURST, START_NS), 0);
}

static void an_empty_bucket_gives_its_rate(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    (void)take(&bucket, BURST, START_NS);
    assert_int_equal(take(&bucket, 1, START_NS + UNIT_NS - 1), 0);
    assert_int_equal(take(&bucket, 5, START_NS + UNIT_NS), 1);
    assert_int_equal(take(&bucket, 100, START_NS + UNIT_NS + SECOND_NS), PER_SECOND);
}

static void a_bucket_that_rested_is_full_and_not_fuller(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    (void)take(&bucket, BURST, START_NS);
    assert_int_equal(take(&bucket, 10 * BURST, START_NS + 1000 * SECOND_NS), BURST);
}

static void asking_does_not_take(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    for (unsigned i = 0; i < 2 * BURST; i++) {
        assert_true(rate_limit_admits(&limit, bucket, START_NS));
    }
    (void)take(&bucket, BURST, START_NS);
    assert_false(rate_limit_admits(&limit, bucket, START_NS));
    assert_true(rate_limit_admits(&limit, bucket, START_NS + UNIT_NS));
}

static void what_is_pending_counts_as_taken_and_is_not_taken(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    assert_true(rate_limit_admits_beside(&limit, bucket, START_NS, BURST - 1));
    assert_false(rate_limit_admits_beside(&limit, bucket, START_NS, BURST));
    assert_false(rate_limit_admits_beside(&limit, bucket, START_NS, 10 * (uint64_t)BURST));
    assert_true(rate_limit_admits_beside(&limit, bucket, START_NS, 0));
    (void)take(&bucket, BURST, START_NS);
    assert_false(rate_limit_admits_beside(&limit, bucket, START_NS, 0));
    assert_true(rate_limit_admits_beside(&limit, bucket, START_NS + UNIT_NS, 0));
    assert_false(rate_limit_admits_beside(&limit, bucket, START_NS + UNIT_NS, 1));
}

static void what_costs_more_takes_more(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    assert_true(rate_limit_take(&limit, &bucket, START_NS, BURST - 3));
    assert_false(rate_limit_take(&limit, &bucket, START_NS, 4));
    assert_true(rate_limit_take(&limit, &bucket, START_NS, 3));
    assert_false(rate_limit_take(&limit, &bucket, START_NS, 1));
}

static void more_than_a_burst_is_admitted_by_a_full_bucket_alone_and_owed(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    (void)take(&bucket, 1, START_NS);
    assert_false(rate_limit_take(&limit, &bucket, START_NS, UINT64_C(3) * BURST));
    assert_true(rate_limit_take(&limit, &bucket, START_NS + UNIT_NS, UINT64_C(3) * BURST));
    uint64_t paid_ns = START_NS + UNIT_NS + UINT64_C(2) * BURST * UNIT_NS;
    assert_int_equal(take(&bucket, 1, paid_ns), 0);
    assert_int_equal(take(&bucket, 2, paid_ns + UNIT_NS), 1);
}

static void what_is_charged_to_an_empty_bucket_is_owed_up_to_a_burst(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    for (unsigned i = 0; i < BURST + 3; i++) {
        rate_limit_charge(&limit, &bucket, START_NS);
    }
    assert_int_equal(take(&bucket, 1, START_NS + 3 * (uint64_t)UNIT_NS), 0);
    assert_int_equal(take(&bucket, 2, START_NS + 4 * (uint64_t)UNIT_NS), 1);
    for (unsigned i = 0; i < 100 * BURST; i++) {
        rate_limit_charge(&limit, &bucket, START_NS);
    }
    assert_int_equal(take(&bucket, 1, START_NS + (uint64_t)BURST * UNIT_NS), 0);
    assert_int_equal(take(&bucket, 2, START_NS + ((uint64_t)BURST + 1) * UNIT_NS), 1);
}

/* Two processes' readings of the clock may come in the other order. */
static void a_clock_that_rests_or_goes_back_gives_nothing(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    assert_int_equal(take(&bucket, BURST, START_NS), BURST);
    assert_int_equal(take(&bucket, 1, START_NS), 0);
    assert_int_equal(take(&bucket, 1, START_NS - SECOND_NS), 0);
    assert_int_equal(take(&bucket, 1, 0), 0);
    assert_int_equal(take(&bucket, 2, START_NS + UNIT_NS), 1);
}

static void without_a_limit_everything_is_admitted(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    _Atomic uint64_t shared = 0;
    limit = rate_limit_make(0, BURST);
    assert_false(rate_limit_is_set(&limit));
    assert_int_equal(take(&bucket, 10 * BURST, START_NS), 10 * BURST);
    assert_true(rate_limit_take(&limit, &bucket, START_NS, UINT64_MAX));
    rate_limit_charge(&limit, &bucket, START_NS);
    assert_int_equal(bucket, 0);
    assert_int_equal(rate_limit_reserve(&limit, &shared, START_NS, UINT64_MAX, 0), 0);
    assert_int_equal(shared, 0);
}

static void nothing_wraps_at_the_end_of_64_bits(void **state)
{
    (void)state;
    uint64_t bucket = 0;
    _Atomic uint64_t shared = UINT64_MAX;
    assert_true(rate_limit_take(&limit, &bucket, START_NS, UINT64_MAX));
    assert_true(bucket == UINT64_MAX);
    assert_int_equal(take(&bucket, 1, START_NS + 1000 * SECOND_NS), 0);
    assert_true(rate_limit_reserve(&limit, &shared, START_NS, UINT64_MAX, SECOND_NS) ==
                RATE_LIMIT_TOO_LONG);
    limit = rate_limit_make(1, UINT64_MAX);
    bucket = 0;
    assert_int_equal(take(&bucket, 1000, UINT64_MAX - 1), 1000);
    limit = rate_limit_make(RATE_LIMIT_PER_SECOND_MAX, 1);
    assert_int_equal(limit.unit_ns, 1);
    limit = rate_limit_make(UINT64_MAX, 1);
    assert_int_equal(limit.unit_ns, 1);
}

static void those_who_reserve_wait_in_turn(void **state)
{
    (void)state;
    _Atomic uint64_t bucket = 0;
    assert_int_equal(rate_limit_reserve(&limit, &bucket, START_NS, BURST, SECOND_NS), 0);
    for (uint64_t i = 1; i <= PER_SECOND; i++) {
        assert_int_equal(rate_limit_reserve(&limit, &bucket, START_NS, 1, SECOND_NS), i * UNIT_NS);
    }
    uint64_t before = bucket;
    assert_true(rate_limit_reserve(&limit, &bucket, START_NS, 1, SECOND_NS) == RATE_LIMIT_TOO_LONG);
    assert_int_equal(bucket, before);
}

enum { THREADS = 4, EACH = 20000 };

static void *reserve_many(void *bucket)
{
    for (unsigned i = 0; i < EACH; i++) {
        (void)rate_limit_reserve(&limit, bucket, START_NS, 1, UINT64_MAX - 1);
    }
    return NULL;
}

static void nothing_is_lost_between_those_who_share_a_bucket(void **state)
{
    (void)state;
    _Atomic uint64_t bucket = 0;
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_many, &bucket), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(bucket == START_NS + (uint64_t)THREADS * EACH * UNIT_NS);
}

#define RATE_LIMIT_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RATE_LIMIT_TEST(a_new_bucket_gives_a_burst_and_no_more),
        RATE_LIMIT_TEST(an_empty_bucket_gives_its_rate),
        RATE_LIMIT_TEST(a_bucket_that_rested_is_full_and_not_fuller),
        RATE_LIMIT_TEST(asking_does_not_take),
        cmocka_unit_test(what_is_pending_counts_as_taken_and_is_not_taken),
        RATE_LIMIT_TEST(what_costs_more_takes_more),
        RATE_LIMIT_TEST(more_than_a_burst_is_admitted_by_a_full_bucket_alone_and_owed),
        RATE_LIMIT_TEST(what_is_charged_to_an_empty_bucket_is_owed_up_to_a_burst),
        RATE_LIMIT_TEST(a_clock_that_rests_or_goes_back_gives_nothing),
        RATE_LIMIT_TEST(without_a_limit_everything_is_admitted),
        RATE_LIMIT_TEST(nothing_wraps_at_the_end_of_64_bits),
        RATE_LIMIT_TEST(those_who_reserve_wait_in_turn),
        RATE_LIMIT_TEST(nothing_is_lost_between_those_who_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
