/*
 * test_slots.c - a slot that is given out has nothing of whoever had it before,
 * and its neighbours notice nothing.
 */
#include "shm/slots.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/segment.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 4096,
    SLOTS = 130,
    WORDS = SHARED_WAITER_WORDS,
    WORD_BITS = 64,
    USED = 77,
    READINGS = 200,
    READING_MS = 500,
    READING_LIMIT_MS = 20000
};

struct fixture {
    struct scratch scratch;
    struct segment segment;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.segment = {0}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    segments_create(&fixture.scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .slot_capacity = SLOTS},
                    &fixture.segment);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

/* As a handler may leave it that was killed while it slept. */
static void use_up(struct slot *slot)
{
    assert_int_equal(sem_init(&slot->wakeup, 1, 3), 0);
    atomic_store(&slot->awaited, USED);
    atomic_store(&slot->agency, USED);
    atomic_store(&slot->agency_known, 1);
    atomic_store(&slot->messages, USED);
    atomic_store(&slot->bets, USED);
    atomic_store(&slot->bytes, USED);
    atomic_store(&slot->activity, SLOT_WAITING_FOR_COMMIT);
    atomic_store(&slot->since_ms, 0);
    atomic_store(&slot->connected_at_ms, 0);
    memset(slot->peer, 'x', sizeof slot->peer - 1);
}

static void expect_now(int64_t told_ms, int64_t before_ms)
{
    assert_true(before_ms <= told_ms && told_ms <= clock_wall_ms());
}

static void a_slot_starts_without_anything_of_its_former_handler(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = &fixture->segment.slots[5];
    int tokens = -1;
    use_up(slot);
    int64_t before_ms = clock_wall_ms();
    slot_set_up(&fixture->segment, 5, "10.0.0.7:40123");
    assert_int_equal(sem_getvalue(&slot->wakeup, &tokens), 0);
    assert_int_equal(tokens, 0);
    assert_int_equal(atomic_load(&slot->awaited), 0);
    assert_int_equal(atomic_load(&slot->agency), 0);
    assert_int_equal(atomic_load(&slot->agency_known), 0);
    assert_int_equal(atomic_load(&slot->messages), 0);
    assert_int_equal(atomic_load(&slot->bets), 0);
    assert_int_equal(atomic_load(&slot->bytes), 0);
    assert_int_equal(atomic_load(&slot->activity), SLOT_STARTING);
    assert_string_equal(slot->peer, "10.0.0.7:40123");
    expect_now(atomic_load(&slot->since_ms), before_ms);
    expect_now(atomic_load(&slot->connected_at_ms), before_ms);
}

static void its_neighbours_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct slot before[3];
    for (uint32_t i = 0; i < 3; i++) {
        use_up(&fixture->segment.slots[i]);
    }
    memcpy(before, fixture->segment.slots, sizeof before);
    slot_set_up(&fixture->segment, 1, "x");
    assert_memory_equal(&before[0], &fixture->segment.slots[0], sizeof before[0]);
    assert_memory_equal(&before[2], &fixture->segment.slots[2], sizeof before[2]);
}

static void only_its_own_waiters_bits_are_cleared(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t indexes[] = {0, 1, 62, 63, 64, 65, 127, 128, SLOTS - 1};
    struct shared_waiters *waiters = &fixture->segment.shared->waiters;
    for (size_t n = 0; n < sizeof indexes / sizeof indexes[0]; n++) {
        const uint32_t index = indexes[n];
        memset((void *)waiters, 0xff, sizeof *waiters);
        slot_set_up(&fixture->segment, index, "x");
        for (uint32_t i = 0; i < WAIT_KINDS * WORDS; i++) {
            uint64_t own = i % WORDS == index / WORD_BITS ? UINT64_C(1) << index % WORD_BITS : 0;
            assert_int_equal(atomic_load(&waiters->bits[i / WORDS][i % WORDS]), ~own);
        }
    }
}

static void a_peer_that_is_too_long_is_cut(void **state)
{
    struct fixture *fixture = *state;
    char peer[2 * SHARED_PEER_BYTES];
    memset(peer, 'p', sizeof peer - 1);
    peer[sizeof peer - 1] = '\0';
    slot_set_up(&fixture->segment, 0, peer);
    assert_int_equal(strlen(fixture->segment.slots[0].peer), SHARED_PEER_BYTES - 1);
    expect_now(atomic_load(&fixture->segment.slots[0].connected_at_ms), 1);
    slot_set_up(&fixture->segment, 0, "");
    assert_string_equal(fixture->segment.slots[0].peer, "");
}

static void a_slot_that_is_released_is_free(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = &fixture->segment.slots[0];
    slot_set_up(&fixture->segment, 0, "x");
    atomic_store(&slot->pid, 4711);
    slot_release(slot);
    assert_int_equal(atomic_load(&slot->pid), 0);
    assert_int_equal(atomic_load(&slot->activity), SLOT_FREE);
}

