/*
 * test_waiting.c - nobody sleeps through what they wait for.
 *
 * A wake-up that is lost shows only by time: a handler looks around by itself
 * after a second. So rounds are timed, and one that takes nearly as long has
 * lost one.
 */
#include "shm/waiting.h"

#include "lib/log.h"
#include "shm/slots.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    SLOTS = 130, /* three words of bits */
    LOOK_AROUND_MS = 1000,
    LOST_MS = 900, /* a wait this long was ended by looking around */
    ROUNDS = 20000,
    PLAYERS = 5,
    KILLS = 200,
    AWAITED = 1000, /* a position */
    REACHED = 1,    /* exit statuses of children */
    IN_VAIN = 2,
    TOO_LATE = 3
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct segment segment;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.segment = {0}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    segments_create(
        &fixture.scratch,
        (struct segment_plan){.ring_bytes = 65536, .agency_limit = 4, .slot_capacity = SLOTS},
        &fixture.segment);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slot_set_up(&fixture.segment, i, "test");
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

static struct shared_positions *positions(const struct fixture *fixture)
{
    return &fixture->segment.shared->positions;
}

/* --------------------------------------------------------------- waiters ---- */

/* A handler that waits once. */
struct waiter {
    struct fixture *fixture;
    uint64_t target;
    uint32_t slot;
    enum wait_kind kind;
};

static int wait_once(void *context)
{
    const struct waiter *waiter = context;
    int64_t started_ms = processes_now_ms();
    bool reached = wait_until(&waiter->fixture->segment, waiter->slot, waiter->kind,
                              &positions(waiter->fixture)->durable, waiter->target);
    if (processes_now_ms() - started_ms >= LOST_MS) {
        return TOO_LATE;
    }
    return reached ? REACHED : IN_VAIN;
}

static pid_t start_waiter(struct waiter *waiter)
{
    pid_t pid = processes_start(&waiter->fixture->processes, wait_once, waiter);
    atomic_store(&waiter->fixture->segment.slots[waiter->slot].pid, (int32_t)pid);
    return pid;
}

/* True once the waiter has said that it is about to sleep. */
static bool is_announced(const void *context)
{
    const struct waiter *waiter = context;
    const struct shared_waiters *waiters = &waiter->fixture->segment.shared->waiters;
    uint64_t word = atomic_load(&waiters->bits[waiter->kind][waiter->slot / 64]);
    return (word >> (waiter->slot % 64) & 1) != 0;
}

static void a_position_that_is_reached_already_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&positions(fixture)->durable, AWAITED);
    assert_true(
        wait_until(&fixture->segment, 0, WAIT_FOR_COMMIT, &positions(fixture)->durable, AWAITED));
    assert_int_equal(atomic_load(&fixture->segment.slots[0].activity), SLOT_STARTING);
}

static void a_waiter_says_what_it_waits_for(void **state)
{
    struct fixture *fixture = *state;
    static const enum slot_activity activities[WAIT_KINDS] = {
        SLOT_WAITING_FOR_SPACE, SLOT_WAITING_FOR_COMMIT, SLOT_WAITING_FOR_DONE,
        SLOT_WAITING_FOR_LAG, SLOT_WAITING_FOR_COPY};
    processes_release(&fixture->processes);
    for (int kind = 0; kind < WAIT_KINDS; kind++) {
        struct waiter waiter = {fixture, AWAITED, 70 + (uint32_t)kind, (enum wait_kind)kind};
        const struct slot *slot = &fixture->segment.slots[waiter.slot];
        pid_t pid = start_waiter(&waiter);
        processes_await(is_announced, &waiter);
        assert_int_equal(atomic_load(&slot->awaited), AWAITED);
        assert_int_equal(atomic_load(&slot->activity), activities[kind]);
        atomic_store(&positions(fixture)->durable, AWAITED);
        wake_waiters(&fixture->segment, waiter.kind, AWAITED);
        processes_expect_exit(&fixture->processes, pid, REACHED);
        assert_false(is_announced(&waiter));
        assert_int_equal(atomic_load(&slot->activity), SLOT_WORKING);
        atomic_store(&positions(fixture)->durable, 0);
    }
}

