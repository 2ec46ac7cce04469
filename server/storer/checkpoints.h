/*
 * checkpoints.h - when the storer takes a checkpoint, and when it may be written.
 *
 * One is taken between two flushes, of everything that has been appended by then, and written
 * once that is durable: about once a second while bets come in, at once when agencies are
 * done, and at the end. Used by the storer's process alone; what it has taken dies with it.
 */
#ifndef SERVER_STORER_CHECKPOINTS_H
#define SERVER_STORER_CHECKPOINTS_H

#include "shm/segment.h"
#include "store/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpoints {
    struct checkpoint taken;   /* agencies NULL: none waits to be written */
    uint64_t written_position; /* of the latest one that was written, or tried to be */
    int64_t due_ms;            /* when to take the next one, monotonic clock */
};

/* Takes one where it is time for it. True when one can be written now: its bytes are durable. */
bool checkpoints_are_due(struct checkpoints *checkpoints, const struct segment *segment);

/* Takes one now, whatever the time is. Without memory there is none. */
void checkpoints_take(struct checkpoints *checkpoints, const struct segment *segment);

/* The next one is due at once. */
void checkpoints_hurry(struct checkpoints *checkpoints);

/* Writes the one that was taken, whose bytes are durable and in place. A failure is logged. */
void checkpoints_write(struct checkpoints *checkpoints, const struct data_directory *directory,
                       const char *identity, int bets_file);

void checkpoints_close(struct checkpoints *checkpoints);

#endif
