/*
 * test_stat_snapshot.c - finding a server, and copying what it shares.
 *
 * The segment is made as the supervisor makes it; the test holds the lock in
 * the server's place, and writes into the segment what a server would not.
 */
#include "shm/agencies.h"
#include "shm/gate.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "stat/snapshot.h"
#include "stat/target.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = 64, RING_BYTES = 65536, SLOTS = 8, AGENCY_LIMIT = 16, MISSING = 3 };

/* A server's place without a server. */
struct site {
    struct scratch scratch;
    char lock_path[2 * PATH_BYTES];
    int lock; /* -1: not held */
    struct segment segment;
    bool has_segment;
    int gate_id;
};

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof *site);
    assert_non_null(site);
    scratch_open(&site->scratch);
    (void)snprintf(site->lock_path, sizeof site->lock_path, "%s/lock", site->scratch.path);
    site->lock = -1;
    site->gate_id = -1;
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct site *site = *state;
    if (site->gate_id >= 0) {
        gate_remove(site->gate_id);
    }
    if (site->has_segment) {
        segment_remove(&site->segment);
    }
    if (site->lock >= 0) {
        (void)close(site->lock);
    }
    scratch_close(&site->scratch);
    free(site);
    return 0;
}

static void hold_lock(struct site *site)
{
    site->lock = open(site->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(site->lock >= 0);
    assert_int_equal(flock(site->lock, LOCK_EX | LOCK_NB), 0);
}

static void release_lock(struct site *site)
{
    assert_int_equal(close(site->lock), 0);
    site->lock = -1;
}

static void make_segment(struct site *site, enum shared_phase phase)
{
    struct failure failure;
    struct stat status;
    assert_int_equal(stat(site->scratch.path, &status), 0);
    const struct segment_plan plan = {.directory_device = status.st_dev,
                                      .directory_inode = status.st_ino,
                                      .ring_bytes = RING_BYTES,
                                      .agency_limit = AGENCY_LIMIT,
                                      .agencies_expected = MISSING,
                                      .slot_capacity = SLOTS};
    assert_true(segment_create(&plan, &site->segment, &failure));
    site->has_segment = true;
    assert_true(
        gate_create(segment_key(status.st_dev, status.st_ino), MISSING, &site->gate_id, &failure));
    site->segment.shared->identity.gate_id = site->gate_id;
    segment_publish(&site->segment, phase);
}

static enum target_answer ask(const struct site *site, char text[FAILURE_TEXT_BYTES])
{
    struct target target;
    struct failure failure = {.text = ""};
    enum target_answer answer = target_attach(site->scratch.path, &target, &failure);
    if (answer == TARGET_FOUND) {
        target_leave(&target);
    }
    (void)snprintf(text, FAILURE_TEXT_BYTES, "%s", failure.text);
    return answer;
}

static void expect_answer(const struct site *site, enum target_answer answer, const char *words)
{
    char text[FAILURE_TEXT_BYTES];
    assert_int_equal(ask(site, text), answer);
    assert_non_null(strstr(text, words));
}

/* ---------------------------------------------------------------- finding ---- */

static void no_directory_and_an_unused_one_are_no_server(void **state)
{
    struct site *site = *state;
    expect_answer(site, TARGET_ABSENT, "no server");
    struct site nowhere = {.scratch.path = "/tmp/test_stat_nowhere/data"};
    expect_answer(&nowhere, TARGET_ABSENT, "no server");
}

static void a_held_lock_without_a_segment_is_a_server_that_starts(void **state)
{
    struct site *site = *state;
    hold_lock(site);
    expect_answer(site, TARGET_STARTING, "starting");
}

static void a_segment_that_is_not_ready_is_a_server_that_starts(void **state)
{
    struct site *site = *state;
    hold_lock(site);
    make_segment(site, SHARED_NOT_READY);
    expect_answer(site, TARGET_STARTING, "starting");
    segment_publish(&site->segment, SHARED_STARTING);
    expect_answer(site, TARGET_STARTING, "starting");
}

static void a_ready_or_stopping_server_is_found(void **state)
{
    struct site *site = *state;
    hold_lock(site);
    make_segment(site, SHARED_READY);
    expect_answer(site, TARGET_FOUND, "");
    segment_publish(&site->segment, SHARED_STOPPING);
    expect_answer(site, TARGET_FOUND, "");
}

static void what_a_killed_server_left_is_no_server(void **state)
{
    struct site *site = *state;
    hold_lock(site);
    make_segment(site, SHARED_READY);
    release_lock(site);
    expect_answer(site, TARGET_ABSENT, "killed");
    segment_publish(&site->segment, SHARED_STARTING);
    expect_answer(site, TARGET_ABSENT, "killed");
    segment_publish(&site->segment, SHARED_NOT_READY);
    expect_answer(site, TARGET_ABSENT, "killed");
}

static void another_layout_is_another_version(void **state)
{
    struct site *site = *state;
    hold_lock(site);
    make_segment(site, SHARED_READY);
    site->segment.shared->identity.layout_version++;
    expect_answer(site, TARGET_OTHER_VERSION, "another version");
}

static void another_directorys_segment_is_not_ours(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    site->segment.shared->identity.directory_inode++;
    expect_answer(site, TARGET_ABSENT, "no server");
}

static void looking_leaves_the_lock_free(void **state)
{
    struct site *site = *state;
    char text[FAILURE_TEXT_BYTES];
    hold_lock(site);
    make_segment(site, SHARED_READY);
    release_lock(site);
    (void)ask(site, text);
    hold_lock(site);
}

/* ---------------------------------------------------------------- copying ---- */

static struct snapshot take(const struct site *site)
{
    struct snapshot snapshot;
    struct failure failure;
    assert_true(snapshot_take(&site->segment, NULL, &snapshot, &failure));
    return snapshot;
}

static void positions_keep_their_order(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    ring_start_at(&site->segment, 1000, 0);
    atomic_store(&site->segment.shared->positions.head, 1000 + RING_BYTES / 2);
    struct snapshot snapshot = take(site);
    assert_int_equal(snapshot.ring.used, RING_BYTES / 2);
    assert_int_equal(snapshot.ring.unsynced, RING_BYTES / 2);
    assert_true(fabs(snapshot.ring.fill - 0.5) < 1e-9);
    snapshot_free(&snapshot);
    atomic_store(&site->segment.shared->positions.head, 1000 + 2 * RING_BYTES);
    snapshot = take(site);
    assert_int_equal(snapshot.ring.used, RING_BYTES);
    snapshot_free(&snapshot);
}

/* That one is set by hand or by the network, forwards and backwards. */
static void the_uptime_does_not_follow_the_wall_clock(void **state)
{
    enum { UP_MS = 5000, LATEST_MS = 60000, YEAR_S = 31536000 };
    static const int64_t jumps_s[] = {-YEAR_S, 0, YEAR_S};
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    struct shared_identity *identity = &site->segment.shared->identity;
    identity->started_boot_ms -= UP_MS;
    for (size_t i = 0; i < sizeof jumps_s / sizeof jumps_s[0]; i++) {
        identity->started_at_s += jumps_s[i];
        struct snapshot snapshot = take(site);
        assert_in_range(snapshot.server.uptime_ms, UP_MS, LATEST_MS);
        snapshot_free(&snapshot);
    }
}

static void agencies_come_by_standing_and_number(void **state)
{
    static const uint32_t ids[] = {9, 2, 4000000000U, 5};
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct agency *agency = agencies_find_or_add(&site->segment, ids[i]);
        assert_non_null(agency);
        atomic_store(&agency->bets, ids[i] < 100 ? ids[i] : 0);
        atomic_store(&agency->phase, ids[i] == 5   ? AGENCY_DONE
                                     : ids[i] == 9 ? AGENCY_OPEN
                                                   : UINT64_C(77));
    }
    struct snapshot snapshot = take(site);
    assert_int_equal(snapshot.agency_count, 4);
    assert_int_equal(snapshot.agencies[0].id, 9);
    assert_string_equal(snapshot.agencies[0].phase, "open");
    assert_int_equal(snapshot.agencies[1].id, 5);
    assert_string_equal(snapshot.agencies[1].phase, "done");
    assert_int_equal(snapshot.agencies[2].id, 2);
    assert_int_equal(snapshot.agencies[3].id, 4000000000U);
    assert_string_equal(snapshot.agencies[3].phase, "unknown");
    assert_true(snapshot.agencies[0].seen_at_ms == SNAPSHOT_UNKNOWN);
    assert_int_equal(snapshot.server.bets, 16);
    snapshot_free(&snapshot);
}

