/*
 * done_round.h - agencies that are done: from the segment to done.csv, many at a time.
 *
 * A round is up to DONE_ROUND_MAX agencies that have asked: one write and one fdatasync for all
 * of them. The bets of an agency are durable before its line is; its line is durable before control
 * says so, control before the log has it, and the log before any handler sees it.
 *
 * Called by the storer's process alone. When it dies in here, the next storer reads done.csv again:
 * it cuts a torn last round off, adopts whole lines (done_round_adopt), and stores the other
 * agencies again, since they have asked in the segment.
 */
#ifndef SERVER_STORER_DONE_ROUND_H
#define SERVER_STORER_DONE_ROUND_H

#include "server/storer/storage.h"

#include <stdbool.h>

/*
 * Stores every DONE that has been asked for, sets the gate, and wakes the handlers that wait for
 * it. Where sales are closed already, a DONE changes nothing: it is answered alone. False, and the log says why, when one can't be stored: the storer has to end.
 */
bool done_round_store_asked(struct storage *storage);

/*
 * Tells of the agencies in done.csv whose storer died before it could say so. False as above. To
 * be called once, when the storage has just been opened and its bets are durable.
 */
bool done_round_adopt(struct storage *storage);

#endif
