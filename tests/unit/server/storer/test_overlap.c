/*
 * test_overlap.c - when a second sync at the same time is taken to pay.
 */
#include "server/storer/overlap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h> /* after what it needs */

enum { MEGABYTE = 1000 * 1000 };

#define MICROSECOND UINT64_C(1000)
#define SLOW_NS     (UINT64_C(2) * OVERLAP_PAYS_NS)

static void note_all(struct overlap *overlap, uint64_t sync_ns, uint64_t bytes)
{
    for (size_t i = 0; i < OVERLAP_SYNCS; i++) {
        overlap_note(overlap, sync_ns, bytes);
    }
}

static void a_disk_is_fast_until_it_has_shown_otherwise(void **state)
{
    (void)state;
    struct overlap overlap = {0};
    assert_false(overlap_pays(&overlap));
    for (size_t i = 0; i + 1 < OVERLAP_SYNCS; i++) {
        overlap_note(&overlap, SLOW_NS, 0);
        assert_false(overlap_pays(&overlap));
    }
    overlap_note(&overlap, SLOW_NS, 0);
    assert_true(overlap_pays(&overlap));
}

static void one_fast_sync_shows_a_fast_disk(void **state)
{
    (void)state;
    struct overlap overlap = {0};
    note_all(&overlap, SLOW_NS, 0);
    overlap_note(&overlap, OVERLAP_PAYS_NS, 0);
    assert_false(overlap_pays(&overlap));
    for (size_t i = 0; i + 1 < OVERLAP_SYNCS; i++) {
        overlap_note(&overlap, SLOW_NS, 0);
        assert_false(overlap_pays(&overlap));
    }
    overlap_note(&overlap, OVERLAP_PAYS_NS + 1, 0); /* the fast one is forgotten */
    assert_true(overlap_pays(&overlap));
}

/* A megabyte takes half a millisecond by itself, on a disk on which nothing else has to be waited for. */
static void the_time_of_the_bytes_does_not_count(void **state)
{
    (void)state;
    struct overlap overlap = {0};
    note_all(&overlap, 800 * MICROSECOND, MEGABYTE);
    assert_false(overlap_pays(&overlap));
    note_all(&overlap, 801 * MICROSECOND, MEGABYTE);
    assert_true(overlap_pays(&overlap));
}

static void a_sync_that_is_faster_than_its_bytes_counts_as_none(void **state)
{
    (void)state;
    struct overlap overlap = {0};
    note_all(&overlap, 100 * MICROSECOND, MEGABYTE);
    assert_false(overlap_pays(&overlap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_fast_until_it_has_shown_otherwise),
        cmocka_unit_test(one_fast_sync_shows_a_fast_disk),
        cmocka_unit_test(the_time_of_the_bytes_does_not_count),
        cmocka_unit_test(a_sync_that_is_faster_than_its_bytes_counts_as_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
