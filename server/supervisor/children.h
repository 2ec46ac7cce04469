/*
 * children.h - whose child has ended, and what is done about it.
 *
 * Why it exists: each process of the server is a child of one process, which has to tell them apart when
 * they end: their obituaries differ, and so does what has to be replaced.
 *
 * What it promises: every child is reaped, with an obituary in the log and a count in the shared memory; a
 * handler's slot is given back. Only children_await_end waits.
 *
 * Called by the supervisor alone.
 */
#ifndef SERVER_SUPERVISOR_CHILDREN_H
#define SERVER_SUPERVISOR_CHILDREN_H

#include "server/supervisor/supervisor_state.h"

/* Buries all children that have ended; replaces nobody. */
void children_reap(struct supervisor *supervisor);

/* Waits a moment for a child to end, and buries those that have; replaces nobody. */
void children_await_end(struct supervisor *supervisor);

/* Reaps where a child has ended, and replaces a storer, a keyholder or a shipper that has died. */
void children_look_after(struct supervisor *supervisor);

/*
 * Takes back the handlers whose connections have ended and that may serve another one
 * (limits.connections_per_handler).
 */
void children_take_returned(struct supervisor *supervisor);

#endif
