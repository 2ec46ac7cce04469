/*
 * unacknowledged.h - puts aside what a primary had and the log lacks, when another node has taken over.
 *
 * Why it exists: what stands in bets.csv behind the other node's claim was never acknowledged by a
 * quorum. It can't stay, because the log goes on there with other bytes. It may not be thrown away
 * either: a person may want to see it, above all where ack_after was less than `replicated`.
 *
 * What it promises: the bytes are durable in NAME.unacknowledged.EPOCH before they leave NAME. A file of
 * that name is never overwritten; the next one is NAME.unacknowledged.EPOCH.2. If the process dies in
 * between, the same call again finds what was written and goes on.
 *
 * Called by lottery-shipper as a standby.
 */
#ifndef SHIPPER_UNACKNOWLEDGED_H
#define SHIPPER_UNACKNOWLEDGED_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

enum { UNACKNOWLEDGED_NAME_BYTES = 64 }; /* with its NUL */

/* What was moved. */
struct unacknowledged {
    uint64_t bytes, lines;                /* whole lines; 0: there was nothing */
    char name[UNACKNOWLEDGED_NAME_BYTES]; /* of the file that has them now */
};

/*
 * Moves what the open file `file`, called `name`, has from the byte `end` on. `epoch` is that of the
 * other node's claim. False with the failure.
 */
bool unacknowledged_move(const struct data_directory *directory, int file, const char *name,
                         uint64_t end, uint64_t epoch, struct unacknowledged *moved,
                         struct failure *failure);

/* Renames a whole small file likewise. One that is not there is none. */
bool unacknowledged_rename(const struct data_directory *directory, const char *name, uint64_t epoch,
                           struct failure *failure);

#endif
