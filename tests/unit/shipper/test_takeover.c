/*
 * test_takeover.c - whose heartbeats count, and what becomes of two nodes of one name.
 */
#include "shipper/takeover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define OWN "one"

enum { PATIENCE_MS = 5000, BEAT_MS = 500, LONG_MS = 20000, REST_MS = 4000 };

static const struct log_state written_by_own = {.epoch = 3, .node = OWN};

static bool hear(struct takeover *takeover, const char *text, int64_t now_ms)
{
    return takeover_hear(takeover, text, &written_by_own, OWN, now_ms);
}

static void the_beats_of_another_node_put_a_claim_off(void **state)
{
    (void)state;
    struct takeover takeover;
    takeover_begin(&takeover, PATIENCE_MS, 0);
    assert_int_equal(takeover_due_ms(&takeover, &written_by_own, "two", BEAT_MS),
                     PATIENCE_MS - BEAT_MS);
    assert_true(hear(&takeover, "3 two 10 0", BEAT_MS));
    assert_int_equal(takeover_due_ms(&takeover, &written_by_own, "two", BEAT_MS), PATIENCE_MS);
    assert_false(takeover_has_namesake(&takeover));
}

static void a_zombies_beats_do_not_count(void **state)
{
    (void)state;
    struct takeover takeover;
    takeover_begin(&takeover, PATIENCE_MS, 0);
    assert_false(hear(&takeover, "2 two 10 0", BEAT_MS));
    assert_false(hear(&takeover, "2 " OWN " 10 0", BEAT_MS));
    assert_int_equal(takeover.alive_at_ms, 0);
}

static void a_living_node_of_the_same_name_is_never_claimed_over(void **state)
{
    (void)state;
    struct takeover takeover;
    takeover_begin(&takeover, PATIENCE_MS, 0);
    for (int64_t now_ms = BEAT_MS; now_ms <= LONG_MS; now_ms += BEAT_MS) {
        assert_false(hear(&takeover, "3 " OWN " 10 0", now_ms));
        assert_true(takeover_due_ms(&takeover, &written_by_own, OWN, now_ms) > BEAT_MS);
    }
    assert_true(takeover_has_namesake(&takeover));
}

static void the_rest_of_a_killed_server_is_no_namesake(void **state)
{
    (void)state;
    struct takeover takeover;
    takeover_begin(&takeover, PATIENCE_MS, 0);
    for (int64_t life_ms = LONG_MS; life_ms <= INT64_C(2) * LONG_MS;
         life_ms += LONG_MS) { /* two of them */
        for (int64_t at_ms = 0; at_ms <= REST_MS; at_ms += BEAT_MS) {
            (void)hear(&takeover, "3 " OWN " 10 0", life_ms + at_ms);
        }
        assert_false(takeover_has_namesake(&takeover));
        assert_int_equal(takeover_due_ms(&takeover, &written_by_own, OWN, life_ms + LONG_MS / 2),
                         0);
    }
}

static int64_t due_after_claim(const char *node, const char *identity)
{
    struct takeover takeover;
    struct record claim = {.kind = RECORD_CLAIM, .epoch = written_by_own.epoch + 1};
    struct log_state log = {.epoch = written_by_own.epoch + 1};
    (void)snprintf(claim.node, sizeof claim.node, "%s", node);
    (void)snprintf(claim.identity, sizeof claim.identity, "%s", identity);
    (void)snprintf(log.node, sizeof log.node, "%s", node);
    takeover_begin(&takeover, PATIENCE_MS, 0);
    takeover_note_claim(&takeover, &written_by_own, &claim, BEAT_MS);
    return takeover_due_ms(&takeover, &log, "two", BEAT_MS);
}

/* Where a primary died before its new shipper was heard, nobody served for 20 s. */
static void a_server_that_goes_on_with_another_shipper_gets_no_time_to_start(void **state)
{
    (void)state;
    assert_int_equal(due_after_claim(OWN, written_by_own.identity), PATIENCE_MS);
    assert_true(due_after_claim("three", written_by_own.identity) > LONG_MS - BEAT_MS);
    assert_true(due_after_claim(OWN, "the next draw") > LONG_MS - BEAT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beats_of_another_node_put_a_claim_off),
        cmocka_unit_test(a_zombies_beats_do_not_count),
        cmocka_unit_test(a_living_node_of_the_same_name_is_never_claimed_over),
        cmocka_unit_test(the_rest_of_a_killed_server_is_no_namesake),
        cmocka_unit_test(a_server_that_goes_on_with_another_shipper_gets_no_time_to_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
