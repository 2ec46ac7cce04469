/*
 * test_patience.c - when an agency tries again, and when it gives up.
 */
#include "client/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    static const int64_t longest_ms[] = {100, 200, 400, 800, 1600, 2000, 2000};
    struct patience patience;
    patience_start(&patience, 20000, 0);
    for (size_t i = 0; i < sizeof longest_ms / sizeof longest_ms[0]; i++) {
        struct patience same = patience;
        assert_int_equal(patience_next_pause_ms(&same, 0), longest_ms[i] / 2);
        int64_t half = longest_ms[i] / 2;
        assert_int_equal(patience_next_pause_ms(&patience, (uint32_t)half), longest_ms[i]);
    }
}

static void every_random_number_gives_a_pause_in_the_upper_half(void **state)
{
    (void)state;
    for (uint32_t random = 0; random < 1000; random++) {
        struct patience patience;
        patience_start(&patience, 20000, 0);
        assert_in_range(patience_next_pause_ms(&patience, random * 4294967U), 50, 100);
    }
}

static void progress_starts_the_lapse_and_the_pauses_anew(void **state)
{
    (void)state;
    struct patience patience;
    patience_start(&patience, 1000, 50);
    assert_int_equal(patience_deadline_ms(&patience), 1050);
    (void)patience_next_pause_ms(&patience, 0);
    (void)patience_next_pause_ms(&patience, 0);
    patience_progress(&patience, 500);
    assert_int_equal(patience_deadline_ms(&patience), 1500);
    assert_int_equal(patience_next_pause_ms(&patience, 50), 100);
}

static void a_connection_without_progress_does_not_prolong_the_lapse(void **state)
{
    (void)state;
    struct patience patience;
    patience_start(&patience, 1000, 0);
    patience_connected(&patience);
    patience_lost(&patience, 900);
    assert_int_equal(patience_deadline_ms(&patience), 1000);
}

static void after_a_connection_with_progress_the_lapse_runs_from_its_loss(void **state)
{
    (void)state;
    struct patience patience;
    patience_start(&patience, 1000, 0);
    patience_connected(&patience);
    patience_progress(&patience, 100);
    patience_lost(&patience, 1100);
    assert_int_equal(patience_deadline_ms(&patience), 2100);
    patience_connected(&patience);
    patience_lost(&patience, 1500);
    assert_int_equal(patience_deadline_ms(&patience), 2100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(every_random_number_gives_a_pause_in_the_upper_half),
        cmocka_unit_test(progress_starts_the_lapse_and_the_pauses_anew),
        cmocka_unit_test(a_connection_without_progress_does_not_prolong_the_lapse),
        cmocka_unit_test(after_a_connection_with_progress_the_lapse_runs_from_its_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
