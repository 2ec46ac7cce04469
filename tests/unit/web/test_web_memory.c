/*
 * test_web_memory.c - what lottery-web remembers: the history of the last minutes, and what happened.
 */
#include "web/happenings.h"
#include "web/history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define NS_PER_S UINT64_C(1000000000)

static struct history history;
static struct happenings happenings;

static int set_up(void **state)
{
    (void)state;
    history = (struct history){0};
    happenings = (struct happenings){0};
    return 0;
}

/* Of one server: so many bets and syncs, each of which took 2 ms. */
static struct snapshot make_snapshot(uint64_t bets, uint64_t flushes)
{
    struct snapshot snapshot = {.taken_at_ms = 1000};
    snapshot.server.pid = 7;
    snapshot.server.bets = bets;
    snapshot.ring.durable = 50 * bets;
    snapshot.storer.flushes = flushes;
    snapshot.storer.sync_total_ns = 2000000 * flushes;
    snapshot.storer.sync_last_ns = flushes == 0 ? SNAPSHOT_UNKNOWN : 2000000;
    (void)snprintf(snapshot.draw.name, sizeof snapshot.draw.name, "1");
    (void)snprintf(snapshot.draw.state, sizeof snapshot.draw.state, "open");
    return snapshot;
}

static void look(const struct snapshot *snapshot, uint64_t second)
{
    history_look(&history, snapshot, second * 1000 + 1, second * NS_PER_S + 1);
}

static const struct history_sample *newest(void)
{
    return &history.samples[(history.count - 1) % HISTORY_SAMPLES];
}

/* What a function has printed of `limit`; the caller frees it. */
static char *printed(bool of_history, uint64_t limit)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    if (of_history) {
        history_print(file, &history, limit);
    } else {
        happenings_print(file, &happenings, limit);
    }
    assert_int_equal(fclose(file), 0);
    return text;
}

/* ----------------------------------------------------------------- history ---- */

static void a_sample_is_the_growth_of_a_second(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot(100, 10);
    look(&snapshot, 1);
    assert_int_equal(history.count, 0);
    snapshot = make_snapshot(400, 40);
    snapshot.storer.sync_last_ns = 9000000;
    history_look(&history, &snapshot, 1500, NS_PER_S + NS_PER_S / 2);
    assert_int_equal(history.count, 0);
    snapshot = make_snapshot(1100, 60);
    look(&snapshot, 3);
    assert_int_equal(history.count, 1);
    assert_true(fabs(newest()->bets_a_second - 500) < 0.01);
    assert_true(fabs(newest()->bytes_a_second - 25000) < 0.01);
    assert_true(fabs(newest()->syncs_a_second - 25) < 0.01);
    assert_int_equal(newest()->sync_mean_ns, 2000000);
    assert_int_equal(newest()->sync_slowest_ns, 9000000);
}

static void without_a_server_and_with_another_one_nothing_is_known(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot(100, 10);
    look(&snapshot, 1);
    look(NULL, 2);
    assert_true(isnan(newest()->bets_a_second));
    look(&snapshot, 3);
    assert_true(isnan(newest()->bets_a_second));
    snapshot.server.pid = 8;
    snapshot.server.bets = 5;
    look(&snapshot, 4);
    assert_true(isnan(newest()->bets_a_second));
    assert_int_equal(newest()->sync_mean_ns, SNAPSHOT_UNKNOWN);
    look(&snapshot, 5);
    assert_true(newest()->bets_a_second == 0);
    assert_int_equal(history.count, 4);
}

static void the_newest_minutes_are_kept_and_printed_in_order(void **state)
{
    (void)state;
    const struct snapshot snapshot = make_snapshot(0, 0);
    for (uint64_t second = 1; second <= HISTORY_SAMPLES + 10; second++) {
        look(&snapshot, second);
    }
    assert_int_equal(history.count, HISTORY_SAMPLES + 9);
    char *two = printed(true, 2);
    assert_string_equal(two,
                        "[{\"at_ms\": 309001, \"bets_a_second\": 0.0, \"bytes_a_second\": 0.0, "
                        "\"syncs_a_second\": 0.0, \"sync_mean_ns\": null, "
                        "\"sync_slowest_ns\": null}, {\"at_ms\": 310001, "
                        "\"bets_a_second\": 0.0, \"bytes_a_second\": 0.0, "
                        "\"syncs_a_second\": 0.0, \"sync_mean_ns\": null, "
                        "\"sync_slowest_ns\": null}]");
    char *all = printed(true, UINT64_MAX);
    assert_memory_equal(all, "[{\"at_ms\": 11001,", 17);
    free(two);
    free(all);
}

