/*
 * crew.h - the storer's threads: one leads, the others sync.
 *
 * Why it exists: on a disk that is far away, a sync takes longer than everything else that the
 * storer does, and the disk takes several at once.
 *
 * All threads do the same (leader and followers). The one that has the lead uses the storage, sleeps
 * at the storer's semaphore, and writes what was appended. Where an overlap pays (overlap.h), it
 * then gives the lead to another thread and syncs, so as many syncs run at once as there are
 * threads. Else it syncs and keeps the lead, and the others sleep. All that is not a flush - DONEs,
 * checkpoints, the end of a draw - is done by whoever leads, in the lead, as if there were one
 * thread.
 *
 * The threads have all signals blocked but the first one, which is the process itself. Used by the
 * storer's process alone. When that dies, all of them do, and flush.h says what the next one finds.
 */
#ifndef SERVER_STORER_CREW_H
#define SERVER_STORER_CREW_H

#include "server/storer/overlap.h"
#include "server/storer/storage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CREW_THREADS = 4 }; /* docs/performance.md has what 1 to 4 give */

/* How the work stands. */
enum crew_work { CREW_GOES_ON, CREW_DRAINED, CREW_FAILED };

struct crew_member {
    struct crew *crew;
    struct disk_file bets; /* bets.csv, by a descriptor of its own (flush.h) */
    /* As a follower, monotonic clock; 0: it does not sync. Set in the lead, and back without. */
    _Atomic int64_t sync_began_ms;
    pthread_t thread; /* of all but the first one */
};

struct crew {
    struct storage *storage; /* used by the leader */
    struct overlap overlap;  /* used by the leader */
    pthread_mutex_t lead;    /* whoever has it leads */
    enum crew_work work;     /* in the lead; leaves CREW_GOES_ON once */
    enum crew_work (*round)(struct crew_member *member);
    struct crew_member members[CREW_THREADS]; /* the first one is the caller of crew_serve */
    size_t count;
};

/*
 * Has all threads work, this one among them: each that leads calls `round` again and again, which
 * returns how the work stands. Returns true when it has drained, false when it has failed; there are
 * no other threads then. The storage has been taken over, and is the caller's again afterwards.
 */
bool crew_serve(struct storage *storage, enum crew_work (*round)(struct crew_member *member));

/*
 * Writes what was appended and makes it durable. While this thread syncs, another one may lead. So
 * nothing that the caller has looked at before is certain afterwards. Called by the leader, who has
 * the lead again when it returns. False, and the log says why, when the storer has to end.
 */
bool crew_flush(struct crew_member *member);

/* True while a sync has been running for longer than `ms` milliseconds. Called by the leader. */
bool crew_is_stuck(const struct crew *crew, int64_t ms);

#endif
