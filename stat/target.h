/*
 * target.h - finds the server that lottery-stat is asked about.
 *
 * A server belongs to a data directory. Control in that directory names the key of the shared
 * memory (segment.h). Every process of the server holds a lock there, so a free lock means
 * that there is no server, even if a killed one has left shared memory.
 *
 * Called by lottery-stat, which only reads. It looks at the lock by taking it, shared, and
 * giving it back at once; a server that starts at that moment tries again.
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
 * Attaches to the server of this data directory. After TARGET_FOUND the caller ends *segment
 * with segment_unmap. Any other answer leaves no segment, and `failure` says what was found.
 */
enum target_answer target_attach(const char *directory, struct segment *segment,
                                 struct failure *failure);

#endif
