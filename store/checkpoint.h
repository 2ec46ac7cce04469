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
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Added to the id of an agency that has been claimed (STATUS): its fence outlives a restart. */
#define CHECKPOINT_CLAIMED (UINT64_C(1) << 32)

/* What an agency has in the bytes before the position. As it stands in the file. */
struct checkpoint_agency {
    uint64_t id, bets, bytes, checksum;
};

/* A checkpoint in memory. */
struct checkpoint {
    uint64_t position;                  /* bets.csv is durable up to here */
    uint64_t checksum;                  /* of all bytes before it */
    struct checkpoint_agency *agencies; /* owned; NULL: there is none */
    size_t count, capacity;
};

/* Room for so many agencies. False when there is no memory. */
bool checkpoint_open(struct checkpoint *checkpoint, size_t capacity);

/* Frees it; it is a zeroed one afterwards. */
void checkpoint_close(struct checkpoint *checkpoint);

/*
 * Writes the checkpoint, whose position is durable. `identity` is the lottery's,
 * `bets_file` the open bets.csv. A failure costs the next start some time, and some certainty, and
 * is logged. Returns whether it was written. Called by the storer.
 */
bool checkpoint_write(const struct checkpoint *checkpoint, const struct data_directory *directory,
                      const char *identity, int bets_file);

/* How much of bets.csv is held against the checkpoint. */
enum checkpoint_verify {
    CHECKPOINT_VERIFY_ALL, /* every byte before its position is read */
    CHECKPOINT_VERIFY_END  /* the last 4,096 of them */
};

enum checkpoint_answer {
    CHECKPOINT_NONE,   /* none, or no whole one: count everything */
    CHECKPOINT_READ,   /* it agrees with bets.csv: count from its position on */
    CHECKPOINT_REFUSED /* bets.csv is not what was stored; or it can't be read */
};

/*
 * Reads the checkpoint of this lottery, and holds it against bets.csv (`bets_file`; -1: there
 * is none). With CHECKPOINT_READ the caller closes *checkpoint; else it is zeroed.
 * CHECKPOINT_REFUSED comes with the failure. Called by recovery.
 */
enum checkpoint_answer checkpoint_read(const struct data_directory *directory, const char *identity,
                                       int bets_file, enum checkpoint_verify verify,
                                       struct checkpoint *checkpoint, struct failure *failure);

/* Removes what a storer that was killed while it wrote a checkpoint left behind. By recovery. */
void checkpoint_remove_unfinished(const struct data_directory *directory);

#endif
