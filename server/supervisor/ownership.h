/*
 * ownership.h - whether what the server owns is still there, under its names.
 *
 * Why it exists: files and shared memory that somebody has removed or replaced stay usable for the
 * processes that have them open. A server that went on with them would acknowledge bets into files
 * that nobody can find, or would turn away every new connection, without an error.
 *
 * What it promises: the supervisor knows of a loss within a second. One line of the log says what
 * was there, what is there now, what has probably done it, and what to do. Then the server ends
 * with status 1. If a file is lost, nothing is acknowledged from then on. If shared memory or
 * semaphores are lost, whoever is connected is answered first.
 *
 * Called by the supervisor alone. No call in here waits for a disk or a lock. If the supervisor
 * dies, nobody looks any more, and its children end.
 */
#ifndef SERVER_SUPERVISOR_OWNERSHIP_H
#define SERVER_SUPERVISOR_OWNERSHIP_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

enum { OWNERSHIP_FILES = 7 };

/* A file under its name, as it was last seen. */
struct ownership_file {
    bool seen; /* it has been there */
    uint64_t device, inode;
};

enum ownership_state {
    OWNERSHIP_HELD,
    OWNERSHIP_LOST /* something is gone, and the server can't go on */
};

struct ownership {
    struct heritage *heritage;
    struct ownership_file files[OWNERSHIP_FILES];
    int64_t looked_at_ms; /* monotonic clock */
    enum ownership_state state;
};

/*
 * Notes what is there now. Called after recovery, when the storer has its files open. From then on
 * a file is lost when somebody else replaces it under its name.
 */
void ownership_begin(struct ownership *ownership, struct heritage *heritage);

/*
 * Looks, if it is time, and stores the supervisor's heartbeat. Returns false for ever once
 * something is lost, and the log says what. If that is a file or the directory, all waiting for the
 * disk has been ended (wait_halt), so nothing more is acknowledged.
 */
bool ownership_holds(struct ownership *ownership);

/* Milliseconds until ownership_holds has to be called again. */
int64_t ownership_patience_ms(const struct ownership *ownership);

#endif
