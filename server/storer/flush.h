/*
 * flush.h - bets on their way from the ring to bets.csv.
 *
 * One pwrite and one fdatasync serve all the agencies that have appended since the last one (group
 * commit). While one flush is synced, the next one is written and synced, too: the storer has some
 * threads (crew.h), and one of them at a time writes. A bet is acknowledged by the position
 * `durable`, or by `written` with ack_after: written (heritage_safe_position).
 *
 * `durable` moves to the end of what was written before a sync began, after that fdatasync has
 * returned, while the file that was synced still stands under its name, and after control says that
 * the lottery has begun. Syncs may return in any order, because fdatasync(2) makes durable all that
 * was written to the file before, by whichever descriptor. Linux tells of a failed write-back once
 * for each open file description (errseq_t), so each thread syncs by a descriptor that it has
 * opened itself: otherwise one thread would take the error, and another one acknowledge the bytes.
 * After a failure no sync that returns later moves `durable`.
 *
 * The bytes [durable, written) are never more than a ring's worth (witnesses.h).
 *
 * Called by the storer's process alone. When it dies in here, [written, head) is still in the ring
 * and the next storer writes it again, to the same place; [durable, written) is in the file, and
 * the next storer writes it again, too, and syncs it (flush_inherited).
 */
#ifndef SERVER_STORER_FLUSH_H
#define SERVER_STORER_FLUSH_H

#include "server/storer/storage.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Writes all that has been appended, and wakes those that waited for that, or for space. After true
 * it is not durable yet: somebody has to sync. *bytes is how many were written. Called by the leader. False, and the log says why,
 * when it can't be written or bets.csv was changed: the storer has to end.
 */
bool flush_write(struct storage *storage, uint64_t *bytes);

/*
 * Makes durable what was written before the call, and wakes the handlers that waited for it. `bets`
 * is bets.csv by a descriptor that no other thread syncs by. Called by any thread of the storer, the
 * leader or not, once the lottery has begun (storage_has_begun). *sync_ns is how long it took. False
 * as above.
 */
bool flush_sync(const struct storage *storage, const struct disk_file *bets, uint64_t *sync_ns);

/*
 * Makes durable what the storer before this one wrote and did not live to sync. Those bytes have left
 * the ring, so they are read from the file, written again and synced. To be called before the first
 * flush_write, before there are threads. False as above.
 */
bool flush_inherited(struct storage *storage);

/*
 * Makes durable what is written, also of a lottery that has not begun. Called by the leader. False as
 * above.
 */
bool flush_settle(struct storage *storage);

/*
 * Makes all that has been appended durable: flush_write, and flush_settle. After true bets.csv
 * stands under its name and holds all of it, also when nothing was left to write. Called by the
 * leader. False as above.
 */
bool flush_appended(struct storage *storage);

#endif
