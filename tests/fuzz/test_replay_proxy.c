/*
 * test_replay_proxy.c - the fuzz target of target_proxy.c on its seeds and past finds.
 */
#include "tests/fuzz/replay.h"

/* One program, one target: it is a part of this file. */
#include "tests/fuzz/target_proxy.c" /* NOLINT(bugprone-suspicious-include) */

static void every_seed_and_past_find_keeps_the_promises(void **state)
{
    (void)state;
    replay_target("proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_and_past_find_keeps_the_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
