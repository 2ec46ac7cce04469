/*
 * target.h - finds the server that lottery-stat is asked about.
 *
 * A server belongs to a data directory. Control in that directory names the key of the shared
 * memory (segment.h). Every process of the server holds a lock there, so a free lock means
 * that there is no server, even if a killed one has left shared memory.
 *
 * Called by lottery-stat, and by lottery-admin for `status`. They only read. They look at the
 * lock by taking it, shared, and giving it back at once; a server that starts at that moment tries
 * again.
 */
#ifndef STAT_TARGET_H
#define STAT_TARGET_H

#include "lib/failure.h"
#include "shm/segment.h"
#include "stat/snapshot.h"
#include "store/control.h"
#include "store/replication.h"

#include <stdbool.h>

/* The server that was found. */
struct target {
    struct segment segment;
    bool has_control;                     /* false: control can't be read now */
    struct control control;               /* of the data directory */
    struct replication_state replication; /* after TARGET_STANDBY */
    struct snapshot_disk disk;            /* whatever the answer is, but for TARGET_FAILED */
};

enum target_answer {
    TARGET_FOUND,         /* a living server; its phase is SHARED_READY or SHARED_STOPPING */
    TARGET_ABSENT,        /* no server: none was started, or it has gone, or it was killed */
    TARGET_STARTING,      /* a living server that is not ready yet */
    TARGET_STANDBY,       /* a living standby (lottery-server --follow), which serves nobody */
    TARGET_OTHER_VERSION, /* shared memory of another version of the server */
    TARGET_FAILED         /* the data directory can't be looked at */
};

/*
 * Attaches to the server of this data directory. After TARGET_FOUND the caller ends the target
 * with target_leave. Any other answer leaves no segment, and `failure` says what was found.
 */
enum target_answer target_attach(const char *directory, struct target *target,
                                 struct failure *failure);

/* Unmaps the segment. */
void target_leave(struct target *target);

/* Takes a snapshot of the target (snapshot.h). */
bool target_take_snapshot(const struct target *target, struct snapshot *snapshot,
                          struct failure *failure);

#endif
