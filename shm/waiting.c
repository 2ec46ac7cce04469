/*
 * waiting.c - see waiting.h; tests/model/ has the same steps in Promela.
 */
#include "shm/waiting.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/slots.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_AROUND_MS = 1000, WORD_BITS = 64 };

static const enum slot_activity activity_of_wait[WAIT_KINDS] = {
    [WAIT_FOR_SPACE] = SLOT_WAITING_FOR_SPACE, [WAIT_FOR_COMMIT] = SLOT_WAITING_FOR_COMMIT,
    [WAIT_FOR_DONE] = SLOT_WAITING_FOR_DONE,   [WAIT_FOR_LAG] = SLOT_WAITING_FOR_LAG,
    [WAIT_FOR_COPY] = SLOT_WAITING_FOR_COPY,
};

static const char *const wait_fault_points[WAIT_KINDS] = {
    [WAIT_FOR_SPACE] = "wait.space", [WAIT_FOR_COMMIT] = "wait.commit",
    [WAIT_FOR_DONE] = "wait.done",   [WAIT_FOR_LAG] = "wait.commit",
    [WAIT_FOR_COPY] = "wait.commit",
};

/* sem_post fails only at SEM_VALUE_MAX tokens, which no semaphore here can reach. */
static void post(sem_t *semaphore)
{
    int result = sem_post(semaphore);
    invariant(result == 0, "sem_post: %s", strerror(errno));
}

/* Takes the tokens of earlier waits: with them this wait would return at once, many times. */
static void drain(sem_t *semaphore)
{
    while (sem_trywait(semaphore) == 0) {
    }
}

/* ------------------------------------------------------------- handlers ---- */

void wake_storer(const struct segment *segment)
{
    struct shared_storer *storer = &segment->shared->storer;
    if (atomic_load(&storer->sleeping) != 0) {
        post(&storer->wakeup);
    }
}

void wake_shipper(const struct segment *segment)
{
    struct shared_shipper *shipper = &segment->shared->shipper;
    if (atomic_load(&shipper->sleeping) != 0) {
        post(&shipper->wakeup);
    }
}

/*
 * Also true of a process that has ended and that nobody has reaped: the process that inherits
 * our orphans may be slow at that, or never do it (a container's first process). kill(2) takes
 * such a process for alive; a descriptor of pidfd_open(2) is readable once it has ended.
 */
static bool has_process_ended(pid_t pid)
{
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    if (descriptor < 0) {
        return kill(pid, 0) != 0 && errno == ESRCH;
    }
    struct pollfd end = {.fd = descriptor, .events = POLLIN};
    bool has_ended = poll(&end, 1, 0) > 0;
    close(descriptor);
    return has_ended;
}

/* Who moves a position: the shipper, or the storer. */
static const _Atomic int32_t *mover_of(const struct segment *segment,
                                       const _Atomic uint64_t *position)
{
    const struct shared *shared = segment->shared;
    bool is_engines = position == &shared->positions.replicated ||
                      position == &shared->positions.files_replicated ||
                      position == &shared->shipper.proofs_given;
    return is_engines ? &shared->shipper.pid : &shared->storer.pid;
}

/*
 * True when the supervisor is dead, so that nobody replaces a storer or a shipper, and the one that is
 * waited for is gone too. A pid of 0 counts as gone: the supervisor had reaped it, and the next one,
 * if it was started, has not stored its pid. If that one lives, the agency loses its connection
 * without need, and connects again.
 */
static bool is_mover_lost(const struct segment *segment, const _Atomic int32_t *mover)
{
    int32_t pid = atomic_load(mover);
    return getppid() != segment->shared->identity.supervisor_pid &&
           (pid == 0 || has_process_ended(pid));
}

/* Sleeps until posted. Returns false when, after LOOK_AROUND_MS, nobody is left who could post. */
static bool sleep_in_slot(const struct segment *segment, struct slot *slot,
                          const _Atomic int32_t *mover)
{
    struct timespec deadline = clock_deadline(LOOK_AROUND_MS);
    if (sem_clockwait(&slot->wakeup, CLOCK_MONOTONIC, &deadline) == 0) {
        return true;
    }
    invariant(errno == EINTR || errno == ETIMEDOUT, "sem_clockwait: %s", strerror(errno));
    return errno == EINTR || !is_mover_lost(segment, mover);
}

