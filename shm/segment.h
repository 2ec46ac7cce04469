/*
 * segment.h - makes, attaches to and removes the shared memory.
 *
 * The segment belongs to one data directory, and its name tells which:
 * /lottery-KEY, where KEY is a hash of the directory's device and inode; the
 * semaphore set of the gate has the same key in `ipcs -s`. So whoever knows
 * the directory finds both, also those that a killed server left behind.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include "lib/failure.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGMENT_NAME_BYTES = 32 };

/* One process's view of the segment; inherited over fork at the same addresses. */
struct segment {
    struct shared *shared;
    struct agency *agencies;
    struct slot *slots;
    char *data;       /* the ring's bytes, twice in a row; NULL in a read-only view */
    size_t map_bytes; /* of the whole reservation */
    bool huge_pages;  /* the maker's alone: whether they could be had */
    char name[SEGMENT_NAME_BYTES];
};

/* What the segment has to hold. */
struct segment_plan {
    uint64_t directory_device, directory_inode;
    uint64_t ring_bytes; /* a multiple of the page size; of 2 MiB, to be had in huge pages */
    uint32_t agency_limit;
    uint32_t agencies_expected;
    uint32_t slot_capacity; /* at most SHARED_SLOTS_MAX */
};

/* The key of a data directory; never 0 (which is IPC_PRIVATE). */
uint32_t segment_key(uint64_t directory_device, uint64_t directory_inode);

/*
 * Makes and maps the segment, all of its pages allocated (a full /dev/shm is
 * an error here and not a SIGBUS later), its mutex and semaphores initialised,
 * its phase SHARED_NOT_READY. A segment of the same directory that is there
 * already is a dead server's and is replaced: the caller holds the
 * directory's lock. Called by the supervisor.
 */
bool segment_create(const struct segment_plan *plan, struct segment *segment,
                    struct failure *failure);

/* Tells the world that the segment's identity is complete. Called by the supervisor. */
void segment_publish(struct segment *segment, enum shared_phase phase);

/* Unmaps the segment; and segment_remove takes its name away as well (supervisor). */
void segment_unmap(struct segment *segment);
void segment_remove(struct segment *segment);

enum segment_answer {
    SEGMENT_ATTACHED,
    SEGMENT_ABSENT,       /* no such segment */
    SEGMENT_STARTING,     /* there, but not published yet */
    SEGMENT_OTHER_VERSION /* another layout, or another compiler's */
};

/*
 * Maps an existing segment read-only, without the ring's bytes. Whatever the
 * answer is but SEGMENT_ATTACHED, `failure` describes it, with both values
 * where two differ. Called by lottery-stat.
 */
enum segment_answer segment_attach(uint32_t key, struct segment *segment, struct failure *failure);

#endif
