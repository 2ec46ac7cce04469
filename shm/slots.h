/*
 * slots.h - one slot a connection: who serves it, what it does, how it is woken.
 *
 * The supervisor gives slots out and takes them back. The handler that has a slot writes there
 * what it does. The storer posts its semaphore. Only the handler waits at that semaphore, and
 * it is made empty each time the slot is given out, so what a killed handler left in it has
 * no effect on the next one.
 */
#ifndef SHM_SLOTS_H
#define SHM_SLOTS_H

#include "shm/layout.h"

#include <stdbool.h>

struct segment;

/*
 * Sets the free slot `index` up for a connection from `peer` (text, cut at SHARED_PEER_BYTES - 1):
 * counters at zero, no waiter's bit set, an empty semaphore. Called by the supervisor before
 * it forks the handler.
 */
void slot_set_up(const struct segment *segment, uint32_t index, const char *peer);

/*
 * Marks the slot as free. Called by the supervisor after it has reaped the handler, and by
 * segment_create.
 */
void slot_release(struct slot *slot);

/*
 * Notes that the connection has said who it is. Nothing changes where it was evicted before that:
 * its handler ends. Called by that handler, for the first valid message of an allowed agency.
 */
void slot_identify(struct slot *slot);

/*
 * Takes the place of a connection that has not said who it is; the caller then sends SIGTERM to its
 * handler. False, and nothing changes, where it has said so. Called by the supervisor.
 */
bool slot_evict(struct slot *slot);

/* True when the connection has said who it is. Any process may call. */
bool slot_is_identified(const struct slot *slot);

/*
 * Copies the peer of a slot, terminated, and sets *version to the slot's version. Returns
 * false when the slot was being given to another connection, or was, during the copy. A
 * caller that reads more of the slot asks slot_is_unchanged at the end, with that version:
 * true says that all of it belongs to one connection. Any process may call.
 */
bool slot_read_peer(const struct slot *slot, uint32_t *version, char peer[SHARED_PEER_BYTES]);
bool slot_is_unchanged(const struct slot *slot, uint32_t version);

/*
 * Notes what the slot's handler does from now on, and since when. Called by that handler, and
 * by the supervisor for a slot without one.
 */
void slot_set_activity(struct slot *slot, enum slot_activity activity);

/* Returns the activity in words, "waiting for commit" for example. Any process may call. */
const char *slot_activity_name(enum slot_activity activity);

#endif
