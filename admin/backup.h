/*
 * backup.h - copies a data directory, of a running server or not, so that the copy holds together.
 *
 * The order makes it right: control first, then done.csv, checkpoint and winners.csv, and
 * bets.csv last. Each of the former speaks of bytes of bets.csv that were durable when it was
 * written, so a bets.csv that is read after it holds them. What is copied is held against
 * what vouches for it before the copy is called one.
 *
 * The server is not asked, takes no notice, and is not slowed but by the reading.
 */
#ifndef ADMIN_BACKUP_H
#define ADMIN_BACKUP_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* What a backup holds. */
struct backup_report {
    char identity[33];   /* of the lottery */
    char state[16];      /* "new", "open" or "drawn" */
    uint64_t bets_bytes; /* of bets.csv, whole rows */
    uint64_t agencies_done;
};

/*
 * Copies the data directory `source` to `destination`, which is made, with its files synced, and which
 * must not be there yet: the name appears when the copy is complete. False with
 * the failure, and nothing left behind, when that can't be done. Called by lottery-admin.
 */
bool backup_make(const char *source, const char *destination, struct backup_report *report,
                 struct failure *failure);

#endif
