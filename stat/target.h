/*
 * target.h - finds the server that lottery-stat is asked about.
 *
 * A server belongs to a data directory: its device and inode name the shared
 * memory (segment.h), and a lock in it, held by every process of the server,
 * tells whether there is one. A killed server leaves shared memory behind
 * but no lock, so that the lock is what is asked.
 *
 * Reads only; the lock is looked at by taking it, shared, and giving it back
 * at once, which a server that starts in this very moment waits out.
 */
#ifndef STAT_TARGET_H
#define STAT_TARGET_H

#include "lib/failure.h"
#include "shm/segment.h"

enum target_answer {
    TARGET_FOUND,         /* a living server; its phase is SHARED_READY or SHARED_STOPPING */
    TARGET_ABSENT,        /* no server: none was started, or it has gone, or it was killed */
    TARGET_STARTING,      /* a living server that is not ready yet */
    TARGET_OTHER_VERSION, /* shared memory of another version of the server */
    TARGET_FAILED         /* the data directory can't be looked at */
};

/*
 * Attaches to the server of this data directory. On TARGET_FOUND the segment
 * is the caller's, who ends it with segment_unmap; on any other answer there
 * is none and `failure` says what was found instead.
 */
enum target_answer target_attach(const char *directory, struct segment *segment,
                                 struct failure *failure);

#endif
