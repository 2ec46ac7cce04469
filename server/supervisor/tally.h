/*
 * tally.h - counts bets.csv: how many of its bytes are whole, valid rows, and whose they are.
 *
 * Why it exists: the agencies table dies with a server, and bets.csv does not. A start fills the
 * table again from the file.
 *
 * What it promises: what is counted is on the disk, not only in the page cache. Counting goes on
 * from a checkpoint, where one agrees with the file, and stops at the first row that is not valid.
 * No file is changed.
 *
 * Called by recovery, in the supervisor, before there are other processes. If the supervisor dies,
 * the next start counts again.
 */
#ifndef SERVER_SUPERVISOR_TALLY_H
#define SERVER_SUPERVISOR_TALLY_H

#include "lib/failure.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

/* What was counted. Positions and bytes are those of bets.csv. */
struct tally {
    uint64_t rows;
    uint64_t good_bytes; /* of whole, valid rows at the start */
    uint64_t checksum;   /* of the good bytes */
    uint64_t file_bytes;
    uint64_t checkpoint_bytes; /* of good_bytes: a checkpoint had counted these already */
};

/*
 * How many bytes at the end of the file a crash of the server before this one can have damaged: a
 * ring's worth. That server's control has to be in heritage->directory, or a new one.
 */
uint64_t tally_crash_bytes(const struct heritage *heritage);

/*
 * Counts the open file `bets` (-1: there is none, which counts as empty) into *tally and the
 * agencies table. Returns false with the failure when the file can't be read or synced, a
 * checkpoint proves that it was changed, or it has more agencies than the table takes.
 */
bool tally_count(const struct heritage *heritage, int bets, struct tally *tally,
                 struct failure *failure);

#endif
