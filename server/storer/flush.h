/*
 * flush.h - bets on their way from the ring to bets.csv.
 *
 * One pwrite and one fdatasync serve all the agencies that have appended since the last one (group
 * commit). A bet is acknowledged by the position `durable`, or by `written` with ack_after: written
 * (heritage_safe_position). `durable` moves only after fdatasync has returned, while the file that
 * was synced still stands under its name, and after control says that the lottery has begun.
 *
 * Called by the storer's process alone. When it dies in here, [written, head) is still in the ring
 * and the next storer writes it again, to the same place; [durable, written) is in the file, and
 * the next storer syncs it (flush_inherited).
 */
#ifndef SERVER_STORER_FLUSH_H
#define SERVER_STORER_FLUSH_H

#include "server/storer/storage.h"

#include <stdbool.h>

/*
 * Makes all that has been appended durable, and wakes the handlers that waited for it. After true
 * bets.csv stands under its name and holds all of it, also when nothing was left to write. False,
 * and the log says why, when it can't be made durable or bets.csv was changed: the storer has to
 * end.
 */
bool flush_appended(struct storage *storage);

/*
 * Makes durable what the storer before this one wrote and did not live to sync. Those bytes have
 * left the ring, so as much again could be written after them. They are synced before that happens,
 * so a power loss never takes more than a ring's worth of bytes (witnesses.h). False as above. To be
 * called before the first flush_appended.
 */
bool flush_inherited(struct storage *storage);

#endif
