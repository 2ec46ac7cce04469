/*
 * ownership.h - whether what the server owns is still there, under its names.
 *
 * Why it exists: files and shared memory that somebody has removed or replaced stay usable for the
 * processes that have them open. A server that went on with them would acknowledge bets into files
 * that nobody can find, or would turn away every new connection, without an error.
 *
 * What it promises: within a second the supervisor knows, says in one line of the log
 * what was there, what is there now, what has probably done it and what to do, and
 * the server ends with status 1. Where it is the files, nothing is acknowledged from
 * then on; where it is shared memory or semaphores, whoever is connected is answered first.
 *
 * Called by the supervisor alone. No call in here waits for a disk or a lock.
 */
#ifndef SERVER_SUPERVISOR_OWNERSHIP_H
#define SERVER_SUPERVISOR_OWNERSHIP_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

enum { OWNERSHIP_FILES = 5 };

/* A file under its name, as it was last seen. */
struct ownership_file {
    bool seen; /* it has been there */
    uint64_t device, inode;
};

enum ownership_state {
    OWNERSHIP_HELD,
    OWNERSHIP_LOST /* something has gone: the server can't go on */
};

struct ownership {
    struct heritage *heritage;
    struct ownership_file files[OWNERSHIP_FILES];
    int64_t looked_at_ms; /* monotonic clock */
    enum ownership_state state;
};

/*
 * Notes what is there now: once recovery is over and the storer has its files open.
 * From then on a file that is replaced under its name by a rename of somebody else is lost.
 */
void ownership_begin(struct ownership *ownership, struct heritage *heritage);

/*
 * Looks, if it is time, and stores the supervisor's heartbeat. False when something is
 * lost, for ever then; the log says what. Where it is a file or the directory all
 * waiting for the disk has been ended (wait_halt), so that nothing more is acknowledged.
 */
bool ownership_holds(struct ownership *ownership);

/* Milliseconds until ownership_holds has to be called again. */
int64_t ownership_patience_ms(const struct ownership *ownership);

#endif
