/*
 * heritage.h - what crosses fork: everything that a child of the supervisor inherits.
 *
 * The supervisor opens it before there are children, and closes it in the reverse order at the
 * end. A child only reads it.
 */
#ifndef SERVER_HERITAGE_H
#define SERVER_HERITAGE_H

#include "lib/failure.h"
#include "server/listener.h"
#include "server/server_config.h"
#include "shm/segment.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <sys/types.h>

struct heritage {
    struct server_config config;
    struct data_directory directory; /* with the lock, which lives as long as any of us */
    struct segment segment;          /* mapped; the append lock and the semaphores in it */
    int gate_id;                     /* System V semaphore set; -1: none */
    struct listeners listeners;      /* children close them */
    pid_t supervisor_pid;
};

/*
 * Opens all of it by heritage->config, which is set already; the segment is
 * published as starting. Returns false, describes the failure, and leaves nothing
 * open. Called by the supervisor.
 */
bool heritage_open(struct heritage *heritage, struct failure *failure);

/*
 * The position behind which a bet is acknowledged: `durable`, or `written` with ack_after: written.
 * A handler waits for it, and the storer wakes those that wait when it moves. Any process.
 */
const _Atomic uint64_t *heritage_safe_position(const struct heritage *heritage);

/*
 * Removes the shared memory and the semaphore set, and gives the lock up. Called by the supervisor.
 */
void heritage_close(struct heritage *heritage);

/*
 * Removes them in the place of a supervisor that has died. Called by its storer, as the last thing
 * it does, however well it has ended: a handler that still waits is told that it waits in vain. No
 * other server has started meanwhile, for the storer has the directory's lock.
 */
void heritage_clear_up(struct heritage *heritage);

#endif
