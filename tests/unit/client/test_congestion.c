/*
 * test_congestion.c - what window agencies find, on paths and servers that are simulated.
 *
 * The simulation has no clock but its own. Agencies send batches of one size for as long as they have
 * room. A batch takes half of the path's delay to the server. The server stores together what has
 * come while it stored the last, at most a ring of it: that takes `sync_us`, and the bytes their time
 * at `bytes_per_ms`. Then it answers, and the answers take the other half of the delay.
 *
 * Windows are compared with the best of some fixed ones on the same path.
 */
#include "client/congestion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum {
    BATCH_BYTES = 7000,
    LIMIT_BATCHES = 1024,
    LIMIT_BYTES = LIMIT_BATCHES * 8192,
    RING_BYTES = 8 << 20,
    AGENCIES_MAX = 32,
    BYTES_PER_KIB = 1024,
    PERCENT = 100
};

#define MS                   INT64_C(1000)
#define SECOND               (1000 * MS)
#define NEVER                INT64_MAX
#define ENDLESS_BYTES_PER_MS INT64_C(1000000000)

struct path {
    int64_t delay_us; /* there and back */
    int64_t sync_us;  /* of storing, whatever is stored */
    int64_t bytes_per_ms;
    bool is_rough; /* syncs take from half to one and a half of their time */
};

static const struct path fast = {.delay_us = 50, .sync_us = 500, .bytes_per_ms = 700000};
static const struct path rough = {
    .delay_us = 50, .sync_us = 500, .bytes_per_ms = 700000, .is_rough = true};
static const struct path far_away = {.delay_us = 100 * MS, .sync_us = 500, .bytes_per_ms = 700000};
static const struct path slow_sync = {
    .delay_us = 50, .sync_us = 20 * MS, .bytes_per_ms = ENDLESS_BYTES_PER_MS};
static const struct path slow_disk = {.delay_us = 50, .sync_us = 20 * MS, .bytes_per_ms = 100000};
static const struct path slow_line = {.delay_us = 20 * MS, .sync_us = 100, .bytes_per_ms = 10000};

struct batch {
    int64_t sent_us;
    int64_t answer_us; /* when the answer comes; NEVER: it is not stored yet */
};

struct agency {
    struct congestion congestion;
    int64_t starts_us;
    int64_t wall_ahead_us; /* of its clock */
    uint64_t fixed_bytes;  /* the window, where it is fixed; 0: it is not */
    bool has_started;
    struct batch batches[LIMIT_BATCHES];    /* a ring of the unanswered ones */
    uint64_t sent, taken, stored, answered; /* batches so far; the server has `taken` to store */
};

static struct world {
    struct path path;
    struct agency agencies[AGENCIES_MAX];
    size_t count;
    int64_t now_us;
    int64_t stored_us;     /* when the server has stored what it is at; NEVER: at nothing */
    int64_t stall_till_us; /* it takes nothing until then */
    uint32_t random;
} world;

static void begin_world(const struct path *path, size_t count)
{
    memset(&world, 0, sizeof world);
    world.path = *path;
    world.count = count;
    world.stored_us = NEVER;
}

/* ------------------------------------------------------------- simulation ---- */

static struct batch *batch_at(struct agency *agency, uint64_t number)
{
    return &agency->batches[number % LIMIT_BATCHES];
}

static void send_what_has_room(struct agency *agency)
{
    while (agency->sent - agency->answered < LIMIT_BATCHES &&
           congestion_has_room(&agency->congestion)) {
        *batch_at(agency, agency->sent++) = (struct batch){world.now_us, NEVER};
        congestion_note_sent(&agency->congestion, BATCH_BYTES);
    }
}

static void fix_window(struct agency *agency)
{
    if (agency->fixed_bytes > 0) {
        agency->congestion.window_bytes = agency->fixed_bytes;
    }
}

static void start_agency(struct agency *agency)
{
    agency->has_started = true;
    congestion_begin(&agency->congestion, LIMIT_BYTES, world.now_us,
                     world.now_us + agency->wall_ahead_us);
    fix_window(agency);
    send_what_has_room(agency);
}

/* When the next batch is there that the server has not taken. */
static int64_t arrival_us(struct agency *agency)
{
    return agency->taken == agency->sent
               ? NEVER
               : batch_at(agency, agency->taken)->sent_us + world.path.delay_us / 2;
}

static int64_t answer_us(struct agency *agency)
{
    return agency->answered == agency->stored ? NEVER
                                              : batch_at(agency, agency->answered)->answer_us;
}

static void take_answers(struct agency *agency)
{
    while (answer_us(agency) <= world.now_us) {
        struct batch *batch = batch_at(agency, agency->answered++);
        congestion_note_answered(&agency->congestion, BATCH_BYTES, batch->sent_us, world.now_us);
        fix_window(agency);
        assert_true(congestion_has_room(&agency->congestion) || agency->answered < agency->sent);
    }
    send_what_has_room(agency);
}

