/*
 * test_stat_roster.c - the order of the agencies in --watch, and the keys that choose it.
 */
#include "stat/keys.h"
#include "stat/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { AGENCIES = 5 };

static struct snapshot_agency agencies[AGENCIES];

static void add(size_t index, uint64_t id, enum snapshot_standing standing, uint64_t bets,
                uint64_t seen_at_ms)
{
    agencies[index] = (struct snapshot_agency){.id = id,
                                               .missing = standing == STANDING_DONE ? 0 : 1,
                                               .bets = bets,
                                               .seen_at_ms = seen_at_ms};
    (void)snprintf(agencies[index].phase, sizeof agencies[index].phase, "%s",
                   snapshot_standing_name(standing));
}

static struct snapshot make_snapshot(void)
{
    add(0, 7, STANDING_OPEN, 10, 5000);
    add(1, 3, STANDING_DONE, 90, 1000);
    add(2, 9, STANDING_OPEN, 50, 2000);
    add(3, 1, STANDING_NEVER, 0, SNAPSHOT_UNKNOWN);
    add(4, 4, STANDING_DONE, 90, 9000);
    return (struct snapshot){.agencies = agencies, .agency_count = AGENCIES};
}

static void expect_order(enum roster_sort sort, bool missing_first, const char *ids)
{
    char found[64] = "";
    struct snapshot snapshot = make_snapshot();
    roster_arrange(&snapshot, &(struct roster_order){.sort = sort, .missing_first = missing_first});
    for (size_t i = 0; i < AGENCIES; i++) {
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s%u", i > 0 ? " " : "",
                       (unsigned)agencies[i].id);
    }
    assert_string_equal(found, ids);
}

static void agencies_are_sorted_as_is_wanted(void **state)
{
    (void)state;
    expect_order(ROSTER_BY_STATE, false, "1 7 9 3 4");
    expect_order(ROSTER_BY_ID, false, "1 3 4 7 9");
    expect_order(ROSTER_BY_BETS, false, "3 4 9 7 1");
    expect_order(ROSTER_BY_SILENCE, false, "1 9 7 3 4");
}

static void the_missing_ones_can_be_put_first(void **state)
{
    (void)state;
    expect_order(ROSTER_BY_ID, true, "1 7 9 3 4");
    expect_order(ROSTER_BY_BETS, true, "9 7 1 3 4");
}

/* Of the connections, those of agencies 3 and 4 come from one house. */
static void a_peer_shows_its_connections_and_their_agencies(void **state)
{
    (void)state;
    struct snapshot_handler handlers[] = {
        {.pid = 1, .peer = "10.1.0.7:4000", .agency = 7},
        {.pid = 2, .peer = "10.2.0.3:4001", .agency = 3},
        {.pid = 3, .peer = "10.2.0.4:4002", .agency = 4},
        {.pid = 4, .peer = "10.2.0.5:4003", .agency = SNAPSHOT_UNKNOWN}};
    struct snapshot snapshot = make_snapshot();
    struct roster_filter filter = {.text = "10.2."};
    struct roster_order order = {.sort = ROSTER_BY_ID, .filter = &filter};
    size_t shown = 0;
    snapshot.handlers = handlers;
    snapshot.handler_count = sizeof handlers / sizeof handlers[0];
    roster_arrange(&snapshot, &order);
    assert_int_equal(agencies[0].id, 3);
    assert_int_equal(agencies[1].id, 4);
    assert_int_equal(handlers[3].pid, 1);
    for (size_t i = 0; i < AGENCIES; i++) {
        shown += roster_shows_agency(&filter, &agencies[i]) ? 1 : 0;
    }
    assert_int_equal(shown, 2);
    filter = (struct roster_filter){.text = "never"};
    roster_arrange(&snapshot, &order);
    assert_int_equal(agencies[0].id, 1);
    assert_false(roster_shows_agency(&filter, &agencies[1])); /* what was noted of peers is over */
}

static void an_empty_list_stays_empty(void **state)
{
    (void)state;
    struct snapshot snapshot = {.agency_count = 0};
    roster_arrange(&snapshot,
                   &(struct roster_order){.sort = ROSTER_BY_BETS, .missing_first = true});
    assert_int_equal(snapshot.agency_count, 0);
}

/* Feeds all bytes; each key that comes out is compared. */
static void expect_keys(const char *bytes, const int *expected, size_t count)
{
    struct keys keys = {.used = 0};
    size_t found = 0;
    for (; *bytes != '\0'; bytes++) {
        int key = 0;
        if (keys_take(&keys, *bytes, &key)) {
            assert_int_equal(key, found < count ? expected[found] : -1);
            found++;
        }
    }
    assert_int_equal(found, count);
}

#define EXPECT_KEYS(bytes, ...)                                                                    \
    expect_keys(bytes, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void keys_are_characters_and_sequences(void **state)
{
    (void)state;
    EXPECT_KEYS("Sq\t", 's', 'q', '\t');
    EXPECT_KEYS("\x1b[A\x1b[B\x1bOA", KEY_UP, KEY_DOWN, KEY_UP);
    EXPECT_KEYS("\x1b[5~\x1b[6~\x1b[H\x1b[F\x1b[1~\x1b[4~", KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME,
                KEY_END, KEY_HOME, KEY_END);
}

static void what_is_no_key_ends_and_the_next_one_counts(void **state)
{
    (void)state;
    EXPECT_KEYS("\x1b[1;5Cq", KEY_UNKNOWN, 'q');
    EXPECT_KEYS("\x1bq", 'q');
    EXPECT_KEYS("\x1b\x1b[Bx", KEY_DOWN, 'x');
    EXPECT_KEYS("\x1b[123456789Z", KEY_UNKNOWN, '7', '8', '9', 'z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agencies_are_sorted_as_is_wanted),
        cmocka_unit_test(the_missing_ones_can_be_put_first),
        cmocka_unit_test(a_peer_shows_its_connections_and_their_agencies),
        cmocka_unit_test(an_empty_list_stays_empty),
        cmocka_unit_test(keys_are_characters_and_sequences),
        cmocka_unit_test(what_is_no_key_ends_and_the_next_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
