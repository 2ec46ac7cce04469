/*
 * recovery.h - what the server does first: it goes on where the server before it was.
 *
 * Why it exists: what is in shared memory dies with a server, and its files do not.
 *
 * What it promises: it counts bets.csv (tally.h), fills the agencies table and the ring's positions
 * from it and from done.csv, and cuts off what a crash has left half written. If something other
 * than a crash has changed the files (witnesses.h), it refuses to start.
 *
 * Called by the supervisor alone.
 */
#ifndef SERVER_SUPERVISOR_RECOVERY_H
#define SERVER_SUPERVISOR_RECOVERY_H

#include "lib/failure.h"
#include "server/heritage.h"

#include <stdbool.h>

/*
 * Called by the supervisor, before there are other processes. After true, heritage->directory has
 * control as it is on the disk. Returns false with the failure when the files can't be read or
 * written, when the witnesses disagree, or when the configuration's terms are not the lottery's.
 * A lottery that it refuses is left untouched.
 */
bool recovery_run(struct heritage *heritage, struct failure *failure);

#endif
