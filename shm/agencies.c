/*
 * agencies.c - see agencies.h. An entry becomes visible with its `present`
 * flag, stored last, so a handler that is killed while it adds one leaves a free entry. A
 * DONE is marked and announced to the storer under the lock; if a handler dies
 * between these two stores, the lock's repair announces it.
 */
#include "shm/agencies.h"

#include "lib/checksum.h"
#include "lib/fault_point.h"
#include "shm/append_lock.h"
#include "shm/waiting.h"

/* Knuth's multiplicative hash; capacity is a power of two. */
static uint32_t first_index(uint32_t id, uint32_t capacity)
{
    return (id * UINT32_C(2654435761)) & (capacity - 1);
}

/* The entry that has this id, or the free one where it would be put. */
static struct agency *probe(const struct segment *segment, uint32_t id)
{
    uint32_t capacity = segment->shared->identity.agency_capacity;
    for (uint32_t i = first_index(id, capacity);; i = (i + 1) & (capacity - 1)) {
        struct agency *agency = &segment->agencies[i];
        if (atomic_load_explicit(&agency->present, memory_order_acquire) == 0 || agency->id == id) {
            return agency;
        }
    }
}

struct agency *agencies_find(const struct segment *segment, uint32_t id)
{
    struct agency *agency = probe(segment, id);
    bool is_there = atomic_load_explicit(&agency->present, memory_order_acquire) != 0;
    /* Without the lock a free entry may have become another agency's since the probe saw it. */
    return is_there && agency->id == id ? agency : NULL;
}

struct agency *agencies_find_or_add(const struct segment *segment, uint32_t id)
{
    struct agency *agency = agencies_find(segment, id);
    if (agency != NULL) {
        return agency;
    }
    struct shared_append *append = &segment->shared->append;
    append_lock(segment);
    agency = probe(segment, id);
    if (atomic_load_explicit(&agency->present, memory_order_relaxed) == 0) {
        if (atomic_load(&append->agencies_present) >= segment->shared->identity.agency_limit) {
            agency = NULL;
        } else {
            agency->id = id;
            fault_point("agencies.adding");
            atomic_store_explicit(&agency->present, 1, memory_order_release);
            /* Last: a death before this allows one entry too many, and there is room for it. */
            atomic_fetch_add(&append->agencies_present, 1);
        }
    }
    append_unlock(segment);
    return agency;
}

_Atomic uint64_t *agencies_bucket(const struct segment *segment, const struct agency *agency)
{
    return &segment->buckets[agency - segment->agencies];
}

struct agency_claim agencies_claim(const struct segment *segment, struct agency *agency)
{
    append_lock(segment);
    struct agency_claim claim = {
        .epoch = atomic_load(&agency->epoch) + 1,
        .bets = atomic_load(&agency->bets),
        .checksum = atomic_load(&agency->checksum),
        .end_position = atomic_load(&agency->end_position),
    };
    atomic_store(&agency->epoch, claim.epoch);
    fault_point("agencies.claiming");
    append_unlock(segment);
    return claim;
}

bool agencies_admits(const struct agency *agency, uint64_t epoch)
{
    return epoch == atomic_load_explicit(&agency->epoch, memory_order_relaxed);
}

static const char *const result_texts[] = {
    [APPEND_DONE] = "appended",
    [APPEND_FENCED] = "a newer connection has taken the agency over",
    [APPEND_UNCLAIMED] = "the agency is claimed by another connection: send STATUS first",
    [APPEND_AGENCY_CLOSED] = "the agency is done",
    [APPEND_SALES_CLOSED] = "sales are closed: no bet is taken any more",
    [APPEND_HALTED] = "the server is stopping",
};

const char *append_result_text(enum append_result result)
{
    return result_texts[result];
}

enum append_result append_refusal(uint64_t epoch)
{
    return epoch == EPOCH_UNFENCED ? APPEND_UNCLAIMED : APPEND_FENCED;
}

enum append_result agencies_check_append(const struct segment *segment, const struct agency *agency,
                                         uint64_t epoch)
{
    if (!agencies_admits(agency, epoch)) {
        return append_refusal(epoch);
    }
    uint64_t phase = atomic_load_explicit(&agency->phase, memory_order_relaxed);
    bool draw_closed = segment->shared->append.draw_closed != 0;
    if (phase == AGENCY_DONE || (phase == AGENCY_DONE_ASKED && !draw_closed)) {
        return APPEND_AGENCY_CLOSED;
    }
    return draw_closed ? APPEND_SALES_CLOSED : APPEND_DONE;
}