/* -------------------------------------------------------------- happenings ---- */

static void assert_happened(uint64_t number, const char *kind, uint64_t count)
{
    const struct happening *happening = &happenings.newest[number - 1];
    assert_true(happenings.count >= number);
    assert_string_equal(happening->kind, kind);
    assert_int_equal(happening->count, count);
}

static void deaths_and_repairs_are_told_in_their_order(void **state)
{
    (void)state;
    const struct snapshot before = make_snapshot(1, 1);
    struct snapshot now = before;
    now.deaths.handlers_killed = 2;
    now.deaths.storer_deaths = 1;
    now.deaths.lock_recoveries = 1;
    now.storer.restarts = 1;
    happenings_compare(&happenings, &before, &before);
    assert_int_equal(happenings.count, 0);
    happenings_compare(&happenings, &before, &now);
    assert_happened(1, "handler_killed", 2);
    assert_happened(2, "storer_died", 1);
    assert_happened(3, "lock_repaired", 1);
    assert_happened(4, "storer_started", 1);
    assert_int_equal(happenings.count, 4);
}

static void states_that_begin_and_end_are_told_once_each(void **state)
{
    (void)state;
    const struct snapshot well = make_snapshot(1, 1);
    struct snapshot ill = well;
    ill.storer.no_room = 1;
    ill.server.beat_age_ms = 60000;
    ill.storer.beat_age_ms = SNAPSHOT_UNKNOWN; /* not known is not late */
    happenings_compare(&happenings, &well, &ill);
    happenings_compare(&happenings, &ill, &ill);
    happenings_compare(&happenings, &ill, &well);
    assert_happened(1, "disk_full", 1);
    assert_happened(2, "supervisor_stands", 1);
    assert_happened(3, "disk_has_room", 1);
    assert_happened(4, "supervisor_goes_on", 1);
    assert_int_equal(happenings.count, 4);
}

static void the_draw_s_states_and_a_new_draw_are_told(void **state)
{
    (void)state;
    const struct snapshot open = make_snapshot(1, 1);
    struct snapshot drawn = open;
    (void)snprintf(drawn.draw.state, sizeof drawn.draw.state, "drawn");
    struct snapshot next = open;
    (void)snprintf(next.draw.name, sizeof next.draw.name, "2");
    happenings_compare(&happenings, &open, &drawn);
    happenings_compare(&happenings, &drawn, &next);
    assert_happened(1, "draw_state", 1);
    assert_string_equal(happenings.newest[0].detail, "drawn");
    assert_happened(2, "draw_opened", 1);
    assert_string_equal(happenings.newest[1].detail, "2");
}

static void of_another_server_no_counter_is_compared(void **state)
{
    (void)state;
    struct snapshot before = make_snapshot(1, 1);
    struct snapshot now = before;
    before.deaths.storer_deaths = 1;
    now.server.pid = 8;
    now.deaths.storer_deaths = 3;
    happenings_compare(&happenings, &before, &now);
    assert_happened(1, "server_replaced", 1);
    assert_int_equal(happenings.count, 1);
}

static void the_newest_ones_are_kept_and_printed_in_order(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= HAPPENINGS_KEPT + 5; i++) {
        happenings_note(&happenings, i, "storer_died", i, i % 2 == 0 ? "\"" : "");
    }
    char *two = printed(false, 2);
    assert_string_equal(two, "[{\"number\": 68, \"at_ms\": 68, \"kind\": \"storer_died\", "
                             "\"count\": 68, \"detail\": \"\\\"\"}, {\"number\": 69, "
                             "\"at_ms\": 69, \"kind\": \"storer_died\", \"count\": 69, "
                             "\"detail\": \"\"}]");
    char *all = printed(false, UINT64_MAX);
    assert_memory_equal(all, "[{\"number\": 6,", 14);
    free(two);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sample_is_the_growth_of_a_second, set_up),
        cmocka_unit_test_setup(without_a_server_and_with_another_one_nothing_is_known, set_up),
        cmocka_unit_test_setup(the_newest_minutes_are_kept_and_printed_in_order, set_up),
        cmocka_unit_test_setup(deaths_and_repairs_are_told_in_their_order, set_up),
        cmocka_unit_test_setup(states_that_begin_and_end_are_told_once_each, set_up),
        cmocka_unit_test_setup(the_draw_s_states_and_a_new_draw_are_told, set_up),
        cmocka_unit_test_setup(of_another_server_no_counter_is_compared, set_up),
        cmocka_unit_test_setup(the_newest_ones_are_kept_and_printed_in_order, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
