/*
 * bet_count.h - a standby's own count of bets.csv, kept as a checkpoint.
 *
 * Why it exists: a takeover starts the server as any start does, which counts what no checkpoint
 * covers. A standby has each row in its hands once, so it counts it then, and a takeover of millions
 * of bets need not.
 *
 * What it promises: a checkpoint that is written covers only bytes that the caller has synced, and is
 * one that the primary's storer could have written, but for which agencies have been claimed: those
 * whose connections ended with the primary.
 *
 * Called by lottery-shipper as a standby, by its one thread. If it dies, the next one goes on from the
 * checkpoint.
 */
#ifndef SHIPPER_BET_COUNT_H
#define SHIPPER_BET_COUNT_H

#include "lib/failure.h"
#include "store/checkpoint.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bet_count {
    struct checkpoint checkpoint; /* agencies ascending by id */
    size_t latest;                /* the agency that was counted last: its rows stand together */
    bool is_off;                  /* a row could not be counted: there is no checkpoint any more */
};

/* Counts nothing yet: for an empty file. False without memory. */
bool bet_count_open(struct bet_count *count, struct failure *failure);

void bet_count_close(struct bet_count *count);

enum bet_count_answer {
    BET_COUNT_RESUMED,
    BET_COUNT_CHANGED, /* the file's first bytes are not those that were counted */
    BET_COUNT_FAILED   /* it can't be read */
};

/*
 * Goes on where the checkpoint of the draw `identity` ends, and counts the file up to `end`, which is
 * a row's end. Every byte before the checkpoint's end is compared with it. A checkpoint that does not
 * fit is ignored, but where it is of bytes before `end`: recovery would refuse those, when the log has
 * been claimed and the node that could serve is fenced. `failure` says what is not RESUMED.
 */
enum bet_count_answer bet_count_resume(struct bet_count *count,
                                       const struct data_directory *directory, const char *identity,
                                       int bets, uint64_t end, struct failure *failure);

/*
 * Counts whole rows that stand at `offset`; those that were counted already are passed over. False where
 * they are none that a server writes: recovery would refuse them, so they must not come into the file.
 */
bool bet_count_add(struct bet_count *count, const void *rows, size_t bytes, uint64_t offset);

/* True where an agency's rows are so many, with this checksum; or where nothing is counted any more. */
bool bet_count_agrees(const struct bet_count *count, uint32_t agency, uint64_t bets,
                      uint64_t checksum);

/* Writes the checkpoint, of bytes that are durable. What fails is logged, and costs time alone. */
void bet_count_write(const struct bet_count *count, const struct data_directory *directory,
                     const char *identity, int bets);

#endif
