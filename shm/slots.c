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
#include <time.h>

enum { WAITER_WORD_BITS = 64, ADMISSION_ATTEMPTS = 100, ADMISSION_PAUSE_MS = 1 };

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
    [SLOT_WAITING_FOR_LAG] = "waiting for the engine",
    [SLOT_WAITING_FOR_COPY] = "waiting for copy",
    [SLOT_ANSWERING] = "answering",
    [SLOT_CLOSING] = "closing",
};

const char *slot_activity_name(enum slot_activity activity)
{
    return activity < SLOT_ACTIVITIES ? activity_names[activity] : "unknown";
}

/*
 * From here to end_change readers reject what they see of the slot (layout.h, version). A handler
 * that died within a change has left the version odd.
 */
static void begin_change(struct slot *slot)
{
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + (version % 2 == 0 ? 1 : 2),
                          memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_change(struct slot *slot)
{
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_release);
}

/* Stores each byte atomically: lottery-stat may be reading the slot. A longer text is cut. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written by a builtin */
static void write_text(char *field, size_t bytes, const char *text)
{
    size_t length = strnlen(text, bytes - 1);
    for (size_t i = 0; i < bytes; i++) {
        char byte = '\0';
        if (i < length) {
            byte = text[i];
        }
        __atomic_store_n(&field[i], byte, __ATOMIC_RELAXED);
    }
}

void slot_copy_text(const char *field, size_t bytes, char *text)
{
    for (size_t i = 0; i < bytes; i++) {
        text[i] = __atomic_load_n(&field[i], __ATOMIC_RELAXED);
    }
    text[bytes - 1] = '\0';
}

bool slot_read_peer(const struct slot *slot, uint32_t *version, char peer[SHARED_PEER_BYTES],
                    char via[SHARED_PEER_BYTES])
{
    *version = atomic_load_explicit(&slot->version, memory_order_acquire);
    slot_copy_text(slot->peer, sizeof slot->peer, peer);
    slot_copy_text(slot->via, sizeof slot->via, via);
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
    atomic_store(&slot->security, SLOT_PLAIN);
    atomic_store(&slot->standing, SLOT_STRANGER);
    atomic_store(&slot->messages, 0);
    atomic_store(&slot->bets, 0);
    atomic_store(&slot->bytes, 0);
    atomic_store(&slot->connected_at_ms, clock_wall_ms());
    atomic_store(&slot->forwarding, SLOT_DIRECT);
    write_text(slot->peer, sizeof slot->peer, peer);
    write_text(slot->via, sizeof slot->via, "");
    slot_set_activity(slot, SLOT_STARTING);
    end_change(slot);
}

void slot_release(struct slot *slot)
{
    begin_change(slot);
    atomic_store(&slot->pid, 0);
    atomic_store(&slot->forwarding, SLOT_DIRECT);
    slot_set_activity(slot, SLOT_FREE);
    end_change(slot);
}

/* ------------------------------------------------- forwarded connections ---- */

void slot_set_forwarded(struct slot *slot, const char *peer)
{
    char via[SHARED_PEER_BYTES];
    slot_copy_text(slot->peer, sizeof slot->peer, via);
    begin_change(slot);
    write_text(slot->peer, sizeof slot->peer, peer);
    write_text(slot->via, sizeof slot->via, via);
    end_change(slot);
}

/* What the peers of one host begin with: "10.0.0.7:" of "10.0.0.7:40123". */
static size_t host_bytes(const char *peer)
{
    const char *colon = strrchr(peer, ':');
    return colon == NULL ? strlen(peer) : (size_t)(colon + 1 - peer);
}

/* How many other slots have this host. */
struct host_count {
    uint32_t settled;  /* admitted, or counted by the supervisor */
    uint32_t arriving; /* of those that find out just now */
    bool is_first;     /* none of these has a lower index */
};

static struct host_count count_host(const struct segment *segment, uint32_t index, const char *host,
                                    size_t bytes)
{
    struct host_count count = {.is_first = true};
    for (uint32_t i = 0; i < segment->shared->identity.slot_capacity; i++) {
        const struct slot *slot = &segment->slots[i];
        uint32_t forwarding = atomic_load(&slot->forwarding);
        uint32_t version = 0;
        char peer[SHARED_PEER_BYTES];
        char via[SHARED_PEER_BYTES];
        if (i == index || atomic_load(&slot->activity) == SLOT_FREE ||
            !slot_read_peer(slot, &version, peer, via) || strncmp(peer, host, bytes) != 0 ||
            (via[0] != '\0' && forwarding == SLOT_DIRECT)) {
            continue;
        }
        if (forwarding == SLOT_ARRIVING) {
            count.arriving++;
            count.is_first = count.is_first && i > index;
        } else {
            count.settled++;
        }
    }
    return count;
}

bool slot_admit_forwarded(const struct segment *segment, uint32_t index, uint32_t per_host_max)
{
    struct slot *slot = &segment->slots[index];
    const struct timespec pause = clock_interval(ADMISSION_PAUSE_MS);
    const size_t bytes = host_bytes(slot->peer);
    for (int attempt = 0; attempt < ADMISSION_ATTEMPTS; attempt++) {
        atomic_store(&slot->forwarding, SLOT_ARRIVING); /* before the others are counted */
        struct host_count count = count_host(segment, index, slot->peer, bytes);
        if (per_host_max == 0 || count.settled + count.arriving < per_host_max) {
            atomic_store(&slot->forwarding, SLOT_ADMITTED);
            return true;
        }
        if (count.settled >= per_host_max) {
            break;
        }
        if (!count.is_first) {
            atomic_store(&slot->forwarding, SLOT_DIRECT); /* lets the first one through */
        }
        nanosleep(&pause, NULL);
    }
    atomic_store(&slot->forwarding, SLOT_DIRECT);
    return false;
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

void slot_note_first_byte(struct slot *slot)
{
    atomic_store_explicit(&slot->bytes, 1, memory_order_relaxed);
}

bool slot_has_heard(const struct slot *slot)
{
    return atomic_load_explicit(&slot->bytes, memory_order_relaxed) > 0;
}

void slot_set_activity(struct slot *slot, enum slot_activity activity)
{
    atomic_store_explicit(&slot->since_ms, clock_wall_ms(), memory_order_relaxed);
    atomic_store_explicit(&slot->activity, (uint32_t)activity, memory_order_relaxed);
}

void slot_note_security(struct slot *slot, const char *serial, const char *speaks_for,
                        int64_t expires_at_s)
{
    bool is_certified = serial[0] != '\0';
    if (is_certified) {
        write_text(slot->certificate, sizeof slot->certificate, serial);
        write_text(slot->speaks_for, sizeof slot->speaks_for, speaks_for);
        atomic_store_explicit(&slot->certificate_expires_at_s, expires_at_s, memory_order_relaxed);
    }
    atomic_store_explicit(&slot->security, is_certified ? SLOT_CERTIFIED : SLOT_ENCRYPTED,
                          memory_order_release);
}
