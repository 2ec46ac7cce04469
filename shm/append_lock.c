/*
 * append_lock.c - see append_lock.h.
 *
 * Why the repair is right. An append does, in this order: copy the bytes
 * behind head; note the intent, its head_after last; move head; carry the
 * intent out; forget it. head alone decides:
 *   - died before head moved: intent.head_after is 0 or is not head; the bytes
 *     behind head are nobody's, the intent is forgotten;
 *   - died after: intent.head_after is head; the counts are set to the noted
 *     absolute values, which does no harm if that had happened already.
 * A signal fence is enough between the stores: who reads the intent is either
 * this process or the next owner, and the mutex orders those two.
 */
#include "shm/append_lock.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

void append_note_intent(const struct segment *segment, const struct shared_intent *intent)
{
    struct shared_intent *noted = &segment->shared->append.intent;
    noted->agency_index = intent->agency_index;
    noted->bets_after = intent->bets_after;
    noted->bytes_after = intent->bytes_after;
    noted->checksum_after = intent->checksum_after;
    noted->all_checksum_after = intent->all_checksum_after;
    atomic_signal_fence(memory_order_seq_cst);
    noted->head_after = intent->head_after;
    atomic_signal_fence(memory_order_seq_cst);
}

void append_finish_intent(const struct segment *segment)
{
    struct shared_intent *intent = &segment->shared->append.intent;
    struct agency *agency = &segment->agencies[intent->agency_index];
    atomic_store_explicit(&agency->bets, intent->bets_after, memory_order_relaxed);
    atomic_store_explicit(&agency->bytes, intent->bytes_after, memory_order_relaxed);
    atomic_store_explicit(&agency->checksum, intent->checksum_after, memory_order_relaxed);
    segment->shared->append.checksum = intent->all_checksum_after;
    atomic_store_explicit(&agency->end_position, intent->head_after, memory_order_relaxed);
    fault_point("append.counted");
    atomic_signal_fence(memory_order_seq_cst);
    intent->head_after = 0;
}

static void repair(const struct segment *segment)
{
    struct shared *shared = segment->shared;
    uint64_t head = atomic_load(&shared->positions.head);
    uint64_t written = atomic_load(&shared->positions.written);
    struct shared_intent *intent = &shared->append.intent;
    bool finish = intent->head_after == head && head != 0;
    invariant(written <= head && head <= written + shared->identity.ring_bytes,
              "head %" PRIu64 ", written %" PRIu64, head, written);
    invariant(intent->agency_index < shared->identity.agency_capacity, "intent of agency entry %u",
              intent->agency_index);
    if (finish) {
        append_finish_intent(segment);
    }
    intent->head_after = 0;
    atomic_store(&shared->storer.done_pending, 1); /* a DONE may have been marked, not announced */
    wake_storer(segment);
    atomic_fetch_add(&shared->append.recoveries, 1);
    shared->append.repair = finish ? REPAIR_FINISHED : REPAIR_FORGOT;
}

void append_lock(const struct segment *segment)
{
    pthread_mutex_t *mutex = &segment->shared->append.mutex;
    int error = pthread_mutex_lock(mutex);
    if (error == EOWNERDEAD) {
        repair(segment);
        error = pthread_mutex_consistent(mutex);
    }
    invariant(error == 0, "append mutex: %s", strerror(error));
}

void append_unlock(const struct segment *segment)
{
    struct shared_append *append = &segment->shared->append;
    enum append_repair done = append->repair;
    append->repair = REPAIR_NONE;
    int error = pthread_mutex_unlock(&append->mutex);
    invariant(error == 0, "append mutex: %s", strerror(error));
    if (done != REPAIR_NONE) { /* not under the lock: whoever reads the log may be slow at it */
        log_warning(LOG_APPEND_LOCK_REPAIRED, "result: success | repaired_by: %d | intent: %s",
                    (int)getpid(), done == REPAIR_FINISHED ? "finished" : "forgotten");
    }
}
