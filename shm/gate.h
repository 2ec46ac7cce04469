/*
 * gate.h - what winner look-ups wait at until the draw, and what `ipcs` shows.
 *
 * A System V semaphore set (POSIX XSI; semop(2), semctl(2)), because `ipcs` shows no
 * others. It is the server's user's alone (0600), or data.group may read it (0640).
 * `ipcs -s -i ID` lists:
 *
 *     semnum 0, the gate:      value = agencies still missing; 0 means drawn
 *                              zcount = look-ups that wait
 *     semnum 1, the handlers:  value = live connections, exact under SIGKILL
 *                              (SEM_UNDO)
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

/* Lets a group read the set: mode 0640. Called by the supervisor before others need it. */
bool gate_open_to_group(int id, gid_t group, struct failure *failure);

/* True when a user's set of our shape stands under this key, and may be looked at. Any process. */
bool gate_exists(uint32_t key, uid_t owner);

/* True while the set stands under its key; else `failure` says so. Called by the supervisor. */
bool gate_is_in_place(int id, uint32_t key, struct failure *failure);

/* Removes the set, which wakes every waiter. Called by the supervisor. */
void gate_remove(int id);

/* Says how many agencies are missing; 0 lets everybody through. Called by the storer. */
void gate_set_missing(int id, uint32_t missing);

/* Counts this process as a live connection, until it ends, however it ends. Called by handlers. */
bool gate_enter(int id, struct failure *failure);

enum gate_answer {
    GATE_OPEN,
    GATE_CLOSED,      /* the time is up */
    GATE_INTERRUPTED, /* a signal came */
    GATE_REMOVED      /* the server goes down */
};

/* Waits at most `timeout_ms` for the draw. Called by handlers, without any lock. */
enum gate_answer gate_wait(int id, uint64_t timeout_ms);

/* What ipcs would show; false when the set is gone. Any process may call. */
struct gate_counts {
    uint32_t missing, waiting, handlers;
};
bool gate_read(int id, struct gate_counts *counts);

#endif
