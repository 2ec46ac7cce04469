/*
 * segment.h - makes, attaches to and removes the shared memory.
 *
 * The segment belongs to one data directory. Its name is /lottery-KEY; the
 * semaphore set of the gate has the same key in `ipcs -s`. The first choice of a
 * key is a hash of the directory's device and inode; where a stranger has that name
 * or set already, the next number is taken. The key that was taken is
 * remembered in the data directory. So whoever may read there finds both, also those
 * that a killed server left behind.
 *
 * Every process of a server holds a flock(2) on the segment, inherited, so that
 * a living one is told from what a dead one left.
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
    SEGMENT_KEY_TRIES = 16 /* keys that are tried, and looked at, from the first choice on */
};

#define SEGMENT_NO_OWNER ((uid_t)-1)

/* One process's view of the segment; inherited over fork at the same addresses. */
struct segment {
    struct shared *shared;
    struct agency *agencies;
    struct slot *slots;
    char *data;       /* the ring's bytes, twice in a row; NULL in a read-only view */
    size_t map_bytes; /* of the whole reservation */
    bool huge_pages;  /* the maker's alone: whether they could be had */
    int descriptor; /* the maker's and its children's, locked while anybody has it or a mapping; or
                       * -1 */
    uint64_t device, inode; /* of the segment itself */
    uid_t owner;            /* the user whose segment it is; SEGMENT_NO_OWNER: not known */
    char name[SEGMENT_NAME_BYTES];
};

/* What the segment has to hold. */
struct segment_plan {
    uint64_t directory_device, directory_inode;
    uint64_t ring_bytes; /* a multiple of the page size; of 2 MiB, to be had in huge pages */
    uint32_t agency_limit;
    uint32_t agencies_expected;
    uint32_t slot_capacity; /* at most SHARED_SLOTS_MAX */
    uint32_t key;           /* of its name; 0: segment_key of the directory */
    bool key_remembered;    /* a server of this directory had this key: what stands there is ours */
};

/* The key of a data directory; never 0 (which is IPC_PRIVATE). */
uint32_t segment_key(uint64_t directory_device, uint64_t directory_inode);

/* The key to be tried after this one; never 0. */
uint32_t segment_next_key(uint32_t key);

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

/* Lets a group read it: mode 0640. Called by the supervisor before publication. */
bool segment_open_to_group(const struct segment *segment, gid_t group, struct failure *failure);

/*
 * True while the segment stands under its name. Else `failure` says what there is instead.
 * Looks and does not wait. Called by the supervisor.
 */
bool segment_is_in_place(const struct segment *segment, struct failure *failure);

/*
 * Says on which TCP port the server listens, 1 to 65535, for lottery-stat. Called by the
 * supervisor, before it publishes SHARED_READY: who sees that phase sees the port.
 */
void segment_set_port(const struct segment *segment, uint32_t port);

/* Tells the world that the segment's identity is complete. Called by the supervisor. */
void segment_publish(struct segment *segment, enum shared_phase phase);

/*
 * Unmaps the segment and gives its lock up; and segment_remove takes its name away as
 * well (supervisor), where that still is this segment's.
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
 * Maps an existing segment read-only, without the ring's bytes. Whatever the
 * answer is but SEGMENT_ATTACHED, `failure` describes it, with both values
 * where two differ; segment->owner is set wherever there is one: a name can be guessed, and
 * the caller has to know whose it is. Called by lottery-stat.
 */
enum segment_answer segment_attach(uint32_t key, struct segment *segment, struct failure *failure);

#endif
