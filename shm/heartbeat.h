/*
 * heartbeat.h - how a process shows, to who can only read, that it still goes on.
 *
 * A process that is stopped, or hangs in the kernel, has a pid like one that is
 * well, and a pid says nothing in another pid namespace. So supervisor and storer
 * store the time each second, of CLOCK_BOOTTIME: it is the same for every
 * process of the machine, goes on in suspend, and nobody sets it.
 *
 * Stored by its one process, relaxed; read by lottery-stat.
 */
#ifndef SHM_HEARTBEAT_H
#define SHM_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HEARTBEAT_EVERY_MS = 1000,
    HEARTBEAT_LATE_MS = 3000 /* who has not beaten for this long is stopped, stuck or dead */
};

/* Says: I go on. Called by the process whose beat it is, at least every HEARTBEAT_EVERY_MS. */
void heartbeat_beat(_Atomic int64_t *beat_at_ms);

/* Milliseconds since the latest beat, 0 for one that lies ahead; -1: there has been none. */
int64_t heartbeat_age_ms(const _Atomic int64_t *beat_at_ms);

#endif
