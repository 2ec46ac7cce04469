/*
 * refusals.h - counts, by reason, the connections and messages that the limits have refused.
 *
 * The counts stand in the segment, so that they outlive the process that refused. The reasons are
 * listed in layout.h, and named here alone.
 *
 * Any process of the server counts; lottery-stat reads. If a process dies, a count may be missing.
 */
#ifndef SHM_REFUSALS_H
#define SHM_REFUSALS_H

#include "shm/segment.h"

/* Counts one more. Any process of the server may call. */
void refusals_count(const struct segment *segment, enum refusal_reason reason);

/* The reason's name, "evicted" for example: short, and one word. Any process may call. */
const char *refusal_name(enum refusal_reason reason);

/* The key of the configuration that limits it, "limits.unidentified_connections" for example. */
const char *refusal_key(enum refusal_reason reason);

#endif