static void only_those_are_woken_whose_position_is_reached(void **state)
{
    struct fixture *fixture = *state;
    struct waiter early = {fixture, AWAITED, 0, WAIT_FOR_COMMIT};
    struct waiter late = {fixture, AWAITED + 1, SLOTS - 1, WAIT_FOR_COMMIT};
    struct waiter other = {fixture, AWAITED, 64, WAIT_FOR_DONE};
    processes_release(&fixture->processes);
    pid_t early_pid = start_waiter(&early);
    (void)start_waiter(&late);
    (void)start_waiter(&other);
    processes_await(is_announced, &early);
    processes_await(is_announced, &late);
    processes_await(is_announced, &other);
    atomic_store(&positions(fixture)->durable, AWAITED);
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, AWAITED);
    processes_expect_exit(&fixture->processes, early_pid, REACHED);
    assert_true(is_announced(&late));
    assert_true(is_announced(&other));
}

static void waiters_in_every_word_of_the_bits_are_woken(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t slots[] = {0, 1, 63, 64, 127, 128, SLOTS - 1};
    enum { WAITERS = sizeof slots / sizeof slots[0] };
    struct waiter waiters[WAITERS];
    pid_t pids[WAITERS];
    processes_release(&fixture->processes);
    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){fixture, AWAITED + i, slots[i], WAIT_FOR_COMMIT};
        pids[i] = start_waiter(&waiters[i]);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        processes_await(is_announced, &waiters[i]);
    }
    atomic_store(&positions(fixture)->durable, AWAITED + WAITERS);
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, AWAITED + WAITERS);
    for (size_t i = 0; i < WAITERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], REACHED);
    }
}

static void announce_everybody(struct fixture *fixture, enum wait_kind kind)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        atomic_store(&fixture->segment.slots[i].awaited, AWAITED);
        atomic_fetch_or(&fixture->segment.shared->waiters.bits[kind][i / 64], UINT64_C(1)
                                                                                  << i % 64);
    }
}

/* True when the slot has a token, which it takes. */
static bool was_woken(struct fixture *fixture, uint32_t slot_index)
{
    return sem_trywait(&fixture->segment.slots[slot_index].wakeup) == 0;
}

static void those_who_want_space_are_woken_in_turn_as_far_as_there_is_some(void **state)
{
    enum { WANTED = 1000, A_ROUND = 7, ROUNDS_OF_WAKING = 100 };
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < SLOTS; i++) {
        atomic_store(&fixture->segment.slots[i].wanted, WANTED);
    }
    for (uint32_t round = 0; round < ROUNDS_OF_WAKING; round++) {
        announce_everybody(fixture, WAIT_FOR_SPACE);
        atomic_fetch_add(&positions(fixture)->head,
                         (uint64_t)A_ROUND * WANTED); /* the last round's */
        wake_for_space(&fixture->segment, AWAITED, (uint64_t)A_ROUND * WANTED);
        for (uint32_t i = 0; i < SLOTS; i++) {
            uint32_t place = (i + ROUNDS_OF_WAKING * SLOTS - round * A_ROUND) % SLOTS;
            assert_int_equal(was_woken(fixture, i), place < A_ROUND);
        }
    }
}

static void who_wants_more_space_than_there_is_is_woken_if_there_is_any(void **state)
{
    struct fixture *fixture = *state;
    announce_everybody(fixture, WAIT_FOR_SPACE);
    atomic_store(&fixture->segment.slots[0].wanted, AWAITED);
    wake_for_space(&fixture->segment, AWAITED, 0);
    assert_false(was_woken(fixture, 0));
    wake_for_space(&fixture->segment, AWAITED - 1, 1); /* they wait for more than that */
    assert_false(was_woken(fixture, 0));
    wake_for_space(&fixture->segment, AWAITED, 1);
    assert_true(was_woken(fixture, 0));
    assert_false(was_woken(fixture, 1));
}