/* A snapshot beside this control. */
static struct snapshot take_with(const struct site *site, const struct control *control)
{
    struct snapshot snapshot;
    struct failure failure;
    assert_true(snapshot_take(&site->segment, control, &snapshot, &failure));
    return snapshot;
}

static void expect_agency(const struct snapshot *snapshot, size_t index, uint32_t id,
                          const char *phase, bool missing)
{
    assert_true(index < snapshot->agency_count);
    assert_int_equal(snapshot->agencies[index].id, id);
    assert_string_equal(snapshot->agencies[index].phase, phase);
    assert_int_equal(snapshot->agencies[index].missing, missing);
}

static void expected_agencies_that_never_came_are_rows(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    (void)agencies_find_or_add(&site->segment, 2);
    atomic_store(&agencies_find_or_add(&site->segment, 1)->phase, AGENCY_DONE);
    struct control control = {.state = CONTROL_OPEN,
                              .terms = {.draw = "2026-W48",
                                        .agencies_allowed = "1-3,7",
                                        .number_by = NUMBER_BY_COMMAND,
                                        .closes_at_ms = 5000}};
    struct snapshot snapshot = take_with(site, &control);
    assert_int_equal(snapshot.agency_count, 4);
    assert_int_equal(snapshot.server.agencies, 2);
    expect_agency(&snapshot, 0, 3, "never", true);
    expect_agency(&snapshot, 1, 7, "never", true);
    expect_agency(&snapshot, 2, 2, "open", true);
    expect_agency(&snapshot, 3, 1, "done", false);
    assert_string_equal(snapshot.draw.name, "2026-W48");
    assert_string_equal(snapshot.draw.state, "open");
    assert_string_equal(snapshot.draw.number_by, "command");
    assert_string_equal(snapshot.draw.seal_sha256, "");
    assert_int_equal(snapshot.draw.closes_at_ms, 5000);
    assert_int_equal(snapshot.draw.unnamed, 0);
    snapshot_free(&snapshot);
    control.state = CONTROL_SEALED;
    (void)snprintf(control.closing.without, sizeof control.closing.without, "2,7");
    (void)snprintf(control.seal_sha256, sizeof control.seal_sha256, "%064d", 0);
    snapshot = take_with(site, &control);
    expect_agency(&snapshot, 0, 3, "never", false);
    expect_agency(&snapshot, 1, 2, "out", false);
    expect_agency(&snapshot, 2, 7, "out", false);
    expect_agency(&snapshot, 3, 1, "done", false);
    assert_int_equal(strlen(snapshot.draw.seal_sha256), CONTROL_SHA256_DIGITS);
    snapshot_free(&snapshot);
}

