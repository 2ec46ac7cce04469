/*
 * readiness.h - whether a connection that comes now would be served and acknowledged.
 *
 * More than the phase that the server says it is in: a stopped supervisor accepts
 * nobody, a full disk acknowledges nothing, and both are "ready" in shared memory.
 *
 * Called by lottery-stat alone, on a segment that it has attached to.
 */
#ifndef STAT_READINESS_H
#define STAT_READINESS_H

#include "lib/failure.h"
#include "shm/segment.h"

#include <stdbool.h>

/*
 * True when the server is ready, its supervisor and storer go on (heartbeat.h), its
 * storer does not wait for room on the disk, a connection more is within
 * limits.max_connections, and the semaphore set is there. Else *reason says, in a
 * sentence for people, which of them is not so.
 */
bool readiness_judge(const struct segment *segment, struct failure *reason);

#endif