static unsigned count_woken(struct fixture *fixture)
{
    unsigned woken = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        woken += was_woken(fixture, i) ? 1 : 0;
    }
    return woken;
}

static void room_that_was_promised_is_not_given_to_others(void **state)
{
    enum { WANTED = 1000 };
    struct fixture *fixture = *state;
    _Atomic uint64_t *head = &positions(fixture)->head;
    for (uint32_t i = 0; i < SLOTS; i++) {
        atomic_store(&fixture->segment.slots[i].wanted, WANTED);
    }
    announce_everybody(fixture, WAIT_FOR_SPACE);
    wake_for_space(&fixture->segment, AWAITED, (uint64_t)3 * WANTED);
    assert_int_equal(count_woken(fixture), 3);
    wake_for_space(&fixture->segment, AWAITED,
                   (uint64_t)3 * WANTED); /* none of them has appended */
    assert_int_equal(count_woken(fixture), 0);
    wake_for_space(&fixture->segment, AWAITED, (uint64_t)5 * WANTED);
    assert_int_equal(count_woken(fixture), 2);
    atomic_fetch_add(head, (uint64_t)4 * WANTED); /* four of the five */
    wake_for_space(&fixture->segment, AWAITED, (uint64_t)3 * WANTED);
    assert_int_equal(count_woken(fixture), 2);
    fixture->segment.shared->waiters.promised_head = UINT64_MAX; /* of another storer */
    wake_for_space(&fixture->segment, AWAITED, WANTED);
    assert_int_equal(count_woken(fixture), 1);
}

static void space_is_scarce_while_a_round_leaves_somebody_asleep(void **state)
{
    struct fixture *fixture = *state;
    const _Atomic uint32_t *is_scarce = &fixture->segment.shared->waiters.space_is_scarce;
    announce_everybody(fixture, WAIT_FOR_SPACE);
    wake_for_space(&fixture->segment, AWAITED - 1, 1);
    assert_int_equal(atomic_load(is_scarce), 1);
    wake_for_space(&fixture->segment, AWAITED, 1); /* of those who want nothing, all are woken */
    assert_int_equal(count_woken(fixture), SLOTS);
    assert_int_equal(atomic_load(is_scarce), 0);
}

static void a_token_too_many_wakes_nobody_for_good(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {fixture, AWAITED, 5, WAIT_FOR_COMMIT};
    struct slot *slot = &fixture->segment.slots[waiter.slot];
    assert_int_equal(sem_post(&slot->wakeup), 0); /* of an earlier wait */
    processes_release(&fixture->processes);
    pid_t pid = start_waiter(&waiter);
    processes_await(is_announced, &waiter);
    atomic_store(&fixture->segment.shared->waiters.bits[WAIT_FOR_COMMIT][0], 0);
    assert_int_equal(sem_post(&slot->wakeup), 0);
    processes_await(is_announced, &waiter); /* again, for its next sleep */
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, AWAITED - 1);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    atomic_store(&positions(fixture)->durable, AWAITED);
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, AWAITED);
    processes_expect_exit(&fixture->processes, pid, REACHED);
}

static void everybody_is_woken_whose_bit_a_dead_storer_took(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter = {fixture, AWAITED, 100, WAIT_FOR_COMMIT};
    processes_release(&fixture->processes);
    pid_t pid = start_waiter(&waiter);
    processes_await(is_announced, &waiter);
    atomic_store(&positions(fixture)->durable, AWAITED);
    atomic_store(&fixture->segment.shared->waiters.bits[WAIT_FOR_COMMIT][1], 0);
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, AWAITED); /* finds no bit */
    wake_everybody(&fixture->segment);
    processes_expect_exit(&fixture->processes, pid, REACHED);
}

