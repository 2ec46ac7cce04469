/*
 * slots.h - one slot a connection: who serves it, what it does, how it is woken.
 *
 * The supervisor gives slots out and takes them back; the handler that has one
 * writes what it does there; the storer posts its semaphore. A semaphore has a
 * single waiter and is set up anew each time the slot is given out, so a token
 * that a killed waiter took with it is nobody's loss.
 */
#ifndef SHM_SLOTS_H
#define SHM_SLOTS_H

#include "shm/layout.h"

#include <stdbool.h>

struct segment;

/*
 * Sets a free slot up for a connection from `peer`: counters at zero, no
 * waiter's bit set, an empty semaphore. Called by the supervisor before it forks.
 */
void slot_set_up(const struct segment *segment, uint32_t index, const char *peer);

/* Marks the slot as free. Called by the supervisor once the handler is gone. */
void slot_release(struct slot *slot);

/*
 * Reads the peer of a slot that may be given to another connection meanwhile; false
 * then, and while that is being done. *version is for slot_is_unchanged, which says, at
 * the end, whether all that was read since belongs to this one. Any process may call.
 */
bool slot_read_peer(const struct slot *slot, uint32_t *version, char peer[SHARED_PEER_BYTES]);
bool slot_is_unchanged(const struct slot *slot, uint32_t version);

/* Says what the slot's handler does from now on. Called by that handler. */
void slot_set_activity(struct slot *slot, enum slot_activity activity);

/* The activity in words: "waiting for commit" for example. */
const char *slot_activity_name(enum slot_activity activity);

#endif
