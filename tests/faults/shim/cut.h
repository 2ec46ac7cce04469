/*
 * cut.h - the directory that a disk may hold after a power loss.
 *
 * Reads the shim's journal up to a point and builds what a disk that honours
 * flushes, and no more than that, could hold then:
 *   - what had been synced before is there;
 *   - of what had been written since, a random subset of 4 KiB pages, each as it
 *     was at some moment since, or torn: sector by sector of 512 bytes old or new;
 *   - the size is one that the file had since, or one on the way, with zeros where
 *     nothing was written;
 *   - of creations, renames and removals since the directory's last sync a prefix,
 *     or any subset. A rename between two directories is kept or lost as a whole, as
 *     journaling file systems do it, and may be lost until both were synced. It is kept
 *     with what was done to one of its names later: a new bets.csv shows that the old
 *     one has gone.
 * A file that was synced, but whose directory was not, need not be there, and so it is
 * with the directory itself: that is what POSIX promises, though Linux's file systems
 * keep more.
 *
 * Called by the test's process. The same seed makes the same directory.
 */
#ifndef SHIM_CUT_H
#define SHIM_CUT_H

#include "tests/faults/shim/journal.h"
#include "tests/harness/stage.h"

#include <stddef.h>
#include <stdint.h>

struct cut_record {
    struct journal_record header;
    const char *payload;
    uint64_t end; /* the journal's bytes up to and with this one */
};

struct cut_journal {
    struct cut_record *records;
    size_t count;
};

/* Reads a journal; what a killed process left half-written is passed over. The stage's. */
struct cut_journal *cut_journal_read(struct stage *stage, const char *path);

/* A random number, and one below `limit`: splitmix64 (Steele, Lea, Flood). */
uint64_t cut_random(uint64_t *seed);
uint64_t cut_random_below(uint64_t *seed, uint64_t limit);

/*
 * Builds `target`, which must not exist, from the files of `base` and the directories in it
 * (all of them on the disk for sure; a missing directory has none) and the first `records`
 * records of the journal.
 */
void cut_build(const struct cut_journal *journal, const char *base, size_t records, uint64_t seed,
               const char *target);

#endif
