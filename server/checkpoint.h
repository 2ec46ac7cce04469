/*
 * checkpoint.h - how far bets.csv has been counted already, so that a start need not begin at 0.
 *
 * A checkpoint says: the first `position` bytes of bets.csv are durable, these
 * are the agencies' bets in them, and this is the checksum of the bytes just
 * before `position`. It is written only after those bytes are durable, so it
 * is true whenever it can be read at all: nobody syncs it, a torn one is
 * betrayed by its own checksum, and a start without one counts everything.
 * For the same reason it is a witness: a whole one that bets.csv falls short of
 * proves that acknowledged bets are gone (checkpoint_promise).
 */
#ifndef SERVER_CHECKPOINT_H
#define SERVER_CHECKPOINT_H

#include "server/data_directory.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* bets.csv grows by this much between two checkpoints. */
#define CHECKPOINT_EVERY_BYTES (UINT64_C(64) * 1024 * 1024)

/* A checkpoint that is being made, in its maker's memory. */
struct checkpoint {
    struct checkpoint_image *image; /* owned; NULL: none is being made */
    uint64_t position;              /* it may be written once this is durable */
};

/* Notes what the agencies have at the present head. Without memory there is none. By the storer. */
void checkpoint_take(struct checkpoint *checkpoint, struct segment *segment);

/*
 * Writes the checkpoint, now that bets.csv is durable up to its position, and
 * frees it. A failure costs the next start some time, and nothing else.
 */
void checkpoint_write(struct checkpoint *checkpoint, const struct data_directory *directory,
                      int bets_file);

/* Frees a checkpoint that is not going to be written. */
void checkpoint_drop(struct checkpoint *checkpoint);

/*
 * How far bets.csv was durable by the word of a whole checkpoint, whether or not it
 * agrees with bets.csv; 0 where there is none. A file whose valid rows end before
 * that has lost acknowledged bets. Called by recovery.
 */
uint64_t checkpoint_promise(const struct data_directory *directory);

/*
 * Fills the agencies table from the newest checkpoint that agrees with
 * bets.csv. Returns its position, where counting goes on, and its bets in *bets; 0
 * where there is none. Called by recovery, before anybody else is there.
 */
uint64_t checkpoint_restore(const struct data_directory *directory, struct segment *segment,
                            int bets_file, uint64_t *bets);

/*
 * Removes a checkpoint that was not used, once bets.csv has been accepted all the
 * same: it may go on differently behind the checkpoint's position. By recovery.
 */
void checkpoint_remove(const struct data_directory *directory);

/* Removes what a storer that was killed while it wrote a checkpoint left behind. By recovery. */
void checkpoint_remove_unfinished(const struct data_directory *directory);

#endif
