/*
 * checkpoints.h - when the storer takes a checkpoint, and when it may be written.
 *
 * The storer takes a checkpoint between two flushes. It counts everything that has been appended by
 * then, and is written once that is durable. The next one is due a second later if more has become
 * durable, or at once when agencies are done; the last one is taken at the end. Used by the storer's
 * process alone. A checkpoint that was taken and not written dies with it, and nothing is missing:
 * the next start counts more bets again.
 */
#ifndef SERVER_STORER_CHECKPOINTS_H
#define SERVER_STORER_CHECKPOINTS_H

#include "shm/segment.h"
#include "store/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpoints {
    struct checkpoint taken;   /* agencies NULL: none waits to be written */
    uint64_t written_position; /* of the latest one that checkpoints_write had, failed or not */
    int64_t due_ms;            /* when to take the next one, monotonic clock */
};

/*
 * Takes a checkpoint if it is due and none is waiting. True when one is waiting whose bytes are
 * durable: it can be written now.
 */
bool checkpoints_are_due(struct checkpoints *checkpoints, const struct segment *segment);

/* Takes a checkpoint now, and drops one that is waiting. Without memory none is taken. */
void checkpoints_take(struct checkpoints *checkpoints, const struct segment *segment);

/* Makes the next checkpoint due at once. */
void checkpoints_hurry(struct checkpoints *checkpoints);

/*
 * Writes the checkpoint that is waiting, if there is one. Its bytes must be durable and in place.
 * A failure is logged, and the next try comes when the next checkpoint is due.
 */
void checkpoints_write(struct checkpoints *checkpoints, const struct data_directory *directory,
                       const char *identity, int bets_file);

/* Drops the checkpoint that is waiting, if there is one. */
void checkpoints_close(struct checkpoints *checkpoints);

#endif