bool agencies_ask_done(const struct segment *segment, uint32_t slot_index, struct agency *agency,
                       uint64_t epoch)
{
    append_lock(segment);
    bool admitted = agencies_admits(agency, epoch);
    if (admitted) {
        if (atomic_load(&agency->phase) == AGENCY_OPEN) {
            atomic_store(&agency->done_slot, (uint16_t)(slot_index + 1));
        }
        /* One step: the storer takes no lock to set DONE, and may be doing it at this moment. */
        uint64_t open = AGENCY_OPEN;
        atomic_compare_exchange_strong(&agency->phase, &open, AGENCY_DONE_ASKED);
        fault_point("done.marked");
        agencies_announce_done(segment);
    }
    append_unlock(segment);
    wake_storer(segment);
    return admitted;
}

/* ------------------------------------------------------------- recovery ---- */

void agencies_add_stored(struct agency *agency, uint64_t bets, const char *rows, size_t bytes)
{
    agencies_set_stored(agency, atomic_load(&agency->bets) + bets,
                        atomic_load(&agency->bytes) + bytes,
                        checksum_extend(atomic_load(&agency->checksum), rows, bytes));
}

void agencies_set_stored(struct agency *agency, uint64_t bets, uint64_t bytes, uint64_t checksum)
{
    atomic_store_explicit(&agency->bets, bets, memory_order_relaxed);
    atomic_store_explicit(&agency->bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&agency->checksum, checksum, memory_order_relaxed);
}

void agencies_set_end_positions(const struct segment *segment, uint64_t position)
{
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        struct agency *agency = &segment->agencies[i];
        if (atomic_load_explicit(&agency->present, memory_order_acquire) != 0) {
            atomic_store(&agency->end_position, position);
        }
    }
}

/* --------------------------------------------------------------- storer ---- */

void agencies_announce_done(const struct segment *segment)
{
    atomic_store(&segment->shared->storer.done_pending, 1);
}

bool agencies_take_done_news(const struct segment *segment)
{
    return atomic_exchange(&segment->shared->storer.done_pending, 0) != 0;
}

struct agency *agencies_next_asked(const struct segment *segment, uint32_t *cursor)
{
    while (*cursor < segment->shared->identity.agency_capacity) {
        struct agency *agency = &segment->agencies[(*cursor)++];
        if (atomic_load_explicit(&agency->present, memory_order_acquire) != 0 &&
            atomic_load(&agency->phase) == AGENCY_DONE_ASKED) {
            return agency;
        }
    }
    return NULL;
}

const struct slot *agencies_done_asker(const struct segment *segment, const struct agency *agency)
{
    uint32_t number = atomic_load(&agency->done_slot);
    if (number == 0) {
        return NULL;
    }
    const struct slot *slot = &segment->slots[number - 1];
    bool same = atomic_load(&slot->agency_known) != 0 && atomic_load(&slot->agency) == agency->id;
    return same ? slot : NULL;
}

void agencies_set_done(const struct segment *segment, struct agency *agency)
{
    atomic_store(&agency->phase, AGENCY_DONE);
    fault_point("done.counting");
    atomic_fetch_add(&segment->shared->storer.agencies_done, 1);
}

void agencies_recount_done(const struct segment *segment)
{
    uint64_t done = 0;
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        const struct agency *agency = &segment->agencies[i];
        done += atomic_load_explicit(&agency->present, memory_order_acquire) != 0 &&
                atomic_load(&agency->phase) == AGENCY_DONE;
    }
    atomic_store(&segment->shared->storer.agencies_done, done);
}

void agencies_visit(const struct segment *segment,
                    void (*each)(void *context, const struct agency *agency), void *context)
{
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        const struct agency *agency = &segment->agencies[i];
        if (atomic_load_explicit(&agency->present, memory_order_acquire) != 0) {
            each(context, agency);
        }
    }
}

struct agencies_total agencies_snapshot(const struct segment *segment,
                                        void (*each)(void *context, const struct agency *agency),
                                        void *context)
{
    append_lock(segment);
    agencies_visit(segment, each, context);
    struct agencies_total total = {
        .head = atomic_load(&segment->shared->positions.head),
        .checksum = segment->shared->append.checksum,
    };
    append_unlock(segment);
    return total;
}

void agencies_set_closed_out(struct agency *agency)
{
    atomic_store(&agency->phase, AGENCY_CLOSED_OUT);
}

uint64_t agencies_close_for_draw(const struct segment *segment)
{
    append_lock(segment);
    segment->shared->append.draw_closed = 1;
    fault_point("draw.closing");
    uint64_t head = atomic_load(&segment->shared->positions.head);
    append_unlock(segment);
    return head;
}

void agencies_reopen(const struct segment *segment)
{
    append_lock(segment);
    segment->shared->append.draw_closed = 0;
    append_unlock(segment);
}
