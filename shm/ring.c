/*
 * ring.c - see ring.h, and append_lock.c for what happens when an appender dies.
 * When the storer dies, its successor takes [written, head) again: writing
 * bytes at a given offset a second time changes nothing.
 */
#include "shm/ring.h"

#include "lib/checksum.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/append_lock.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <string.h>

/* ------------------------------------------------------------ appending ---- */

/* Copies the bytes and moves head; under the lock, with space for them. */
static uint64_t append_bytes(const struct segment *segment, const struct append *append,
                             uint64_t head)
{
    struct shared *shared = segment->shared;
    struct agency *agency = append->agency;
    uint64_t head_after = head + append->count;
    memcpy(segment->data + head % shared->identity.ring_bytes, append->bytes, append->count);
    fault_point("append.copied");
    const struct shared_intent intent = {
        .head_after = head_after,
        .agency_index = (uint32_t)(agency - segment->agencies),
        .bets_after = atomic_load_explicit(&agency->bets, memory_order_relaxed) + append->bets,
        .bytes_after = atomic_load_explicit(&agency->bytes, memory_order_relaxed) + append->count,
        .checksum_after =
            checksum_join(atomic_load_explicit(&agency->checksum, memory_order_relaxed),
                          append->checksum, append->checksum_factor),
        .all_checksum_after =
            checksum_join(shared->append.checksum, append->checksum, append->checksum_factor),
    };
    append_note_intent(segment, &intent);
    fault_point("append.noted");
    atomic_store(&shared->positions.head, head_after);
    fault_point("append.moved");
    append_finish_intent(segment);
    return head_after;
}

/* What an appender without space has to wait for: that *position reaches `target`. 0: there is space. */
struct shortage {
    enum wait_kind kind;
    const _Atomic uint64_t *position;
    uint64_t target;
};

/*
 * The ring is full until more is written. Where bets are copied, there is no space either while the
 * engine lacks more than lag_bytes. The storer wakes for the one, and the shipper for the other.
 */
static struct shortage look_for_space(const struct segment *segment, uint64_t head_after)
{
    const struct shared_identity *identity = &segment->shared->identity;
    const struct shared_positions *positions = &segment->shared->positions;
    uint64_t written = atomic_load_explicit(&positions->written, memory_order_acquire);
    struct shortage shortage = {.target = 0};
    if (head_after > written + identity->ring_bytes) {
        shortage = (struct shortage){WAIT_FOR_SPACE, &positions->written,
                                     head_after - identity->ring_bytes};
    } else if (identity->lag_bytes != 0 &&
               head_after > atomic_load(&positions->replicated) + identity->lag_bytes) {
        shortage = (struct shortage){WAIT_FOR_LAG, &positions->replicated,
                                     head_after - identity->lag_bytes};
    }
    return shortage;
}

/* Tries once: appends, or refuses, or says in *shortage what there has to be before. */
static enum append_result try_append(const struct segment *segment, const struct append *append,
                                     uint64_t *end, struct shortage *shortage)
{
    const struct shared *shared = segment->shared;
    shortage->target = 0;
    append_lock(segment);
    enum append_result result = agencies_check_append(segment, append->agency, append->epoch);
    if (result == APPEND_DONE) {
        uint64_t head = atomic_load_explicit(&shared->positions.head, memory_order_relaxed);
        *shortage = look_for_space(segment, head + append->count);
        if (shortage->target == 0) {
            *end = append_bytes(segment, append, head);
        }
    }
    append_unlock(segment);
    return result;
}

static bool await(const struct segment *segment, uint32_t slot_index, const struct append *append,
                  const struct shortage *shortage)
{
    return (append->before_wait == NULL ||
            append->before_wait(append->context, shortage->position, shortage->target)) &&
           wait_until(segment, slot_index, shortage->kind, shortage->position, shortage->target);
}

/*
 * Waits for its turn where others wait for space already: else a handler whose peer is quick takes
 * the space that those were woken for. What it waits for is that more is written. That comes where
 * anything is pending; an empty ring has space for everybody, and nobody would come. False when
 * halted.
 */
static bool stand_in_line(const struct segment *segment, uint32_t slot_index,
                          const struct append *append)
{
    const struct shared *shared = segment->shared;
    if (atomic_load_explicit(&shared->waiters.space_is_scarce, memory_order_relaxed) == 0) {
        return true;
    }
    uint64_t written = atomic_load(&shared->positions.written);
    const struct shortage shortage = {WAIT_FOR_SPACE, &shared->positions.written, written + 1};
    return atomic_load(&shared->positions.head) == written ||
           await(segment, slot_index, append, &shortage);
}

enum append_result ring_append(const struct segment *segment, uint32_t slot_index,
                               const struct append *append, uint64_t *end)
{
    const struct shared *shared = segment->shared;
    invariant(append->count <= shared->identity.ring_bytes, "%zu bytes into a ring of %" PRIu64,
              append->count, shared->identity.ring_bytes);
    fault_point("append.before");
    atomic_store(&segment->slots[slot_index].wanted, append->count);
    if (!stand_in_line(segment, slot_index, append)) {
        return APPEND_HALTED;
    }
    for (;;) {
        struct shortage shortage;
        enum append_result result = try_append(segment, append, end, &shortage);
        if (result != APPEND_DONE) {
            return result;
        }
        if (shortage.target == 0) {
            break;
        }
        if (!await(segment, slot_index, append, &shortage)) {
            return APPEND_HALTED;
        }
    }
    fault_point("append.after");
    wake_storer(segment);
    return APPEND_DONE;
}

/* --------------------------------------------------------------- storer ---- */

struct ring_pending ring_take_pending(const struct segment *segment)
{
    const struct shared *shared = segment->shared;
    uint64_t head = atomic_load(&shared->positions.head);
    uint64_t written = atomic_load_explicit(&shared->positions.written, memory_order_relaxed);
    invariant(written <= head && head - written <= shared->identity.ring_bytes,
              "head %" PRIu64 ", written %" PRIu64, head, written);
    return (struct ring_pending){
        .bytes = segment->data + written % shared->identity.ring_bytes,
        .from = written,
        .count = (size_t)(head - written),
    };
}

uint64_t ring_room(const struct segment *segment)
{
    const struct shared *shared = segment->shared;
    uint64_t head = atomic_load(&shared->positions.head);
    uint64_t written = atomic_load_explicit(&shared->positions.written, memory_order_relaxed);
    return written + shared->identity.ring_bytes - head;
}

void ring_report_written(const struct segment *segment, uint64_t position)
{
    atomic_store(&segment->shared->positions.written, position);
}

void ring_report_durable(const struct segment *segment, uint64_t position)
{
    _Atomic uint64_t *durable = &segment->shared->positions.durable;
    uint64_t before = atomic_load(durable);
    while (before < position && !atomic_compare_exchange_weak(durable, &before, position)) {
    }
}

void ring_start_at(const struct segment *segment, uint64_t position, uint64_t checksum)
{
    segment->shared->append.checksum = checksum;
    atomic_store(&segment->shared->positions.head, position);
    atomic_store(&segment->shared->positions.written, position);
    atomic_store(&segment->shared->positions.durable, position);
}
