/*
 * test_stat_readiness.c - each thing without which a connection is not served is a "no" with its
 * reason.
 */
#include "stat/readiness.h"

#include "lib/log.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/waiting.h"
#include "stat/snapshot.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, SLOTS = 3, LATE_MS = HEARTBEAT_LATE_MS + 1000 };

struct fixture {
    struct scratch scratch;
    struct segment segment;
    int gate_id;
};

/* A server that is ready. */
static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    fixture = (struct fixture){.gate_id = -1};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_CRITICAL);
    scratch_open(&fixture.scratch);
    segments_create(&fixture.scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .slot_capacity = SLOTS},
                    &fixture.segment);
    uint32_t key = segment_key(fixture.scratch.device, fixture.scratch.inode);
    assert_true(gate_create(key, 1, &fixture.gate_id, &failure));
    struct shared *shared = fixture.segment.shared;
    shared->identity.gate_id = fixture.gate_id;
    atomic_store(&shared->storer.pid, getpid());
    atomic_store(&shared->supervisor.connections_open, SLOTS - 1);
    heartbeat_beat(&shared->supervisor.beat_at_ms);
    heartbeat_beat(&shared->storer.beat_at_ms);
    segment_publish(&fixture.segment, SHARED_READY);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    gate_remove(fixture->gate_id);
    segment_remove(&fixture->segment);
    scratch_close(&fixture->scratch);
    return 0;
}

/* The figure says the same as --ready. */
static void expect_figure(const struct fixture *fixture, uint64_t ready)
{
    struct snapshot snapshot;
    struct failure failure;
    assert_true(snapshot_take(&fixture->segment, NULL, &snapshot, &failure));
    assert_int_equal(snapshot.server.ready, ready);
    snapshot_free(&snapshot);
}

static void expect_yes(const struct fixture *fixture)
{
    struct failure reason = {.text = ""};
    if (!readiness_judge(&fixture->segment, &reason)) {
        fail_msg("%s", reason.text);
    }
    expect_figure(fixture, 1);
}

static void expect_no(const struct fixture *fixture, const char *words)
{
    struct failure reason = {.text = ""};
    assert_false(readiness_judge(&fixture->segment, &reason));
    if (strstr(reason.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", reason.text, words);
    }
    expect_figure(fixture, 0);
}

static void a_server_that_goes_on_is_ready(void **state)
{
    expect_yes(*state);
}

static void one_that_stops_or_has_halted_is_not(void **state)
{
    struct fixture *fixture = *state;
    segment_publish(&fixture->segment, SHARED_STOPPING);
    expect_no(fixture, "stopping");
    segment_publish(&fixture->segment, SHARED_READY);
    expect_yes(fixture);
    wait_halt(&fixture->segment);
    expect_no(fixture, "can't go on");
}

static void a_supervisor_that_shows_no_life_is_stopped_or_dead(void **state)
{
    struct fixture *fixture = *state;
    _Atomic int64_t *beat = &fixture->segment.shared->supervisor.beat_at_ms;
    atomic_fetch_sub(beat, LATE_MS);
    expect_no(fixture, "the supervisor, pid ");
    expect_no(fixture, "has shown no life for 4 s");
    atomic_store(beat, 0);
    expect_no(fixture, "has not begun yet");
    heartbeat_beat(beat);
    expect_yes(fixture);
}

static void a_storer_that_is_late_missing_or_without_room_acknowledges_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct shared_storer *storer = &fixture->segment.shared->storer;
    atomic_fetch_sub(&storer->beat_at_ms, LATE_MS);
    expect_no(fixture, "the storer, pid ");
    heartbeat_beat(&storer->beat_at_ms);
    atomic_store(&storer->retry_errno, ENOSPC);
    expect_no(fixture, "waits for room on the disk (No space left on device)");
    atomic_store(&storer->retry_errno, 0);
    atomic_store(&storer->pid, 0);
    expect_no(fixture, "there is no storer");
}

static void a_connection_more_than_the_limit_would_wait(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->segment.shared->supervisor.connections_open, SLOTS);
    expect_no(fixture, "limits.max_connections");
}

static void without_the_semaphores_no_handler_can_begin(void **state)
{
    struct fixture *fixture = *state;
    gate_remove(fixture->gate_id);
    expect_no(fixture, "semaphore set");
}

#define READINESS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READINESS_TEST(a_server_that_goes_on_is_ready),
        READINESS_TEST(one_that_stops_or_has_halted_is_not),
        READINESS_TEST(a_supervisor_that_shows_no_life_is_stopped_or_dead),
        READINESS_TEST(a_storer_that_is_late_missing_or_without_room_acknowledges_nothing),
        READINESS_TEST(a_connection_more_than_the_limit_would_wait),
        READINESS_TEST(without_the_semaphores_no_handler_can_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
