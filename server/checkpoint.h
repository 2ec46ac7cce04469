/*
 * checkpoint.h - how far bets.csv has been counted already, so that a start need not count from 0.
 *
 * A checkpoint says: the first `position` bytes of this lottery's bets.csv are durable,
 * this is their checksum, these are the agencies' bets in them. It is written only after
 * those bytes are durable, so it is true whenever it can be read at all: nobody syncs it, a
 * torn one is betrayed by its own checksum, and a start without one counts everything.
 * For the same reason it is a witness: a whole one that bets.csv falls short of, or does
 * not agree with, proves that acknowledged bets are gone or were changed.
 *
 * The storer writes one about once a second while bets come in, and one with each round
 * of agencies that are done: what can pass for a crash's work is never more than what a
 * second has brought.
 */
#ifndef SERVER_CHECKPOINT_H
#define SERVER_CHECKPOINT_H

#include "server/data_directory.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHECKPOINT_EVERY_MS = 1000 };

/* A checkpoint that is being made, in its maker's memory. */
struct checkpoint {
    struct checkpoint_image *image; /* owned; NULL: none is being made */
    uint64_t position;              /* it may be written once this is durable */
};

/* Notes what the agencies have at the present head. Without memory there is none. By the storer. */
void checkpoint_take(struct checkpoint *checkpoint, struct segment *segment);

/*
 * Writes the checkpoint, now that bets.csv is durable up to its position, and
 * frees it. `identity` is the lottery's. A failure costs the next start some time, and
 * some certainty, and is logged. Returns whether it was written.
 */
bool checkpoint_write(struct checkpoint *checkpoint, const struct data_directory *directory,
                      const char *identity, int bets_file);

/* Frees a checkpoint that is not going to be written. */
void checkpoint_drop(struct checkpoint *checkpoint);

/* How much of bets.csv is held against the checkpoint. */
enum checkpoint_verify {
    CHECKPOINT_VERIFY_ALL, /* every byte before its position is read */
    CHECKPOINT_VERIFY_END  /* the last 4,096 of them */
};

/* What a start goes on from: counted already. Zeros where there is no checkpoint. */
struct checkpoint_counted {
    uint64_t position, bets, checksum;
};

enum checkpoint_answer {
    CHECKPOINT_NONE,     /* none, or no whole one, or no room for its agencies: count everything */
    CHECKPOINT_RESTORED, /* the agencies table is filled from it */
    CHECKPOINT_REFUSED   /* bets.csv is not what was stored; or it can't be read */
};

/*
 * Looks for a whole checkpoint of this lottery, holds it against bets.csv (`bets_file`; -1: there is none), and
 * fills the agencies table from it. CHECKPOINT_REFUSED comes with the failure. Called by
 * recovery, before anybody else is there.
 */
enum checkpoint_answer checkpoint_restore(const struct data_directory *directory,
                                          const char *identity, struct segment *segment,
                                          int bets_file, enum checkpoint_verify verify,
                                          struct checkpoint_counted *counted,
                                          struct failure *failure);

/*
 * Holds a whole checkpoint, where there is one, against the lottery's identity and every byte
 * of `bets_file` (-1: there is none) before its position. False with the failure. By lottery-
 * admin, of a copy.
 */
bool checkpoint_check(const struct data_directory *directory, const char *identity, int bets_file,
                      struct failure *failure);

/* Removes what a storer that was killed while it wrote a checkpoint left behind. By recovery. */
void checkpoint_remove_unfinished(const struct data_directory *directory);

#endif
