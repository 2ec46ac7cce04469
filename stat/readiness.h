/*
 * readiness.h - whether a connection that comes now would be served and acknowledged.
 *
 * The phase in shared memory does not tell that: it is "ready" also while the supervisor is
 * stopped and accepts no connection, and while the disk is full and nothing is acknowledged.
 *
 * Called by lottery-stat alone, on a segment that it has attached to.
 */
#ifndef STAT_READINESS_H
#define STAT_READINESS_H

#include "lib/failure.h"
#include "shm/segment.h"

#include <stdbool.h>

/*
 * True when the server's phase is ready, its supervisor has not died (lock_holders.h), it and the
 * storer run (heartbeat.h), the
 * storer does not wait for room on the disk, another connection is within
 * limits.max_connections, and the semaphore set is there. Else *reason names, in a
 * sentence for people, the first of these that is not so.
 */
bool readiness_judge(const struct segment *segment, struct failure *reason);

#endif