/*
 * Wakes the shipper where there is something to copy: the storer may have died before it did. Whoever has
 * just appended has nothing for it yet.
 */
static void remind_shipper(const struct segment *segment)
{
    const struct shared_positions *positions = &segment->shared->positions;
    if (atomic_load(&positions->durable) > atomic_load(&positions->replicated) ||
        atomic_load(&positions->files_made) > atomic_load(&positions->files_replicated)) {
        wake_shipper(segment);
    }
}

bool wait_until(const struct segment *segment, uint32_t slot_index, enum wait_kind kind,
                const _Atomic uint64_t *position, uint64_t target)
{
    if (atomic_load(position) >= target) {
        return true;
    }
    struct slot *slot = &segment->slots[slot_index];
    _Atomic uint64_t *word = &segment->shared->waiters.bits[kind][slot_index / WORD_BITS];
    const uint64_t bit = UINT64_C(1) << (slot_index % WORD_BITS);
    const _Atomic uint32_t *halted = &segment->shared->lifecycle.halted;
    slot_set_activity(slot, activity_of_wait[kind]);
    drain(&slot->wakeup);
    atomic_store(&slot->awaited, target);
    atomic_fetch_or(word, bit);
    fault_point(wait_fault_points[kind]);
    bool in_vain = false;
    while (atomic_load(position) < target && atomic_load(halted) == 0 && !in_vain) {
        wake_storer(segment); /* the appender may have died before it did */
        remind_shipper(segment);
        in_vain = !sleep_in_slot(segment, slot, mover_of(segment, position));
        atomic_fetch_or(word, bit); /* before the next look, for the next sleep */
    }
    atomic_fetch_and(word, ~bit);
    slot_set_activity(slot, SLOT_WORKING);
    return atomic_load(position) >= target;
}

/* --------------------------------------------------------------- storer ---- */

/* One round of waking: the handlers that wait for a kind and a position up to `reached`. */
struct waking {
    const struct segment *segment;
    enum wait_kind kind;
    uint64_t reached;
    uint64_t room;      /* bytes left for handlers that want space */
    uint32_t next_slot; /* the one after the last one that was woken */
};

static void wake_slot(struct waking *waking, uint32_t slot_index)
{
    struct slot *slot = &waking->segment->slots[slot_index];
    if (atomic_load(&slot->awaited) > waking->reached) {
        return;
    }
    uint64_t wanted = atomic_load(&slot->wanted);
    waking->room = waking->room > wanted ? waking->room - wanted : 0;
    waking->next_slot = slot_index + 1;
    atomic_fetch_and(&waking->segment->shared->waiters.bits[waking->kind][slot_index / WORD_BITS],
                     ~(UINT64_C(1) << (slot_index % WORD_BITS)));
    fault_point("storer.waking");
    post(&slot->wakeup);
}

/* Wakes the waiting handlers among the slots [from, to), as long as there is room. */
static void wake_range(struct waking *waking, uint32_t from, uint32_t to)
{
    const _Atomic uint64_t *words = waking->segment->shared->waiters.bits[waking->kind];
    for (uint32_t base = from - from % WORD_BITS; base < to; base += WORD_BITS) {
        uint64_t left = atomic_load(&words[base / WORD_BITS]);
        for (; left != 0 && waking->room > 0; left &= left - 1) {
            uint32_t slot_index = base + (uint32_t)__builtin_ctzll(left);
            if (slot_index >= from && slot_index < to) {
                wake_slot(waking, slot_index);
            }
        }
    }
}

void wake_waiters(const struct segment *segment, enum wait_kind kind, uint64_t reached)
{
    struct waking waking = {
        .segment = segment, .kind = kind, .reached = reached, .room = UINT64_MAX};
    wake_range(&waking, 0, segment->shared->identity.slot_capacity);
}