static int64_t next_sync_us(void)
{
    enum { FACTOR = 1664525, SUMMAND = 1013904223, SHIFT = 16 };
    world.random = world.random * FACTOR + SUMMAND;
    int64_t part = world.path.is_rough ? 50 + (world.random >> SHIFT) % PERCENT : PERCENT;
    return world.path.sync_us * part / PERCENT;
}

/* The server takes a batch of each agency in turn, of those that are there. */
static void begin_storing(void)
{
    int64_t bytes = 0;
    bool took = true;
    while (took && bytes < RING_BYTES) {
        took = false;
        for (size_t i = 0; i < world.count; i++) {
            struct agency *agency = &world.agencies[i];
            if (arrival_us(agency) <= world.now_us) {
                agency->taken++;
                bytes += BATCH_BYTES;
                took = true;
            }
        }
    }
    if (bytes > 0) {
        world.stored_us = world.now_us + next_sync_us() + bytes * MS / world.path.bytes_per_ms;
    }
}

static void end_storing(void)
{
    world.stored_us = NEVER;
    for (size_t i = 0; i < world.count; i++) {
        struct agency *agency = &world.agencies[i];
        while (agency->stored < agency->taken) {
            batch_at(agency, agency->stored++)->answer_us = world.now_us + world.path.delay_us / 2;
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something happens next. */
static int64_t next_us(void)
{
    int64_t next = world.stored_us;
    for (size_t i = 0; i < world.count; i++) {
        struct agency *agency = &world.agencies[i];
        next = earlier(next, agency->has_started ? answer_us(agency) : agency->starts_us);
        int64_t arrival = arrival_us(agency);
        if (world.stored_us == NEVER && arrival != NEVER) {
            next = earlier(next, arrival > world.stall_till_us ? arrival : world.stall_till_us);
        }
    }
    return next;
}

static void step(void)
{
    if (world.stored_us <= world.now_us) {
        end_storing();
    }
    for (size_t i = 0; i < world.count; i++) {
        struct agency *agency = &world.agencies[i];
        if (agency->has_started) {
            take_answers(agency);
        } else if (agency->starts_us <= world.now_us) {
            start_agency(agency);
        }
    }
    if (world.stored_us == NEVER && world.now_us >= world.stall_till_us) {
        begin_storing();
    }
}

static void run_until(int64_t end_us)
{
    for (int64_t next = next_us(); next <= end_us; next = next_us()) {
        world.now_us = next > world.now_us ? next : world.now_us;
        step();
    }
    world.now_us = end_us;
}

/* ----------------------------------------------------------- what is asked ---- */

/* Runs on for so long; returns the bytes that all agencies were acknowledged meanwhile. */
static uint64_t bytes_within(int64_t length_us)
{
    uint64_t before = 0;
    uint64_t after = 0;
    for (size_t i = 0; i < world.count; i++) {
        before += world.agencies[i].answered;
    }
    run_until(world.now_us + length_us);
    for (size_t i = 0; i < world.count; i++) {
        after += world.agencies[i].answered;
    }
    return (after - before) * BATCH_BYTES;
}

/* What the best fixed window brings in the second half of `length_us`; uses the world up. */
static uint64_t best_fixed_bytes(const struct path *path, size_t count, int64_t length_us)
{
    static const uint64_t windows[] = {1, 4, 16, 32, 64, 128, 256, 1024};
    uint64_t best = 0;
    for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
        begin_world(path, count);
        for (size_t i = 0; i < count; i++) {
            world.agencies[i].fixed_bytes = windows[w] * BATCH_BYTES;
        }
        run_until(length_us);
        uint64_t bytes = bytes_within(length_us);
        best = bytes > best ? bytes : best;
    }
    return best;
}

/* What the agencies reach in the `length_us` after `settled_us`, in % of the best fixed window. */
static uint64_t percent_of_best(const struct path *path, size_t count, int64_t settled_us,
                                int64_t length_us)
{
    uint64_t best = best_fixed_bytes(path, count, length_us);
    begin_world(path, count);
    run_until(settled_us);
    return bytes_within(length_us) * PERCENT / best;
}

static uint64_t window_kib(size_t agency)
{
    return world.agencies[agency].congestion.window_bytes / BYTES_PER_KIB;
}

/* Runs on for so long, and checks that each had its share then, to some percent. */
static void assert_shares(int64_t length_us, uint64_t least_percent, uint64_t most_percent)
{
    uint64_t before[AGENCIES_MAX] = {0};
    for (size_t i = 0; i < world.count; i++) {
        before[i] = world.agencies[i].answered;
    }
    uint64_t fair = bytes_within(length_us) / BATCH_BYTES / world.count;
    for (size_t i = 0; i < world.count; i++) {
        uint64_t hundredfold = (world.agencies[i].answered - before[i]) * PERCENT;
        assert_in_range(hundredfold, least_percent * fair, most_percent * fair);
    }
}

/* -------------------------------------------------------------------- one ---- */

static void on_a_fast_path_it_is_right_within_a_tenth_of_a_second(void **state)
{
    (void)state;
    assert_in_range(percent_of_best(&fast, 1, 100 * MS, 2 * SECOND), 90, 105);
    assert_in_range(percent_of_best(&fast, 5, 100 * MS, 2 * SECOND), 90, 105);
    assert_in_range(percent_of_best(&fast, AGENCIES_MAX, 100 * MS, 2 * SECOND), 90, 105);
}

static void on_a_fast_path_it_stays_right(void **state)
{
    (void)state;
    assert_in_range(percent_of_best(&fast, 5, 20 * SECOND, 8 * SECOND), 90, 105);
    assert_in_range(percent_of_best(&rough, 5, 20 * SECOND, 8 * SECOND), 90, 105);
    assert_in_range(window_kib(0), 128, 2048);
}

static void a_long_delay_is_filled_within_two_seconds(void **state)
{
    (void)state;
    assert_in_range(percent_of_best(&far_away, 1, 2 * SECOND, 8 * SECOND), 93, 105);
    assert_in_range(percent_of_best(&far_away, 5, 2 * SECOND, 8 * SECOND), 93, 105);
    assert_int_equal(window_kib(0), LIMIT_BYTES / BYTES_PER_KIB);
}

static void where_the_delay_is_the_same_whatever_the_window_it_grows_to_its_limit(void **state)
{
    (void)state;
    begin_world(&slow_sync, 1);
    run_until(300 * MS);
    assert_int_equal(window_kib(0), LIMIT_BYTES / BYTES_PER_KIB);
    assert_in_range(percent_of_best(&slow_sync, 1, 300 * MS, 10 * SECOND), 95, 105);
}

static void where_only_the_delay_grows_it_does_not(void **state)
{
    (void)state;
    assert_in_range(percent_of_best(&slow_line, 1, 5 * SECOND, 10 * SECOND), 80, 110);
    assert_in_range(window_kib(0), 128, 1536);
    assert_in_range(percent_of_best(&slow_disk, 5, 10 * SECOND, 20 * SECOND), 80, 110);
}

static void a_path_that_becomes_longer_is_filled_within_six_seconds(void **state)
{
    (void)state;
    uint64_t best = best_fixed_bytes(&far_away, 1, 8 * SECOND);
    begin_world(&fast, 1);
    run_until(3 * SECOND);
    world.path = far_away;
    run_until(9 * SECOND);
    assert_in_range(bytes_within(8 * SECOND) * PERCENT / best, 93, 105);
}

static void a_path_that_becomes_shorter_makes_windows_small_within_five_seconds(void **state)
{
    (void)state;
    begin_world(&far_away, 5);
    run_until(6 * SECOND);
    assert_int_equal(window_kib(0), LIMIT_BYTES / BYTES_PER_KIB);
    world.path = fast;
    run_until(11 * SECOND);
    assert_in_range(window_kib(0), 128, 2048);
}

static void a_server_that_stalls_changes_nothing(void **state)
{
    (void)state;
    begin_world(&fast, 1);
    run_until(5 * SECOND);
    uint64_t before = window_kib(0);
    world.stall_till_us = world.now_us + SECOND;
    run_until(world.stall_till_us + 10 * MS);
    assert_in_range(window_kib(0), before * 9 / 10, before * 11 / 10);
}

/* The first answers of a server that has to wake up first say nothing about the later ones. */
static void a_server_that_is_slow_at_first_is_forgiven(void **state)
{
    (void)state;
    uint64_t best = best_fixed_bytes(&fast, 5, 2 * SECOND);
    begin_world(&fast, 5);
    world.stall_till_us = 300 * MS;
    run_until(500 * MS);
    assert_in_range(bytes_within(2 * SECOND) * PERCENT / best, 90, 105);
}

/* ---------------------------------------------------------------- several ---- */

static void begin_one_after_the_other(const struct path *path, size_t count, int64_t after_us,
                                      int64_t clocks_differ_us)
{
    begin_world(path, count);
    for (size_t i = 0; i < count; i++) {
        world.agencies[i].starts_us = (int64_t)i * after_us;
        world.agencies[i].wall_ahead_us = (int64_t)i * clocks_differ_us;
    }
}

static void agencies_that_come_one_after_the_other_get_the_same(void **state)
{
    (void)state;
    begin_one_after_the_other(&rough, 5, 900 * MS, 0);
    run_until(12 * SECOND);
    for (size_t i = 0; i < world.count; i++) {
        assert_in_range(window_kib(i), 512, 2048);
    }
    assert_shares(8 * SECOND, 85, 115);
}

static void thirty_agencies_get_the_same_and_do_not_grow_without_end(void **state)
{
    (void)state;
    begin_one_after_the_other(&fast, 30, 250 * MS, 0);
    run_until(20 * SECOND);
    for (size_t i = 0; i < world.count; i++) {
        assert_in_range(window_kib(i), 256, 1024);
    }
    assert_shares(8 * SECOND, 90, 110);
}

static void clocks_that_differ_by_some_milliseconds_do_no_harm(void **state)
{
    (void)state;
    begin_one_after_the_other(&rough, 5, 900 * MS, 3 * MS);
    run_until(12 * SECOND);
    assert_shares(8 * SECOND, 80, 120);
    assert_in_range(window_kib(0), 256, 4096);
}

static void clocks_that_differ_by_seconds_starve_nobody(void **state)
{
    (void)state;
    begin_one_after_the_other(&slow_disk, 5, 900 * MS, SECOND);
    run_until(20 * SECOND);
    assert_shares(16 * SECOND, 50, 200);
}

static void on_a_slow_disk_each_gets_its_share(void **state)
{
    (void)state;
    begin_one_after_the_other(&slow_disk, 5, 900 * MS, 0);
    run_until(20 * SECOND);
    assert_shares(16 * SECOND, 60, 150);
}

/* -------------------------------------------------------------- the window ---- */

static void a_window_that_is_never_full_does_not_grow(void **state)
{
    (void)state;
    struct congestion congestion;
    congestion_begin(&congestion, LIMIT_BYTES, 0, 0);
    uint64_t before = congestion.window_bytes;
    for (int64_t now_us = 0; now_us < SECOND; now_us += MS) {
        congestion_note_sent(&congestion, BATCH_BYTES);
        assert_true(congestion_has_room(&congestion));
        congestion_note_answered(&congestion, BATCH_BYTES, now_us, now_us + MS);
    }
    assert_int_equal(congestion.window_bytes, before);
}

static void a_window_never_exceeds_its_limit(void **state)
{
    enum { LIMIT = 3 * 8192 };
    (void)state;
    struct congestion congestion;
    congestion_begin(&congestion, LIMIT, 0, 0);
    for (int64_t now_us = 0; now_us < 10 * SECOND; now_us += MS) {
        int batches = 0;
        for (; congestion_has_room(&congestion); batches++) {
            congestion_note_sent(&congestion, BATCH_BYTES);
        }
        assert_in_range(batches, 1, 4);
        for (; batches > 0; batches--) {
            congestion_note_answered(&congestion, BATCH_BYTES, now_us, now_us + MS);
        }
        assert_in_range(congestion.window_bytes, 1, LIMIT);
    }
}

static void a_batch_that_is_larger_than_the_window_is_sent_alone(void **state)
{
    (void)state;
    struct congestion congestion;
    congestion_begin(&congestion, 1, 0, 0);
    assert_true(congestion_has_room(&congestion));
    congestion_note_sent(&congestion, BATCH_BYTES);
    assert_false(congestion_has_room(&congestion));
    congestion_note_answered(&congestion, BATCH_BYTES, 0, MS);
    assert_true(congestion_has_room(&congestion));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_fast_path_it_is_right_within_a_tenth_of_a_second),
        cmocka_unit_test(on_a_fast_path_it_stays_right),
        cmocka_unit_test(a_long_delay_is_filled_within_two_seconds),
        cmocka_unit_test(where_the_delay_is_the_same_whatever_the_window_it_grows_to_its_limit),
        cmocka_unit_test(where_only_the_delay_grows_it_does_not),
        cmocka_unit_test(a_path_that_becomes_longer_is_filled_within_six_seconds),
        cmocka_unit_test(a_path_that_becomes_shorter_makes_windows_small_within_five_seconds),
        cmocka_unit_test(a_server_that_stalls_changes_nothing),
        cmocka_unit_test(a_server_that_is_slow_at_first_is_forgiven),
        cmocka_unit_test(agencies_that_come_one_after_the_other_get_the_same),
        cmocka_unit_test(thirty_agencies_get_the_same_and_do_not_grow_without_end),
        cmocka_unit_test(clocks_that_differ_by_some_milliseconds_do_no_harm),
        cmocka_unit_test(clocks_that_differ_by_seconds_starve_nobody),
        cmocka_unit_test(on_a_slow_disk_each_gets_its_share),
        cmocka_unit_test(a_window_that_is_never_full_does_not_grow),
        cmocka_unit_test(a_window_never_exceeds_its_limit),
        cmocka_unit_test(a_batch_that_is_larger_than_the_window_is_sent_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