static void where_any_agency_may_come_the_missing_ones_are_counted(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    const struct control control = {.state = CONTROL_OPEN,
                                    .terms = {.draw = "1", .agencies_allowed = "any"}};
    (void)agencies_find_or_add(&site->segment, 8);
    struct snapshot snapshot = take_with(site, &control);
    assert_int_equal(snapshot.agency_count, 1);
    assert_int_equal(snapshot.draw.unnamed, MISSING - 1);
    snapshot_free(&snapshot);
    snapshot = take(site);
    assert_string_equal(snapshot.draw.name, "");
    assert_int_equal(snapshot.draw.unnamed, MISSING - 1);
    snapshot_free(&snapshot);
}

static void only_slots_that_are_given_out_are_handlers(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    slot_set_up(&site->segment, 1, "10.0.0.1:4242");
    slot_set_up(&site->segment, 2, "still being forked");
    atomic_store(&site->segment.slots[1].pid, 1234);
    slot_set_activity(&site->segment.slots[1], SLOT_WAITING_AT_GATE);
    struct snapshot snapshot = take(site);
    assert_int_equal(snapshot.handler_count, 1);
    assert_int_equal(snapshot.handlers[0].pid, 1234);
    assert_string_equal(snapshot.handlers[0].peer, "10.0.0.1:4242");
    assert_string_equal(snapshot.handlers[0].via, "");
    assert_string_equal(snapshot.handlers[0].activity, "waiting at gate");
    assert_true(snapshot.handlers[0].agency == SNAPSHOT_UNKNOWN);
    snapshot_free(&snapshot);
}

static void a_forwarded_connection_has_its_peer_and_its_balancer(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    slot_set_up(&site->segment, 1, "10.0.0.5:1");
    slot_set_forwarded(&site->segment.slots[1], "192.0.2.7:40123");
    atomic_store(&site->segment.slots[1].pid, 1234);
    struct snapshot snapshot = take(site);
    assert_string_equal(snapshot.handlers[0].peer, "192.0.2.7:40123");
    assert_string_equal(snapshot.handlers[0].via, "10.0.0.5:1");
    snapshot_free(&snapshot);
}

static void garbage_in_a_slot_is_bounded(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    struct slot *slot = &site->segment.slots[SLOTS - 1];
    slot_set_up(&site->segment, SLOTS - 1, "");
    memset(slot->peer, 0xff, sizeof slot->peer);
    slot->peer[0] = 'a';
    slot->peer[1] = '\x1b';
    atomic_store(&slot->activity, UINT32_MAX);
    atomic_store(&slot->since_ms, INT64_MIN);
    atomic_store(&slot->pid, 1);
    struct snapshot snapshot = take(site);
    assert_int_equal(snapshot.handler_count, 1);
    assert_int_equal(strlen(snapshot.handlers[0].peer), SHARED_PEER_BYTES - 1);
    assert_int_equal(strspn(snapshot.handlers[0].peer, "a?"), SHARED_PEER_BYTES - 1);
    assert_string_equal(snapshot.handlers[0].activity, "unknown");
    assert_true(snapshot.handlers[0].since_ms == SNAPSHOT_UNKNOWN);
    snapshot_free(&snapshot);
}