static void a_halt_ends_all_waiting_now_and_later(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiters[WAIT_KINDS];
    pid_t pids[WAIT_KINDS];
    processes_release(&fixture->processes);
    for (uint32_t i = 0; i < WAIT_KINDS; i++) {
        waiters[i] = (struct waiter){fixture, AWAITED, i, (enum wait_kind)i};
        pids[i] = start_waiter(&waiters[i]);
        processes_await(is_announced, &waiters[i]);
    }
    wait_halt(&fixture->segment);
    for (int i = 0; i < WAIT_KINDS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], IN_VAIN);
    }
    assert_int_equal(wait_once(&waiters[0]), IN_VAIN);
    atomic_store(&positions(fixture)->durable, AWAITED);
    assert_int_equal(wait_once(&waiters[0]), REACHED); /* what is safe may be said to be */
}

/* A process that is gone, and its pid with it. */
static pid_t a_dead_pid(struct fixture *fixture)
{
    struct waiter reached = {fixture, 0, 0, WAIT_FOR_COMMIT};
    pid_t pid = processes_start(&fixture->processes, wait_once, &reached);
    (void)processes_wait(&fixture->processes, pid);
    return pid;
}

static int wait_and_tell(void *context)
{
    const struct waiter *waiter = context;
    return wait_until(&waiter->fixture->segment, waiter->slot, waiter->kind,
                      &positions(waiter->fixture)->durable, waiter->target)
               ? REACHED
               : IN_VAIN;
}

static void orphans_wait_while_the_storer_lives_and_give_up_once_it_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct shared *shared = fixture->segment.shared;
    struct waiter waiter = {fixture, AWAITED, 0, WAIT_FOR_COMMIT};
    processes_release(&fixture->processes);
    shared->identity.supervisor_pid = a_dead_pid(fixture);
    atomic_store(&shared->storer.pid, (int32_t)getpid());
    pid_t pid = processes_start(&fixture->processes, wait_and_tell, &waiter);
    (void)poll(NULL, 0, LOOK_AROUND_MS + LOOK_AROUND_MS / 5); /* nothing is to happen meanwhile */
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    atomic_store(&shared->storer.pid, shared->identity.supervisor_pid);
    processes_expect_exit(&fixture->processes, pid, IN_VAIN);
}

/* ---------------------------------------------------------------- storer ---- */

static bool always(const void *context)
{
    (void)context;
    return true;
}

static bool never(const void *context)
{
    (void)context;
    return false;
}

static void the_storer_does_not_sleep_where_there_is_work(void **state)
{
    struct fixture *fixture = *state;
    wait_for_work(&fixture->segment, always, NULL, -1);
    assert_int_equal(atomic_load(&fixture->segment.shared->storer.sleeping), 0);
}

/* Whoever brings work right behind the look has seen that the storer is about to sleep. */
static bool work_comes_behind_the_look(const void *context)
{
    struct segment segment = *(const struct segment *)context;
    wake_storer(&segment);
    return false;
}

static void work_between_the_look_and_the_sleep_is_not_slept_through(void **state)
{
    struct fixture *fixture = *state;
    int64_t started_ms = processes_now_ms();
    wait_for_work(&fixture->segment, work_comes_behind_the_look, &fixture->segment, LOOK_AROUND_MS);
    assert_true(processes_now_ms() - started_ms < LOST_MS);
}

static void the_storers_sleep_has_a_limit(void **state)
{
    struct fixture *fixture = *state;
    int64_t started_ms = processes_now_ms();
    wait_for_work(&fixture->segment, never, NULL, 30);
    assert_true(processes_now_ms() - started_ms >= 30);
    assert_int_equal(atomic_load(&fixture->segment.shared->storer.sleeping), 0);
}

