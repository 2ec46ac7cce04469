/*
 * segment.h - makes, attaches to and removes the shared memory.
 *
 * The segment belongs to one data directory. Its name is /lottery-KEY; the
 * semaphore set of the gate has the same key in `ipcs -s`. The first key that is tried is a
 * hash of the directory's device and inode; if another program or server has that name or
 * set, the next number is tried. The key that was taken is written into the data directory
 * (control), so a process that may read there finds segment and set, also after the server
 * was killed.
 *
 * Every process of a server holds an inherited flock(2) on the segment. So a segment whose
 * lock is free was left by a dead server.
 *
 * Called by the supervisor, and by lottery-stat to attach; children inherit the mapping.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include "lib/failure.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SEGMENT_NAME_BYTES = 32,
    SEGMENT_KEY_TRIES = 16 /* keys that are tried at most, from the first choice on */
};

#define SEGMENT_NO_OWNER ((uid_t)-1)

/* One process's view of the segment; inherited over fork at the same addresses. */
struct segment {
    struct shared *shared;
    struct agency *agencies;
    _Atomic uint64_t *buckets; /* of bets: one an agency, lib/rate_limit.h */
    struct slot *slots;
    char *data;       /* the ring's bytes, twice in a row; NULL in a read-only view */
    size_t map_bytes; /* of the whole reservation */
    bool huge_pages;  /* whether the kernel gave them; set by segment_create only */
    int descriptor;   /* locked; open in the supervisor and its children; -1: in lottery-stat */
    uint64_t device, inode; /* of the segment itself */
    uid_t owner;            /* the user whose segment it is; SEGMENT_NO_OWNER: not known */
    char name[SEGMENT_NAME_BYTES];
};

/* What the segment has to hold. */
struct segment_plan {
    uint64_t directory_device, directory_inode;
    uint64_t ring_bytes;  /* a multiple of the page size; for huge pages, of 2 MiB */
    uint64_t lag_bytes;   /* what the engine may lack; 0: nothing is copied */
    bool acks_are_copied; /* ack_after: replicated */
    uint32_t agency_limit;
    uint32_t agencies_expected;
    const char *version, *commit; /* of the server's programs; NULL: not known */
    uint32_t slot_capacity;       /* at most SHARED_SLOTS_MAX */
    uint32_t connection_limit;    /* 0: slot_capacity */
    uint32_t key;                 /* of its name; 0: segment_key of the directory */
    bool key_remembered; /* control names this key, so a dead segment of that name is ours */
};

/* Returns the first key to try for a data directory; never 0 (IPC_PRIVATE). Any process. */
uint32_t segment_key(uint64_t directory_device, uint64_t directory_inode);

/* Returns the key to try after this one; never 0. Any process may call. */
uint32_t segment_next_key(uint32_t key);

/*
 * True when /dev/shm has room for the segment of this plan, whose directory and key don't matter.
 * Else describes the failure. Called by main, for -t.
 */
bool segment_has_room(const struct segment_plan *plan, struct failure *failure);

/*
 * Makes and maps the segment, all of its pages allocated (a full /dev/shm is
 * an error here and not a SIGBUS later), its mutex and semaphores initialised,
 * its phase SHARED_NOT_READY; mode 0600, whatever the umask is. A segment of the same
 * directory that is there already is replaced, unless a process holds its lock: a
 * living server's is refused, and that server named. Returns false and describes the
 * failure; with errno EEXIST where somebody else has the name (another user, another
 * directory's server, another program), so that another key may do. Called by
 * the supervisor, who holds the directory's lock.
 */
bool segment_create(const struct segment_plan *plan, struct segment *segment,
                    struct failure *failure);

/*
 * Lets a group read the segment: mode 0640. False with the failure. Called by the supervisor
 * before publication.
 */
bool segment_open_to_group(const struct segment *segment, gid_t group, struct failure *failure);

/*
 * True while the segment has its name; else `failure` says whether the name was removed or is
 * another segment's. Does not block. Called by the supervisor.
 */
bool segment_is_in_place(const struct segment *segment, struct failure *failure);

/*
 * Says on which TCP port the server listens, 1 to 65535, for lottery-stat. Called by the
 * supervisor, before it publishes SHARED_READY: who sees that phase sees the port.
 */
void segment_set_port(const struct segment *segment, uint32_t port);

/*
 * Makes the segment known as complete, if it was not yet, and sets its phase. Called by the
 * supervisor, at each change of phase.
 */
void segment_publish(struct segment *segment, enum shared_phase phase);

/*
 * segment_unmap unmaps the segment and closes its descriptor, which gives up this process's
 * share of the lock. segment_remove removes its name before that, if the name is still this
 * segment's. Called by the supervisor; segment_unmap by lottery-stat, too.
 */
void segment_unmap(struct segment *segment);
void segment_remove(struct segment *segment);

enum segment_answer {
    SEGMENT_ATTACHED,
    SEGMENT_ABSENT,       /* no such segment */
    SEGMENT_FORBIDDEN,    /* there, and not for this user to read */
    SEGMENT_STARTING,     /* there, but not published yet */
    SEGMENT_OTHER_VERSION /* another layout, or another compiler's */
};

/*
 * Maps an existing segment read-only, for reading all of it but the ring's bytes. On
 * SEGMENT_ATTACHED the caller ends it with segment_unmap; any other answer is described in
 * `failure`. segment->owner is set where there is a segment: anybody can make one of that
 * name, so the caller has to check whose it is. Called by lottery-stat.
 */
enum segment_answer segment_attach(uint32_t key, struct segment *segment, struct failure *failure);

/*
 * The same for writing, where the segment is this user's. Its slots may be woken, and the shipper's part
 * written; the ring's bytes are not for it (segment->data is NULL). Called by lottery-shipper.
 */
enum segment_answer segment_join(uint32_t key, struct segment *segment, struct failure *failure);

#endif