/* True while a handler waits for space. */
static bool is_space_awaited(const struct segment *segment)
{
    const _Atomic uint64_t *words = segment->shared->waiters.bits[WAIT_FOR_SPACE];
    for (uint32_t base = 0; base < segment->shared->identity.slot_capacity; base += WORD_BITS) {
        if (atomic_load(&words[base / WORD_BITS]) != 0) {
            return true;
        }
    }
    return false;
}

/* How much of the room earlier rounds have promised to handlers that have not appended yet. */
static uint64_t promised_room(const struct segment *segment, uint64_t head)
{
    uint64_t promised_head = segment->shared->waiters.promised_head;
    bool is_open =
        promised_head > head && promised_head - head <= segment->shared->identity.ring_bytes;
    return is_open ? promised_head - head : 0;
}

void wake_for_space(const struct segment *segment, uint64_t reached, uint64_t room)
{
    struct shared_waiters *waiters = &segment->shared->waiters;
    uint32_t capacity = segment->shared->identity.slot_capacity;
    uint32_t first = waiters->next_for_space % capacity;
    uint64_t head = atomic_load(&segment->shared->positions.head);
    uint64_t promised = promised_room(segment, head);
    uint64_t free = room > promised ? room - promised : 0;
    struct waking waking = {.segment = segment,
                            .kind = WAIT_FOR_SPACE,
                            .reached = reached,
                            .room = free,
                            .next_slot = first};
    wake_range(&waking, first, capacity);
    wake_range(&waking, 0, first);
    waiters->next_for_space = waking.next_slot;
    waiters->promised_head = head + promised + (free - waking.room);
    atomic_store_explicit(&waiters->space_is_scarce, is_space_awaited(segment) ? 1 : 0,
                          memory_order_relaxed);
}

void wake_everybody(const struct segment *segment)
{
    for (uint32_t i = 0; i < segment->shared->identity.slot_capacity; i++) {
        if (atomic_load(&segment->slots[i].pid) != 0) {
            post(&segment->slots[i].wakeup);
        }
    }
}

/* Sleeps in a semaphore of which this process is the one waiter, unless there is work. */
static void sleep_for_work(sem_t *wakeup, _Atomic uint32_t *sleeping,
                           bool (*has_work)(const void *context), const void *context,
                           int64_t timeout_ms)
{
    drain(wakeup);
    atomic_store(sleeping, 1);
    if (!has_work(context)) {
        int result = 0;
        if (timeout_ms < 0) {
            result = sem_wait(wakeup);
        } else {
            struct timespec deadline = clock_deadline(timeout_ms);
            result = sem_clockwait(wakeup, CLOCK_MONOTONIC, &deadline);
        }
        invariant(result == 0 || errno == EINTR || errno == ETIMEDOUT, "sem_wait: %s",
                  strerror(errno));
    }
    atomic_store(sleeping, 0);
}

void wait_for_work(const struct segment *segment, bool (*has_work)(const void *context),
                   const void *context, int64_t timeout_ms)
{
    struct shared_storer *storer = &segment->shared->storer;
    sleep_for_work(&storer->wakeup, &storer->sleeping, has_work, context, timeout_ms);
}

/* -------------------------------------------------------------- shipper ---- */

void wait_for_shipment(const struct segment *segment, bool (*has_work)(const void *context),
                       const void *context, int64_t timeout_ms)
{
    struct shared_shipper *shipper = &segment->shared->shipper;
    sleep_for_work(&shipper->wakeup, &shipper->sleeping, has_work, context, timeout_ms);
}

/* ----------------------------------------------------------- supervisor ---- */

static void set_up(sem_t *wakeup, _Atomic uint32_t *sleeping)
{
    atomic_store(sleeping, 0);
    int result = sem_init(wakeup, 1, 0);
    invariant(result == 0, "sem_init: %s", strerror(errno));
}

void wait_set_up_storer(const struct segment *segment)
{
    set_up(&segment->shared->storer.wakeup, &segment->shared->storer.sleeping);
}

void wait_set_up_shipper(const struct segment *segment)
{
    set_up(&segment->shared->shipper.wakeup, &segment->shared->shipper.sleeping);
}

void wait_halt(const struct segment *segment)
{
    atomic_store(&segment->shared->lifecycle.halted, 1);
    wake_everybody(segment);
}
