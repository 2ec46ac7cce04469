/*
 * checkpoints.c - see checkpoints.h.
 */
#include "server/storer/checkpoints.h"

#include "lib/clock.h"
#include "shm/agencies.h"

#include <stddef.h>

enum { CHECKPOINT_EVERY_MS = 1000 };

static void note_agency(void *context, const struct agency *agency)
{
    struct checkpoint *checkpoint = context;
    bool is_claimed = atomic_load(&agency->epoch) != EPOCH_UNFENCED;
    checkpoint->agencies[checkpoint->count++] = (struct checkpoint_agency){
        .id = agency->id | (is_claimed ? CHECKPOINT_CLAIMED : 0),
        .bets = atomic_load_explicit(&agency->bets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&agency->bytes, memory_order_relaxed),
        .checksum = atomic_load_explicit(&agency->checksum, memory_order_relaxed),
    };
}

void checkpoints_take(struct checkpoints *checkpoints, const struct segment *segment)
{
    struct checkpoint *taken = &checkpoints->taken;
    checkpoint_close(taken);
    if (checkpoint_open(taken, segment->shared->identity.agency_capacity)) {
        struct agencies_total total = agencies_snapshot(segment, note_agency, taken);
        taken->position = total.head;
        taken->checksum = total.checksum;
    }
}

bool checkpoints_are_due(struct checkpoints *checkpoints, const struct segment *segment)
{
    uint64_t durable = atomic_load(&segment->shared->positions.durable);
    if (checkpoints->taken.agencies == NULL && durable > checkpoints->written_position &&
        clock_monotonic_ms() >= checkpoints->due_ms) {
        checkpoints_take(checkpoints, segment);
    }
    return checkpoints->taken.agencies != NULL && durable >= checkpoints->taken.position;
}

void checkpoints_hurry(struct checkpoints *checkpoints)
{
    checkpoints->due_ms = 0;
}

void checkpoints_write(struct checkpoints *checkpoints, const struct data_directory *directory,
                       const char *identity, int bets_file)
{
    struct checkpoint *taken = &checkpoints->taken;
    if (taken->agencies == NULL) {
        return;
    }
    checkpoints->written_position = taken->position;
    checkpoints->due_ms = clock_monotonic_ms() + CHECKPOINT_EVERY_MS;
    (void)checkpoint_write(taken, directory, identity, bets_file);
    checkpoint_close(taken);
}

void checkpoints_close(struct checkpoints *checkpoints)
{
    checkpoint_close(&checkpoints->taken);
}
