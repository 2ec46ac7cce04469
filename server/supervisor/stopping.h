/*
 * stopping.h - ends the server's processes in the order that loses nothing.
 *
 * What it promises: each kind of process has timeouts.shutdown to end by itself, and is killed after that.
 * Whoever waits is buried by the way; the service manager hears of each round.
 *
 * Called by the supervisor alone, at the end and between two draws.
 */
#ifndef SERVER_SUPERVISOR_STOPPING_H
#define SERVER_SUPERVISOR_STOPPING_H

#include "server/supervisor/supervisor_state.h"

/* Ends all handlers; false where some had to be killed. */
bool stopping_handlers(struct supervisor *supervisor);

/* Ends the keyholder, which nobody needs after the last handler; false where it had to be killed. */
bool stopping_keyholder(struct supervisor *supervisor);

/*
 * Ends the storer, and returns how the server would end by this: SUPERVISOR_STOPPED_AS_ASKED where it
 * ended well.
 */
enum supervisor_end stopping_storer(struct supervisor *supervisor);

/*
 * Ends the shipper, once everything is copied, or timeouts.shutdown has passed. What is missing then is on
 * the disk, and the next start copies it.
 */
void stopping_shipper(struct supervisor *supervisor);

/* All of them, after the listeners, and notes an end that was not as asked. */
void stopping_run(struct supervisor *supervisor);

#endif