static void a_new_storer_starts_without_old_tokens(void **state)
{
    struct fixture *fixture = *state;
    struct shared_storer *storer = &fixture->segment.shared->storer;
    int tokens = -1;
    atomic_store(&storer->sleeping, 1); /* its predecessor was killed in its sleep */
    wake_storer(&fixture->segment);
    wait_set_up_storer(&fixture->segment);
    assert_int_equal(atomic_load(&storer->sleeping), 0);
    assert_int_equal(sem_getvalue(&storer->wakeup, &tokens), 0);
    assert_int_equal(tokens, 0);
    wake_storer(&fixture->segment); /* it is awake: no token */
    assert_int_equal(sem_getvalue(&storer->wakeup, &tokens), 0);
    assert_int_equal(tokens, 0);
}

static bool is_storer_asleep(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&fixture->segment.shared->storer.sleeping) != 0;
}

static void ignore_signal(int signal_number)
{
    (void)signal_number;
}

static int sleep_as_storer(void *context)
{
    struct fixture *fixture = context;
    const struct sigaction action = {.sa_handler = ignore_signal};
    if (sigaction(SIGUSR1, &action, NULL) != 0) {
        return 0;
    }
    wait_for_work(&fixture->segment, never, NULL, -1);
    return REACHED;
}

static void the_storer_is_woken_by_anybody(void **state)
{
    struct fixture *fixture = *state;
    processes_release(&fixture->processes);
    pid_t pid = processes_start(&fixture->processes, sleep_as_storer, fixture);
    processes_await(is_storer_asleep, fixture);
    wake_storer(&fixture->segment);
    processes_expect_exit(&fixture->processes, pid, REACHED);
}

static void a_signal_ends_the_storers_sleep(void **state)
{
    struct fixture *fixture = *state;
    int status = 0;
    processes_release(&fixture->processes);
    pid_t pid = processes_start(&fixture->processes, sleep_as_storer, fixture);
    processes_await(is_storer_asleep, fixture);
    int64_t deadline_ms = processes_now_ms() + LOOK_AROUND_MS;
    do { /* one may come before it sleeps */
        assert_int_equal(kill(pid, SIGUSR1), 0);
        assert_true(processes_now_ms() < deadline_ms);
    } while (!processes_has_ended(&fixture->processes, pid, &status));
    assert_int_equal(WEXITSTATUS(status), REACHED);
}

/* ------------------------------------------------------------- ping-pong ---- */

/* A handler that adds one byte at a time, and waits for each to be safe. */
struct player {
    struct fixture *fixture;
    uint32_t slot;
    uint64_t rounds;
};

static int play(void *context)
{
    const struct player *player = context;
    struct segment *segment = &player->fixture->segment;
    for (uint64_t round = 0; round < player->rounds; round++) {
        int64_t started_ms = processes_now_ms();
        uint64_t target = atomic_fetch_add(&segment->shared->positions.head, 1) + 1;
        wake_storer(segment);
        if (!wait_until(segment, player->slot, WAIT_FOR_COMMIT, &segment->shared->positions.durable,
                        target)) {
            return IN_VAIN;
        }
        if (processes_now_ms() - started_ms >= LOST_MS) {
            return TOO_LATE;
        }
    }
    return REACHED;
}

static pid_t start_player(struct player *player)
{
    slot_set_up(&player->fixture->segment, player->slot, "test");
    pid_t pid = processes_start(&player->fixture->processes, play, player);
    atomic_store(&player->fixture->segment.slots[player->slot].pid, (int32_t)pid);
    return pid;
}

static bool has_work(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&positions(fixture)->head) != atomic_load(&positions(fixture)->durable);
}

/* Makes everything safe that is there, or sleeps; a child's end is looked for now and then. */
static void serve(struct fixture *fixture, int64_t timeout_ms)
{
    wait_for_work(&fixture->segment, has_work, fixture, timeout_ms);
    uint64_t head = atomic_load(&positions(fixture)->head);
    atomic_store(&positions(fixture)->durable, head);
    wake_waiters(&fixture->segment, WAIT_FOR_COMMIT, head);
}