static void an_activity_is_noted_with_its_beginning(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = &fixture->segment.slots[0];
    for (int activity = 0; activity < SLOT_ACTIVITIES; activity++) {
        atomic_store(&slot->since_ms, 0);
        int64_t before_ms = clock_wall_ms();
        slot_set_activity(slot, (enum slot_activity)activity);
        assert_int_equal(atomic_load(&slot->activity), activity);
        expect_now(atomic_load(&slot->since_ms), before_ms);
    }
}

static void every_activity_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SLOT_ACTIVITIES; i++) {
        const char *name = slot_activity_name((enum slot_activity)i);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown");
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, slot_activity_name((enum slot_activity)k));
        }
    }
    assert_string_equal(slot_activity_name(SLOT_ACTIVITIES), "unknown");
    assert_string_equal(slot_activity_name(SLOT_WAITING_FOR_COMMIT), "waiting for commit");
}

/* Gives one slot to one forwarded connection after the other, until it is killed. */
static int give_out_again_and_again(void *context)
{
    struct fixture *fixture = context;
    for (size_t i = 0;; i++) {
        slot_set_up(&fixture->segment, 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        slot_set_forwarded(&fixture->segment.slots[0], "bbbbbbbbb");
        slot_release(&fixture->segment.slots[0]);
    }
    return 0;
}

static void a_slot_is_read_whole_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    struct processes processes;
    unsigned whole = 0;
    bool torn = false;
    processes_open(&processes);
    processes_release(&processes);
    (void)processes_start(&processes, give_out_again_and_again, fixture);
    int64_t deadline_ms = processes_now_ms() + READING_MS;
    while (!torn && (whole < READINGS || processes_now_ms() < deadline_ms) &&
           processes_now_ms() < deadline_ms + READING_LIMIT_MS) {
        char peer[SHARED_PEER_BYTES];
        char via[SHARED_PEER_BYTES];
        uint32_t version = 0;
        if (slot_read_peer(&fixture->segment.slots[0], &version, peer, via)) {
            size_t length = strlen(peer);
            torn = peer[0] == 'a' ? length != 36 : peer[0] == 'b' ? length != 9 : length != 0;
            torn |= length > 0 && strspn(peer, peer[0] == 'a' ? "a" : "b") != length;
            torn |= strlen(via) != (peer[0] == 'b' ? 36 : 0); /* b comes through a */
            whole++;
        }
    }
    processes_close(&processes);
    assert_false(torn);
    assert_true(whole >= READINGS);
}

static void a_slot_that_changes_hands_meanwhile_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = &fixture->segment.slots[0];
    char peer[SHARED_PEER_BYTES];
    char via[SHARED_PEER_BYTES];
    uint32_t version = 0;
    slot_set_up(&fixture->segment, 0, "10.0.0.1:1");
    assert_true(slot_read_peer(slot, &version, peer, via));
    assert_string_equal(peer, "10.0.0.1:1");
    atomic_store(&slot->bets, 7); /* its handler's counters are no change of hands */
    slot_set_activity(slot, SLOT_WORKING);
    assert_true(slot_is_unchanged(slot, version));
    slot_release(slot);
    assert_false(slot_is_unchanged(slot, version));
    assert_true(slot_read_peer(slot, &version, peer, via));
    atomic_fetch_add(&slot->version, 1); /* a writer that died in the middle of a change */
    assert_false(slot_read_peer(slot, &version, peer, via));
    slot_release(slot); /* the next change is one all the same */
    assert_true(slot_read_peer(slot, &version, peer, via));
}

/* ---------------------------------------------------- forwarded connections ---- */

static void a_forwarded_connection_has_its_own_peer_and_the_balancer(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = &fixture->segment.slots[0];
    char peer[SHARED_PEER_BYTES];
    char via[SHARED_PEER_BYTES];
    uint32_t version = 0;
    slot_set_up(&fixture->segment, 0, "10.0.0.5:1");
    uint32_t before = atomic_load(&slot->version);
    assert_true(slot_read_peer(slot, &version, peer, via));
    assert_string_equal(via, "");
    slot_set_forwarded(slot, "192.0.2.7:40123");
    assert_false(slot_is_unchanged(slot, before));
    assert_true(slot_read_peer(slot, &version, peer, via));
    assert_string_equal(peer, "192.0.2.7:40123");
    assert_string_equal(via, "10.0.0.5:1");
    slot_set_up(&fixture->segment, 0, "10.0.0.5:2");
    assert_string_equal(slot->via, "");
    assert_int_equal(atomic_load(&slot->forwarding), SLOT_DIRECT);
}

