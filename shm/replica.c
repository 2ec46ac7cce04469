/*
 * replica.c - see replica.h.
 */
#include "shm/replica.h"

#include "shm/waiting.h"

#include <stdio.h>
#include <string.h>

enum { READ_TRIES = 16 }; /* of a text that is changed meanwhile: it changes seldom */

void replica_note_done(const struct segment *segment, uint64_t bytes)
{
    atomic_store(&segment->shared->positions.done_durable, bytes);
}

void replica_note_file(const struct segment *segment)
{
    atomic_fetch_add(&segment->shared->positions.files_made, 1);
    wake_shipper(segment);
}

bool replica_is_complete(const struct segment *segment)
{
    const struct shared_positions *positions = &segment->shared->positions;
    return segment->shared->identity.lag_bytes == 0 ||
           (atomic_load(&positions->files_replicated) == atomic_load(&positions->files_made) &&
            atomic_load(&positions->done_replicated) == atomic_load(&positions->done_durable) &&
            atomic_load(&positions->replicated) == atomic_load(&positions->head));
}

/* True when the position has grown. It has one writer at a time. */
static bool move(_Atomic uint64_t *position, uint64_t value)
{
    if (atomic_load(position) >= value) {
        return false;
    }
    atomic_store(position, value);
    return true;
}

void replica_report_bets(const struct segment *segment, uint64_t position)
{
    if (!move(&segment->shared->positions.replicated, position)) {
        return;
    }
    if (segment->shared->identity.acks_are_copied != 0) {
        wake_waiters(segment, WAIT_FOR_COMMIT, position);
    }
    wake_waiters(segment, WAIT_FOR_LAG, position);
    if (position == atomic_load(&segment->shared->positions.head)) {
        wake_storer(segment); /* it may wait for the copy to be complete */
    }
}

void replica_report_done(const struct segment *segment, uint64_t bytes)
{
    (void)move(&segment->shared->positions.done_replicated, bytes);
}

void replica_report_files(const struct segment *segment, uint64_t files_made)
{
    if (move(&segment->shared->positions.files_replicated, files_made)) {
        wake_waiters(segment, WAIT_FOR_COPY, files_made);
        wake_storer(segment);
    }
}

uint64_t replica_ask_proof(const struct segment *segment)
{
    const uint64_t number = atomic_fetch_add(&segment->shared->shipper.proofs_asked, 1) + 1;
    wake_shipper(segment);
    return number;
}

void replica_report_proof(const struct segment *segment, uint64_t asked)
{
    if (move(&segment->shared->shipper.proofs_given, asked)) {
        wake_waiters(segment, WAIT_FOR_COPY, asked);
    }
}

void replica_tell(const struct segment *segment, char *text, size_t size, const char *value)
{
    _Atomic uint32_t *version = &segment->shared->shipper.version;
    uint32_t before = atomic_load(version) | 1U; /* one that died over a text has left it odd */
    atomic_store(version, before);
    atomic_thread_fence(memory_order_seq_cst);
    (void)snprintf(text, size, "%s", value);
    atomic_store(version, before + 1);
}

void replica_read(const struct segment *segment, const char *text, size_t size, char *copy)
{
    const _Atomic uint32_t *version = &segment->shared->shipper.version;
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t before = atomic_load(version);
        memcpy(copy, text, size);
        copy[size - 1] = '\0';
        atomic_thread_fence(memory_order_seq_cst);
        if (before % 2 == 0 && atomic_load(version) == before) {
            return;
        }
    }
}
