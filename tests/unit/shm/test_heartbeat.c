/*
 * test_heartbeat.c - a beat grows old, and who has never beaten is told apart.
 */
#include "shm/heartbeat.h"

#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

static void who_has_never_beaten_has_no_age(void **state)
{
    _Atomic int64_t beat = 0;
    (void)state;
    assert_int_equal(heartbeat_age_ms(&beat), -1);
}

static void a_beat_is_new_and_grows_old(void **state)
{
    _Atomic int64_t beat = 0;
    (void)state;
    heartbeat_beat(&beat);
    int64_t age_ms = heartbeat_age_ms(&beat);
    assert_true(age_ms >= 0 && age_ms < HEARTBEAT_LATE_MS);
    atomic_fetch_sub(&beat, 5000);
    assert_true(heartbeat_age_ms(&beat) >= 5000);
}

static void a_beat_that_lies_ahead_is_new(void **state)
{
    _Atomic int64_t beat = 0;
    (void)state;
    heartbeat_beat(&beat);
    atomic_fetch_add(&beat, 1000000);
    assert_int_equal(heartbeat_age_ms(&beat), 0);
}

static void the_clock_of_beats_never_goes_back(void **state)
{
    (void)state;
    int64_t before = clock_boot_ms();
    assert_true(before > 0);
    assert_true(clock_boot_ms() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_never_beaten_has_no_age),
        cmocka_unit_test(a_beat_is_new_and_grows_old),
        cmocka_unit_test(a_beat_that_lies_ahead_is_new),
        cmocka_unit_test(the_clock_of_beats_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
