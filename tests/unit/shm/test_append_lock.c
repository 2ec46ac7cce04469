/*
 * test_append_lock.c - an owner of the lock may die after each of its steps:
 * what head says decides, and the next owner finishes or forgets the rest.
 */
#include "shm/append_lock.h"

#include "lib/log.h"
#include "shm/agencies.h"
#include "tests/harness/emulated.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 65536,
    HEAD = 1000,
    BETS = 40,
    BYTES = 800, /* of the agency, before it appends */
    MORE_BETS = 3,
    MORE_BYTES = 60,
    CHECKSUM = 0x1234,
    MORE_CHECKSUM = 0x5678, /* the agency's, and of all, once it has appended */
    ALL_CHECKSUM = 0x9abc,
    MORE_ALL_CHECKSUM = 0xdef0,
    INCREMENTS = 20000,
    COUNTERS = 4
};

/* The steps of an append under the lock, in their order; an owner dies after one of them. */
enum step { STEP_LOCKED, STEP_NOTED, STEP_MOVED, STEP_COUNTED_BETS, STEP_FINISHED, STEPS };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct segment segment;
    struct agency *agency;
    enum step last_step;
    bool by_signal;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.agency = NULL};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    segments_create(
        &fixture.scratch,
        (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = 4, .slot_capacity = 2},
        &fixture.segment);
    fixture.agency = agencies_find_or_add(&fixture.segment, 3);
    assert_non_null(fixture.agency);
    atomic_store(&fixture.agency->bets, BETS);
    atomic_store(&fixture.agency->bytes, BYTES);
    atomic_store(&fixture.agency->checksum, CHECKSUM);
    fixture.segment.shared->append.checksum = ALL_CHECKSUM;
    atomic_store(&fixture.agency->end_position, HEAD - 1);
    atomic_store(&fixture.segment.shared->positions.head, HEAD);
    atomic_store(&fixture.segment.shared->positions.written, HEAD);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

/* What an append of MORE_BETS to the agency notes. */
static struct shared_intent intent_of(const struct fixture *fixture)
{
    return (struct shared_intent){
        .head_after = HEAD + MORE_BYTES,
        .agency_index = (uint32_t)(fixture->agency - fixture->segment.agencies),
        .bets_after = BETS + MORE_BETS,
        .bytes_after = BYTES + MORE_BYTES,
        .checksum_after = MORE_CHECKSUM,
        .all_checksum_after = MORE_ALL_CHECKSUM,
    };
}

/* An append up to a step, by an owner who then is no more. */
static int append_and_die(void *context)
{
    struct fixture *fixture = context;
    struct segment *segment = &fixture->segment;
    append_lock(segment);
    if (fixture->last_step >= STEP_NOTED) {
        const struct shared_intent intent = intent_of(fixture);
        append_note_intent(segment, &intent);
    }
    if (fixture->last_step >= STEP_MOVED) {
        atomic_store(&segment->shared->positions.head, HEAD + MORE_BYTES);
    }
    if (fixture->last_step == STEP_COUNTED_BETS) {
        atomic_store(&fixture->agency->bets, BETS + MORE_BETS);
    }
    if (fixture->last_step >= STEP_FINISHED) {
        append_finish_intent(segment);
    }
    if (fixture->by_signal) {
        (void)kill(getpid(), SIGKILL);
    }
    return 0;
}

static void let_an_owner_die(struct fixture *fixture, enum step last_step, bool by_signal)
{
    skip_without_robust_mutexes();
    fixture->last_step = last_step;
    fixture->by_signal = by_signal;
    pid_t pid = processes_start(&fixture->processes, append_and_die, fixture);
    int status = processes_wait(&fixture->processes, pid);
    assert_int_equal(WIFSIGNALED(status), by_signal);
}

static void expect_counts(const struct fixture *fixture, bool appended)
{
    const struct agency *agency = fixture->agency;
    const struct shared *shared = fixture->segment.shared;
    assert_int_equal(atomic_load(&agency->bets), BETS + (appended ? MORE_BETS : 0));
    assert_int_equal(atomic_load(&agency->bytes), BYTES + (appended ? MORE_BYTES : 0));
    assert_int_equal(atomic_load(&agency->checksum), appended ? MORE_CHECKSUM : CHECKSUM);
    assert_int_equal(shared->append.checksum, appended ? MORE_ALL_CHECKSUM : ALL_CHECKSUM);
    assert_int_equal(atomic_load(&agency->end_position), appended ? HEAD + MORE_BYTES : HEAD - 1);
    assert_int_equal(atomic_load(&shared->positions.head), HEAD + (appended ? MORE_BYTES : 0));
    assert_int_equal(shared->append.intent.head_after, 0);
}

/* --------------------------------------------------------------- tests ---- */

static void an_owner_who_dies_after_any_step_leaves_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (int step = STEP_LOCKED; step < STEPS; step++) {
        for (int by_signal = 0; by_signal <= 1; by_signal++) {
            let_an_owner_die(fixture, (enum step)step, by_signal != 0);
            append_lock(&fixture->segment);
            expect_counts(fixture, step >= STEP_MOVED);
            assert_int_equal(atomic_load(&fixture->segment.shared->append.recoveries), 1);
            append_unlock(&fixture->segment);
            append_lock(&fixture->segment); /* it is an ordinary mutex again */
            assert_int_equal(atomic_load(&fixture->segment.shared->append.recoveries), 1);
            append_unlock(&fixture->segment);
            (void)tear_down(state);
            (void)set_up(state);
        }
    }
}

