/*
 * test_histogram.c - which bucket a time is counted in, and what is added up.
 */
#include "shm/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void bounds_ascend(void **state)
{
    (void)state;
    for (size_t i = 1; i < SHARED_HISTOGRAM_BOUNDS; i++) {
        assert_true(histogram_bound_ns(i - 1) < histogram_bound_ns(i));
    }
}

static void a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    static struct shared_histogram histogram; /* on a cache line, as in the segment */
    struct histogram_sum sum = {0};
    uint64_t last = histogram_bound_ns(SHARED_HISTOGRAM_BOUNDS - 1);
    histogram_count(&histogram, 0, 1);
    histogram_count(&histogram, histogram_bound_ns(3), 1);
    histogram_count(&histogram, histogram_bound_ns(3) + 1, 1);
    histogram_count(&histogram, last, 1);
    histogram_count(&histogram, last + 1, 1);
    histogram_add(&histogram, &sum);
    assert_int_equal(sum.counts[0], 1);
    assert_int_equal(sum.counts[3], 1);
    assert_int_equal(sum.counts[4], 1);
    assert_int_equal(sum.counts[SHARED_HISTOGRAM_BOUNDS - 1], 1);
    assert_int_equal(sum.counts[SHARED_HISTOGRAM_BOUNDS], 1);
}

static void several_of_the_same_are_counted_at_once_and_shards_add_up(void **state)
{
    (void)state;
    static struct shared_histogram shards[2];
    struct histogram_sum sum = {0};
    histogram_count(&shards[0], 2000, 30);
    histogram_count(&shards[1], 500, 2);
    histogram_add(&shards[0], &sum);
    histogram_add(&shards[1], &sum);
    assert_int_equal(sum.counts[0], 32);
    assert_int_equal(sum.sum_ns, 61000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_ascend),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(several_of_the_same_are_counted_at_once_and_shards_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
