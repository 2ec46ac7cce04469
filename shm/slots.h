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
 * Notes that a balancer forwards the slot's connection: `peer`, whose it is, takes the place of the
 * balancer's address, which moves to `via`. Both texts are cut at SHARED_PEER_BYTES - 1. Called by
 * the slot's handler, once.
 */
void slot_set_forwarded(struct slot *slot, const char *peer);

/*
 * Finds out whether the host of the forwarded connection in slot `index` may have one more
 * connection: counts the slots of the same host, those of other handlers that find it out in the
 * same moment too, and marks this one as admitted where they are at most `per_host_max` (0: no
 * limit). Where several arrive at once, the one with the lowest slot is first, and the others look
 * again, for some 100 ms at most. So there are never more than the limit. Called by the slot's
 * handler after slot_set_forwarded. If it dies, its slot counts until it is released.
 */
bool slot_admit_forwarded(const struct segment *segment, uint32_t index, uint32_t per_host_max);

/*
 * Notes that the connection has said who it is. Nothing changes where it was evicted before that:
 * its handler ends. Called by that handler, for the first valid message of an allowed agency, or
 * for a certificate that names one.
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
 * The handler notes that the first byte has come, where it does not yet take it: who shakes hands is
 * not silent. slot_has_heard: that, or any byte, has come.
 */
void slot_note_first_byte(struct slot *slot);
bool slot_has_heard(const struct slot *slot);

/*
 * Copies the peer of a slot and the balancer before it ("" where there is none), terminated, and
 * sets *version to the slot's version. Returns false when the slot was being given to another
 * connection, or was, during the copy. A caller that reads more of the slot asks slot_is_unchanged
 * at the end, with that version: true says that all of it belongs to one connection. Any process
 * may call.
 */
bool slot_read_peer(const struct slot *slot, uint32_t *version, char peer[SHARED_PEER_BYTES],
                    char via[SHARED_PEER_BYTES]);
bool slot_is_unchanged(const struct slot *slot, uint32_t version);

/*
 * Copies a text of a slot that its writer may be changing; `field` and `text` have room for `bytes`
 * bytes. The copy is terminated. Any process may call.
 */
void slot_copy_text(const char *field, size_t bytes, char *text);

/*
 * Notes what the slot's handler does from now on, and since when. Called by that handler, and
 * by the supervisor for a slot without one.
 */
void slot_set_activity(struct slot *slot, enum slot_activity activity);

/* Returns the activity in words, "waiting for commit" for example. Any process may call. */
const char *slot_activity_name(enum slot_activity activity);

/*
 * Notes that the connection is encrypted, and whose it is. `serial` is "" where the peer has shown
 * no certificate, and then the other two mean nothing. Called by the slot's handler, at most once.
 */
void slot_note_security(struct slot *slot, const char *serial, const char *speaks_for,
                        int64_t expires_at_s);

#endif
