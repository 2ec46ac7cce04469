/*
 * backup.h - copies a data directory so that the copy is consistent; the server may run.
 *
 * The order of copying makes the copy consistent: control first, then done.csv, checkpoint and
 * winners.csv, bets.csv last. Each of the earlier files names bytes of bets.csv that were
 * durable when it was written, so a bets.csv that is read later holds them. The copy gets its
 * name only after done.csv and bets.csv were found to hold all that control and done.csv name.
 *
 * Called by lottery-admin. The server is not asked and does nothing for it; only the reading
 * costs it time. If lottery-admin dies, the directory DESTINATION.unfinished remains. The next
 * backup to the same place fails and says so.
 */
#ifndef ADMIN_BACKUP_H
#define ADMIN_BACKUP_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* What a backup holds; filled in by backup_make. */
struct backup_report {
    char identity[33];   /* of the lottery */
    char state[16];      /* "new", "open" or "drawn" */
    uint64_t bets_bytes; /* of bets.csv, whole rows */
    uint64_t agencies_done;
};

/*
 * Copies the data directory `source` to `destination`, which must not exist. The copy has
 * another name until it is complete and synced. Returns false with the failure, and removes
 * what was copied, when that fails. Called by lottery-admin.
 */
bool backup_make(const char *source, const char *destination, struct backup_report *report,
                 struct failure *failure);

#endif
