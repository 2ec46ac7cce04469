/*
 * gate.h - the semaphores where look-ups of winners wait for the draw, and that `ipcs` shows.
 *
 * A System V semaphore set (POSIX XSI; semop(2), semctl(2)), because `ipcs` shows no
 * other kind. Only the server's user may use it (0600), or data.group may read it, too (0640).
 * `ipcs -s -i ID` lists:
 *
 *     semnum 0, the gate:      value = agencies still missing; 0 means drawn
 *                              zcount = look-ups that wait
 *     semnum 1, the handlers:  value = live connections; the kernel takes back
 *                              what a killed handler added (SEM_UNDO)
 *
 * Called by the supervisor, the storer, handlers and lottery-stat, as each function says.
 */
#ifndef SHM_GATE_H
#define SHM_GATE_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Makes the set under this key, with `missing` agencies to wait for, at most
 * LIMITS_AGENCIES_MAX (lib/limits.h). A set
 * of this user and of our shape that is there already is a dead server's and is replaced:
 * the caller holds the data directory's lock, and made the segment of the same key.
 * Returns false and describes the failure, with errno EEXIST where somebody else
 * has the key, so that another one may do; else sets *id. Called by the supervisor.
 */
bool gate_create(uint32_t key, uint32_t missing, int *id, struct failure *failure);

/* True when the kernel has a set left to give; else describes the failure. Called by main, for -t. */
bool gate_has_room(struct failure *failure);

/*
 * Lets a group read the set: mode 0640. False with the failure. Called by the supervisor
 * before it publishes the segment.
 */
bool gate_open_to_group(int id, gid_t group, struct failure *failure);

/*
 * True when a set of two semaphores that belongs to `owner` has this key and may be looked at.
 * Any process may call.
 */
bool gate_exists(uint32_t key, uid_t owner);

/*
 * True while the set `id` has its key; else `failure` says whether it was removed or another
 * set has the key. Called by the supervisor.
 */
bool gate_is_in_place(int id, uint32_t key, struct failure *failure);

/* Removes the set, which ends every gate_wait. An error is logged. Called by the supervisor. */
void gate_remove(int id);

/*
 * Sets how many agencies are missing; 0 opens the gate. Does nothing when the set is gone.
 * Called by the storer.
 */
void gate_set_missing(int id, uint32_t missing);

/*
 * Counts the calling process as a live connection until it ends, in whatever way. False with
 * the failure. Called by handlers.
 */
bool gate_enter(int id, struct failure *failure);

/* Undoes gate_enter, once: this process has no connection for now. False with errno. By handlers. */
bool gate_leave(int id);

enum gate_answer {
    GATE_OPEN,
    GATE_CLOSED,      /* the time is up */
    GATE_INTERRUPTED, /* a signal came */
    GATE_REMOVED      /* the server goes down */
};

/* Waits for the draw, `timeout_ms` milliseconds at most. Called by handlers, without the lock. */
enum gate_answer gate_wait(int id, uint64_t timeout_ms);

/* The values of both semaphores, and how many processes wait at the gate, as ipcs shows them. */
struct gate_counts {
    uint32_t missing, waiting, handlers;
};

/* Reads them. False, with errno, when the set is gone or not to be read. Any process may call. */
bool gate_read(int id, struct gate_counts *counts);

#endif
