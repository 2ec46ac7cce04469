/*
 * heartbeat.h - how a process shows lottery-stat, which can only read, that it still runs.
 *
 * A process that is stopped, or hangs in the kernel, has a pid as a running one has, and a
 * pid means nothing in another pid namespace. So supervisor and storer store the time of
 * CLOCK_BOOTTIME each second. That clock is the same for every process of the machine, goes
 * on while the machine is suspended, and cannot be set.
 *
 * Each beat is written by one process and read by lottery-stat, relaxed: it tells of nothing
 * but itself.
 */
#ifndef SHM_HEARTBEAT_H
#define SHM_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HEARTBEAT_EVERY_MS = 1000,
    HEARTBEAT_LATE_MS = 3000 /* without a beat for this long, a process is stopped, stuck or dead */
};

/* Stores the time. Called by the process whose beat it is, at least every HEARTBEAT_EVERY_MS. */
void heartbeat_beat(_Atomic int64_t *beat_at_ms);

/*
 * Returns the milliseconds since the latest beat, 0 if that lies in the future, or -1 if there
 * has been none. Any process may call.
 */
int64_t heartbeat_age_ms(const _Atomic int64_t *beat_at_ms);

#endif