static void the_storers_means_are_of_its_flushes(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    struct shared_storer *storer = &site->segment.shared->storer;
    struct agency *agency = agencies_find_or_add(&site->segment, 1);
    struct snapshot snapshot = take(site);
    assert_true(snapshot.storer.sync_mean_ns == SNAPSHOT_UNKNOWN);
    assert_true(isnan(snapshot.storer.bets_a_flush));
    snapshot_free(&snapshot);
    atomic_store(&agency->bets, 200);
    atomic_store(&agency->bytes, 8000);
    atomic_store(&storer->flushes, 4);
    atomic_store(&storer->flushed_bytes, 4000); /* of the 8000, half is an earlier server's */
    atomic_store(&storer->sync_total_ns, 4400);
    atomic_store(&storer->retry_errno, ENOSPC);
    atomic_store(&storer->pid, 5);
    atomic_store(&site->segment.shared->supervisor.storer_starts, 3);
    snapshot = take(site);
    assert_true(fabs(snapshot.storer.bytes_a_flush - 1000) < 1e-9);
    assert_true(fabs(snapshot.storer.bets_a_flush - 25) < 1e-9);
    assert_int_equal(snapshot.storer.sync_mean_ns, 1100);
    assert_int_equal(snapshot.storer.restarts, 2);
    assert_string_equal(snapshot.storer.activity, "no room");
    assert_string_equal(snapshot.storer.no_room_reason, "ENOSPC");
    snapshot_free(&snapshot);
}

static void the_port_is_known_once_the_supervisor_has_told_it(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    struct snapshot snapshot = take(site);
    assert_true(snapshot.server.port == SNAPSHOT_UNKNOWN);
    snapshot_free(&snapshot);
    segment_set_port(&site->segment, 12345);
    snapshot = take(site);
    assert_int_equal(snapshot.server.port, 12345);
    snapshot_free(&snapshot);
}

static void the_gate_is_what_ipcs_shows(void **state)
{
    struct site *site = *state;
    make_segment(site, SHARED_READY);
    struct snapshot snapshot = take(site);
    assert_int_equal(snapshot.gate.missing, MISSING);
    assert_int_equal(snapshot.gate.waiting, 0);
    snapshot_free(&snapshot);
    gate_remove(site->gate_id);
    site->gate_id = -1;
    snapshot = take(site);
    assert_true(snapshot.gate.missing == SNAPSHOT_UNKNOWN);
    snapshot_free(&snapshot);
}

static void tables_that_do_not_fit_the_segment_are_refused(void **state)
{
    struct site *site = *state;
    struct snapshot snapshot;
    struct failure failure;
    make_segment(site, SHARED_READY);
    uint32_t capacity = site->segment.shared->identity.slot_capacity;
    site->segment.shared->identity.slot_capacity = UINT32_MAX;
    assert_false(snapshot_take(&site->segment, NULL, &snapshot, &failure));
    snapshot_free(&snapshot);
    site->segment.shared->identity.slot_capacity = capacity;
}

#define SITE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(no_directory_and_an_unused_one_are_no_server),
        SITE_TEST(a_held_lock_without_a_segment_is_a_server_that_starts),
        SITE_TEST(a_segment_that_is_not_ready_is_a_server_that_starts),
        SITE_TEST(a_ready_or_stopping_server_is_found),
        SITE_TEST(what_a_killed_server_left_is_no_server),
        SITE_TEST(another_layout_is_another_version),
        SITE_TEST(another_directorys_segment_is_not_ours),
        SITE_TEST(looking_leaves_the_lock_free),
        SITE_TEST(positions_keep_their_order),
        SITE_TEST(the_uptime_does_not_follow_the_wall_clock),
        SITE_TEST(agencies_come_by_standing_and_number),
        SITE_TEST(expected_agencies_that_never_came_are_rows),
        SITE_TEST(where_any_agency_may_come_the_missing_ones_are_counted),
        SITE_TEST(only_slots_that_are_given_out_are_handlers),
        SITE_TEST(a_forwarded_connection_has_its_peer_and_its_balancer),
        SITE_TEST(garbage_in_a_slot_is_bounded),
        SITE_TEST(the_storers_means_are_of_its_flushes),
        SITE_TEST(the_port_is_known_once_the_supervisor_has_told_it),
        SITE_TEST(the_gate_is_what_ipcs_shows),
        SITE_TEST(tables_that_do_not_fit_the_segment_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
