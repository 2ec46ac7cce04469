/*
 * slots.c - see slots.h. If a handler dies, its slot shows what it did last
 * until the supervisor has reaped it and calls slot_release.
 */
#include "shm/slots.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/segment.h"

#include <errno.h>
#include <string.h>

enum { WAITER_WORD_BITS = 64 };

static const char *const activity_names[SLOT_ACTIVITIES] = {
    [SLOT_FREE] = "free",
    [SLOT_STARTING] = "starting",
    [SLOT_RECEIVING] = "receiving",
    [SLOT_WORKING] = "working",
    [SLOT_WAITING_FOR_SPACE] = "waiting for space",
    [SLOT_WAITING_FOR_COMMIT] = "waiting for commit",
    [SLOT_WAITING_FOR_DONE] = "waiting for done",
    [SLOT_WAITING_AT_GATE] = "waiting at gate",
    [SLOT_WAITING_FOR_TURN] = "waiting for turn",
    [SLOT_ANSWERING] = "answering",
    [SLOT_CLOSING] = "closing",
};

const char *slot_activity_name(enum slot_activity activity)
{
    return activity < SLOT_ACTIVITIES ? activity_names[activity] : "unknown";
}

/* From here to end_change readers reject what they see of the slot (layout.h, version). */
static void begin_change(struct slot *slot)
{
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_change(struct slot *slot)
{
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_release);
}

/* Stores each byte atomically: lottery-stat may be reading the slot. */
static void write_peer(struct slot *slot, const char *peer)
{
    char padded[sizeof slot->peer] = "";
    memcpy(padded, peer, strnlen(peer, sizeof padded - 1));
    for (size_t i = 0; i < sizeof slot->peer; i++) {
        __atomic_store_n(&slot->peer[i], padded[i], __ATOMIC_RELAXED);
    }
}

bool slot_read_peer(const struct slot *slot, uint32_t *version, char peer[SHARED_PEER_BYTES])
{
    *version = atomic_load_explicit(&slot->version, memory_order_acquire);
    for (size_t i = 0; i < SHARED_PEER_BYTES; i++) {
        peer[i] = __atomic_load_n(&slot->peer[i], __ATOMIC_RELAXED);
    }
    peer[SHARED_PEER_BYTES - 1] = '\0';
    return slot_is_unchanged(slot, *version);
}

bool slot_is_unchanged(const struct slot *slot, uint32_t version)
{
    atomic_thread_fence(memory_order_acquire);
    return version % 2 == 0 &&
           atomic_load_explicit(&slot->version, memory_order_relaxed) == version;
}

void slot_set_up(const struct segment *segment, uint32_t index, const char *peer)
{
    struct slot *slot = &segment->slots[index];
    struct shared_waiters *waiters = &segment->shared->waiters;
    const uint64_t others = ~(UINT64_C(1) << (index % WAITER_WORD_BITS));
    begin_change(slot);
    for (int kind = 0; kind < WAIT_KINDS; kind++) {
        atomic_fetch_and(&waiters->bits[kind][index / WAITER_WORD_BITS], others);
    }
    invariant(sem_init(&slot->wakeup, 1, 0) == 0, "slot %u: %s", index, strerror(errno));
    atomic_store(&slot->awaited, 0);
    atomic_store(&slot->agency, 0);
    atomic_store(&slot->agency_known, 0);
    atomic_store(&slot->standing, SLOT_STRANGER);
    atomic_store(&slot->messages, 0);
    atomic_store(&slot->bets, 0);
    atomic_store(&slot->bytes, 0);
    atomic_store(&slot->connected_at_ms, clock_wall_ms());
    write_peer(slot, peer);
    slot_set_activity(slot, SLOT_STARTING);
    end_change(slot);
}

void slot_release(struct slot *slot)
{
    begin_change(slot);
    atomic_store(&slot->pid, 0);
    slot_set_activity(slot, SLOT_FREE);
    end_change(slot);
}

static bool change_standing(struct slot *slot, enum slot_standing standing)
{
    uint32_t stranger = SLOT_STRANGER;
    return atomic_compare_exchange_strong(&slot->standing, &stranger, (uint32_t)standing);
}

void slot_identify(struct slot *slot)
{
    (void)change_standing(slot, SLOT_IDENTIFIED);
}

bool slot_evict(struct slot *slot)
{
    return change_standing(slot, SLOT_EVICTED);
}

bool slot_is_identified(const struct slot *slot)
{
    return atomic_load_explicit(&slot->standing, memory_order_relaxed) == SLOT_IDENTIFIED;
}

void slot_set_activity(struct slot *slot, enum slot_activity activity)
{
    atomic_store_explicit(&slot->since_ms, clock_wall_ms(), memory_order_relaxed);
    atomic_store_explicit(&slot->activity, (uint32_t)activity, memory_order_relaxed);
}