static void forward(struct fixture *fixture, uint32_t index, const char *peer)
{
    slot_set_up(&fixture->segment, index, "10.0.0.5:1");
    slot_set_forwarded(&fixture->segment.slots[index], peer);
}

static void a_host_gets_no_more_forwarded_connections_than_its_limit(void **state)
{
    enum { LIMIT = 2 };
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->segment;
    forward(fixture, 0, "192.0.2.7:1");
    forward(fixture, 1, "192.0.2.7:2");
    forward(fixture, 2, "192.0.2.7:3");
    forward(fixture, 3, "192.0.2.77:1"); /* other hosts, though their texts begin alike */
    forward(fixture, 4, "[192:0:2:7::]:1");
    assert_true(slot_admit_forwarded(segment, 2, LIMIT));
    assert_true(slot_admit_forwarded(segment, 0, LIMIT));
    assert_false(slot_admit_forwarded(segment, 1, LIMIT));
    assert_true(slot_admit_forwarded(segment, 3, LIMIT));
    assert_true(slot_admit_forwarded(segment, 4, LIMIT));
    slot_release(&segment->slots[2]);
    assert_true(slot_admit_forwarded(segment, 1, LIMIT));
    forward(fixture, 5, "192.0.2.7:4");
    assert_false(slot_admit_forwarded(segment, 5, LIMIT));
    assert_true(slot_admit_forwarded(segment, 5, 0));
}

static void direct_connections_of_the_host_count_too(void **state)
{
    struct fixture *fixture = *state;
    slot_set_up(&fixture->segment, 7, "192.0.2.7:9");
    forward(fixture, 0, "192.0.2.7:1");
    assert_false(slot_admit_forwarded(&fixture->segment, 0, 1));
    assert_true(slot_admit_forwarded(&fixture->segment, 0, 2));
}

/* A handler that died while it found out counts until its slot is released, and no longer. */
static void who_arrives_with_others_waits_for_the_first_one(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->segment;
    forward(fixture, 0, "192.0.2.7:1");
    forward(fixture, 1, "192.0.2.7:2");
    atomic_store(&segment->slots[0].forwarding, SLOT_ARRIVING);
    assert_false(slot_admit_forwarded(segment, 1, 1));
    slot_release(&segment->slots[0]);
    assert_true(slot_admit_forwarded(segment, 1, 1));
}

enum { RIVALS = 12, RIVALS_LIMIT = 5 };

struct rival {
    struct fixture *fixture;
    uint32_t index;
};

static int arrive(void *context)
{
    const struct rival *rival = context;
    return slot_admit_forwarded(&rival->fixture->segment, rival->index, RIVALS_LIMIT) ? 0 : 1;
}

static void of_many_that_arrive_at_once_as_many_as_the_limit_are_admitted(void **state)
{
    struct fixture *fixture = *state;
    struct rival rivals[RIVALS];
    pid_t pids[RIVALS];
    struct processes processes;
    unsigned admitted = 0;
    processes_open(&processes);
    for (uint32_t i = 0; i < RIVALS; i++) {
        char peer[SHARED_PEER_BYTES];
        (void)snprintf(peer, sizeof peer, "192.0.2.7:%u", i);
        forward(fixture, i, peer);
        rivals[i] = (struct rival){fixture, i};
        pids[i] = processes_start(&processes, arrive, &rivals[i]);
    }
    processes_release(&processes);
    for (int i = 0; i < RIVALS; i++) {
        (void)processes_wait(&processes, pids[i]);
    }
    processes_close(&processes);
    for (uint32_t i = 0; i < RIVALS; i++) {
        admitted += atomic_load(&fixture->segment.slots[i].forwarding) == SLOT_ADMITTED ? 1 : 0;
    }
    assert_int_equal(admitted, RIVALS_LIMIT);
}

#define SLOTS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SLOTS_TEST(a_slot_starts_without_anything_of_its_former_handler),
        SLOTS_TEST(its_neighbours_are_left_alone),
        SLOTS_TEST(only_its_own_waiters_bits_are_cleared),
        SLOTS_TEST(a_peer_that_is_too_long_is_cut),
        SLOTS_TEST(a_slot_that_is_released_is_free),
        SLOTS_TEST(a_slot_is_read_whole_or_not_at_all),
        SLOTS_TEST(a_forwarded_connection_has_its_own_peer_and_the_balancer),
        SLOTS_TEST(a_host_gets_no_more_forwarded_connections_than_its_limit),
        SLOTS_TEST(direct_connections_of_the_host_count_too),
        SLOTS_TEST(who_arrives_with_others_waits_for_the_first_one),
        SLOTS_TEST(of_many_that_arrive_at_once_as_many_as_the_limit_are_admitted),
        SLOTS_TEST(a_slot_that_changes_hands_meanwhile_is_told),
        SLOTS_TEST(an_activity_is_noted_with_its_beginning),
        cmocka_unit_test(every_activity_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
