/*
 * backup.h - copies a data directory so that the copy is consistent; the server may run.
 *
 * The current draw is copied in an order that makes the copy consistent (draw_copy.h). The
 * archived ones do not change. Where the next draw is opened meanwhile, which moves files, the copy
 * is begun again; where a server was stopped while it moved them, the files are copied where they
 * are, and a start with the copy moves on. The copy gets its name only after an inspection
 * (inspection.h): in full of the current draw, by size, seal and counts of the archived ones.
 *
 * Called by lottery-admin. The server is not asked and does nothing for it; only the reading
 * costs it time. If lottery-admin dies, the directory DESTINATION.unfinished remains. The next
 * backup to the same place fails and says so.
 */
#ifndef ADMIN_BACKUP_H
#define ADMIN_BACKUP_H

#include "lib/failure.h"
#include "store/control.h"

#include <stdbool.h>
#include <stdint.h>

/* What a backup holds; filled in by backup_make. */
struct backup_report {
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* of the current draw */
    char draw[CONTROL_DRAW_BYTES];              /* its name */
    char state[16];                             /* control_state_name */
    uint64_t bets_bytes;                        /* of bets.csv, whole rows */
    uint64_t agencies_done;
    uint64_t archived_draws;
};

/*
 * Copies the data directory `source` to `destination`, which must not exist. The copy has
 * another name until it is complete and synced. Returns false with the failure, and removes
 * what was copied, when that fails. Called by lottery-admin.
 */
bool backup_make(const char *source, const char *destination, struct backup_report *report,
                 struct failure *failure);

#endif