static void no_wake_up_is_lost_between_one_handler_and_the_storer(void **state)
{
    struct fixture *fixture = *state;
    struct player player = {fixture, 64, ROUNDS};
    pid_t pid = start_player(&player);
    processes_release(&fixture->processes);
    while (atomic_load(&positions(fixture)->durable) < ROUNDS) {
        serve(fixture, -1);
    }
    processes_expect_exit(&fixture->processes, pid, REACHED);
}

static void no_wake_up_is_lost_among_many_handlers(void **state)
{
    struct fixture *fixture = *state;
    struct player players[PLAYERS];
    pid_t pids[PLAYERS];
    for (uint32_t i = 0; i < PLAYERS; i++) {
        players[i] = (struct player){fixture, i * 31, ROUNDS / PLAYERS};
        pids[i] = start_player(&players[i]);
    }
    processes_release(&fixture->processes);
    while (atomic_load(&positions(fixture)->durable) < ROUNDS) {
        serve(fixture, -1);
    }
    for (int i = 0; i < PLAYERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], REACHED);
    }
}

static void handlers_killed_while_they_wait_hold_nobody_up(void **state)
{
    struct fixture *fixture = *state;
    struct player players[PLAYERS];
    pid_t pids[PLAYERS];
    unsigned seed = 9;
    processes_release(&fixture->processes);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        players[i] = (struct player){fixture, i * 31, UINT64_MAX};
        pids[i] = start_player(&players[i]);
    }
    for (int kills = 0; kills < KILLS; kills++) {
        for (int turns = rand_r(&seed) % 40; turns >= 0; turns--) {
            serve(fixture, -1); /* would hang, were a wake-up lost with its waiter */
        }
        size_t i = (size_t)(rand_r(&seed) % PLAYERS);
        int status = processes_kill(&fixture->processes, pids[i]);
        assert_true(WIFSIGNALED(status)); /* it has not come too late before */
        pids[i] = start_player(&players[i]);
    }
}

#define WAITING_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAITING_TEST(a_position_that_is_reached_already_is_not_waited_for),
        WAITING_TEST(a_waiter_says_what_it_waits_for),
        WAITING_TEST(only_those_are_woken_whose_position_is_reached),
        WAITING_TEST(waiters_in_every_word_of_the_bits_are_woken),
        WAITING_TEST(those_who_want_space_are_woken_in_turn_as_far_as_there_is_some),
        WAITING_TEST(who_wants_more_space_than_there_is_is_woken_if_there_is_any),
        WAITING_TEST(room_that_was_promised_is_not_given_to_others),
        WAITING_TEST(space_is_scarce_while_a_round_leaves_somebody_asleep),
        WAITING_TEST(a_token_too_many_wakes_nobody_for_good),
        WAITING_TEST(everybody_is_woken_whose_bit_a_dead_storer_took),
        WAITING_TEST(a_halt_ends_all_waiting_now_and_later),
        WAITING_TEST(orphans_wait_while_the_storer_lives_and_give_up_once_it_is_gone),
        WAITING_TEST(the_storer_does_not_sleep_where_there_is_work),
        WAITING_TEST(work_between_the_look_and_the_sleep_is_not_slept_through),
        WAITING_TEST(the_storers_sleep_has_a_limit),
        WAITING_TEST(a_new_storer_starts_without_old_tokens),
        WAITING_TEST(the_storer_is_woken_by_anybody),
        WAITING_TEST(a_signal_ends_the_storers_sleep),
        WAITING_TEST(no_wake_up_is_lost_between_one_handler_and_the_storer),
        WAITING_TEST(no_wake_up_is_lost_among_many_handlers),
        WAITING_TEST(handlers_killed_while_they_wait_hold_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