static void a_dead_owners_news_are_told_to_the_storer(void **state)
{
    struct fixture *fixture = *state;
    assert_false(agencies_take_done_news(&fixture->segment));
    let_an_owner_die(fixture, STEP_LOCKED, true);
    append_lock(&fixture->segment);
    append_unlock(&fixture->segment);
    assert_true(agencies_take_done_news(&fixture->segment));
    assert_false(agencies_take_done_news(&fixture->segment));
}

static void owners_who_die_one_after_the_other_are_all_repaired(void **state)
{
    struct fixture *fixture = *state;
    enum { OWNERS = 20 };
    for (int i = 0; i < OWNERS; i++) {
        let_an_owner_die(fixture, i % 2 == 0 ? STEP_NOTED : STEP_LOCKED, true);
    }
    append_lock(&fixture->segment);
    expect_counts(fixture, false);
    assert_int_equal(atomic_load(&fixture->segment.shared->append.recoveries), OWNERS);
    append_unlock(&fixture->segment);
}

static void an_intent_once_forgotten_is_never_finished(void **state)
{
    struct fixture *fixture = *state;
    let_an_owner_die(fixture, STEP_NOTED, true);
    append_lock(&fixture->segment);
    /* Another agency's bytes take head to where the forgotten intent wanted it. */
    struct agency *other =
        fixture->agency + (fixture->agency == fixture->segment.agencies ? 1 : -1);
    const struct shared_intent intent = {
        .head_after = HEAD + MORE_BYTES,
        .agency_index = (uint32_t)(other - fixture->segment.agencies),
        .bets_after = 1,
        .bytes_after = MORE_BYTES,
        .checksum_after = MORE_CHECKSUM,
        .all_checksum_after = MORE_ALL_CHECKSUM,
    };
    append_note_intent(&fixture->segment, &intent);
    atomic_store(&fixture->segment.shared->positions.head, HEAD + MORE_BYTES);
    append_finish_intent(&fixture->segment);
    append_unlock(&fixture->segment);
    let_an_owner_die(fixture, STEP_LOCKED, true);
    append_lock(&fixture->segment);
    append_unlock(&fixture->segment);
    assert_int_equal(atomic_load(&fixture->agency->bets), BETS);
    assert_int_equal(atomic_load(&fixture->agency->checksum), CHECKSUM);
    assert_int_equal(atomic_load(&other->bets), 1);
    assert_int_equal(atomic_load(&other->checksum), MORE_CHECKSUM);
    assert_int_equal(fixture->segment.shared->append.checksum, MORE_ALL_CHECKSUM);
    assert_int_equal(atomic_load(&other->end_position), HEAD + MORE_BYTES);
}

static void an_owner_who_dies_before_anything_was_stored_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->agency = fixture->segment.agencies; /* what an empty intent names */
    atomic_store(&fixture->agency->bets, BETS);
    atomic_store(&fixture->agency->end_position, HEAD - 1);
    atomic_store(&fixture->segment.shared->positions.head, 0);
    atomic_store(&fixture->segment.shared->positions.written, 0);
    let_an_owner_die(fixture, STEP_LOCKED, true);
    append_lock(&fixture->segment);
    append_unlock(&fixture->segment);
    assert_int_equal(atomic_load(&fixture->agency->bets), BETS);
    assert_int_equal(atomic_load(&fixture->agency->end_position), HEAD - 1);
}

/* Counts under the lock, not atomically: two at a time would lose some. */
static int count_under_the_lock(void *context)
{
    struct fixture *fixture = context;
    uint64_t *count = &fixture->segment.shared->append.intent.bets_after;
    for (int i = 0; i < INCREMENTS; i++) {
        append_lock(&fixture->segment);
        *(volatile uint64_t *)count = *(volatile uint64_t *)count + 1;
        append_unlock(&fixture->segment);
    }
    return 0;
}

static void one_process_at_a_time_has_the_lock(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[COUNTERS];
    processes_open(&fixture->processes);
    for (int i = 0; i < COUNTERS; i++) {
        pids[i] = processes_start(&fixture->processes, count_under_the_lock, fixture);
    }
    processes_release(&fixture->processes);
    for (int i = 0; i < COUNTERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], 0);
    }
    assert_int_equal(fixture->segment.shared->append.intent.bets_after, COUNTERS * INCREMENTS);
}

#define LOCK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCK_TEST(an_owner_who_dies_after_any_step_leaves_all_or_nothing),
        LOCK_TEST(a_dead_owners_news_are_told_to_the_storer),
        LOCK_TEST(owners_who_die_one_after_the_other_are_all_repaired),
        LOCK_TEST(an_intent_once_forgotten_is_never_finished),
        LOCK_TEST(an_owner_who_dies_before_anything_was_stored_changes_nothing),
        LOCK_TEST(one_process_at_a_time_has_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
