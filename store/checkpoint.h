/*
 * checkpoint.h - how far bets.csv has been counted, so that a start need not count it from 0.
 *
 * A checkpoint says that the first `position` bytes of this lottery's bets.csv are durable,
 * and gives their checksum and each agency's bets in them. It is written only after those
 * bytes are durable, so a whole one is true. It is not synced, but for the last one of a draw or of
 * a storer that has drained: a torn one is found by its own checksum, and a start without a
 * checkpoint counts everything. A whole checkpoint also is proof: if bets.csv is shorter than it
 * says, or does not agree with it, then acknowledged bets are missing or were changed.
 *
 * The storer writes one about once a second while bets come in, and one with each round
 * of agencies that are done. So a loss that looks like a crash's torn tail is at most what
 * came in during about one second.
 *
 * Called by the storer, and by the supervisor during recovery.
 */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of the file's format, one digit. */
enum { CHECKPOINT_VERSION = 2 };

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
    bool is_last; /* nothing is appended after it: it is synced, since an auditor may get it */
};

/* Makes an empty checkpoint with room for `capacity` agencies. False when there is no memory. */
bool checkpoint_open(struct checkpoint *checkpoint, size_t capacity);

/* Frees the agencies and zeroes the checkpoint. */
void checkpoint_close(struct checkpoint *checkpoint);

/*
 * Writes the checkpoint; its position must be durable. `identity` is the lottery's,
 * `bets_file` the open bets.csv. Returns whether it was written. A failure is logged; it costs
 * the next start time, and proof of what came in since the last one. Called by the storer.
 */
bool checkpoint_write(const struct checkpoint *checkpoint, const struct data_directory *directory,
                      const char *identity, int bets_file);

/* How much of bets.csv is compared with the checkpoint. */
enum checkpoint_verify {
    CHECKPOINT_VERIFY_ALL, /* every byte before its position is read */
    CHECKPOINT_VERIFY_END  /* the last 4,096 of them */
};

enum checkpoint_answer {
    CHECKPOINT_NONE,   /* none, or no whole one: count everything */
    CHECKPOINT_READ,   /* it agrees with bets.csv: count from its position on */
    CHECKPOINT_REFUSED /* bets.csv is not what was stored, or a file can't be read */
};

/*
 * Reads the checkpoint of this lottery and compares bets.csv with it (`bets_file`; -1: there
 * is none). After CHECKPOINT_READ the caller closes *checkpoint; else it is zeroed.
 * CHECKPOINT_REFUSED is described in `failure`. Called by recovery.
 */
enum checkpoint_answer checkpoint_read(const struct data_directory *directory, const char *identity,
                                       int bets_file, enum checkpoint_verify verify,
                                       struct checkpoint *checkpoint, struct failure *failure);

/* A checkpoint as it stands in a file, compared with nothing. */
struct checkpoint_file {
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* any bytes, terminated */
    uint64_t proof; /* the checksum of up to CHECKPOINT_PROOF_BYTES before the position */
    struct checkpoint checkpoint;
};

enum { CHECKPOINT_PROOF_BYTES = 4096 };

/*
 * Reads an open checkpoint, whoever it belongs to. True when its own checksum agrees; the
 * caller closes file->checkpoint then, which is zeroed else. Called by lottery-verify.
 */
bool checkpoint_load(int descriptor, struct checkpoint_file *file);

/* Removes the unfinished file of a storer that was killed while it wrote. Called by recovery. */
void checkpoint_remove_unfinished(const struct data_directory *directory);

#endif
