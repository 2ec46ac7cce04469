/*
 * test_replacement.c - pauses before a child is replaced: none at first, then they double up to a bound.
 */
#include "server/replacement.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void pauses_double_up_to_the_longest(void **state)
{
    const int64_t pauses_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    (void)state;
    for (unsigned at_once = 0; at_once <= REPLACEMENT_AT_ONCE; at_once++) {
        for (unsigned i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
            assert_int_equal(replacement_pause_ms(at_once + 1 + i, at_once), pauses_ms[i]);
        }
        assert_int_equal(replacement_pause_ms(UINT_MAX, at_once), REPLACEMENT_PAUSE_MAX_MS);
    }
}

static void the_first_deaths_have_no_pause(void **state)
{
    (void)state;
    for (unsigned deaths = 0; deaths <= REPLACEMENT_AT_ONCE; deaths++) {
        assert_int_equal(replacement_pause_ms(deaths, REPLACEMENT_AT_ONCE), 0);
    }
    assert_int_equal(replacement_pause_ms(0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(the_first_deaths_have_no_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
