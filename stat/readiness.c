/*
 * readiness.c - see readiness.h. Each function checks one condition; the first that fails decides.
 */
#include "stat/readiness.h"

#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "store/lock_holders.h"

#include <inttypes.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

#define LOOK(atomic) atomic_load_explicit(&(atomic), memory_order_relaxed)

static bool check_phase(const struct shared *shared, struct failure *reason)
{
    int pid = (int)shared->identity.supervisor_pid;
    if (LOOK(shared->lifecycle.halted) != 0) {
        return failure_set(reason, "the server can't go on and is ending: pid %d, its log says why",
                           pid);
    }
    return atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire) == SHARED_READY ||
           failure_set(reason, "the server is stopping: pid %d", pid);
}

/*
 * A supervisor that was killed listens no more, while its children finish what they have and hold its
 * lock. It has taken that of the segment. Where that can't be seen, its beats end.
 */
static bool check_supervisor(const struct segment *segment, struct failure *reason)
{
    return !lock_holders_taker_has_ended(segment->device, segment->inode) ||
           failure_set(reason,
                       "the supervisor, pid %d, has died, and its children are about to end",
                       (int)segment->shared->identity.supervisor_pid);
}

static bool check_beat(const _Atomic int64_t *beat_at_ms, const char *who, int pid, const char *why,
                       struct failure *reason)
{
    int64_t age_ms = heartbeat_age_ms(beat_at_ms);
    if (age_ms < 0) {
        return failure_set(reason, "the %s, pid %d, has not begun yet", who, pid);
    }
    return age_ms < HEARTBEAT_LATE_MS ||
           failure_set(reason, "the %s, pid %d, has shown no life for %" PRId64 " s: %s", who, pid,
                       age_ms / MS_PER_SECOND, why);
}

static bool check_storer(const struct shared_storer *storer, struct failure *reason)
{
    int pid = LOOK(storer->pid);
    int error = LOOK(storer->retry_errno);
    if (pid == 0) {
        return failure_set(reason, "there is no storer: one that died is being replaced");
    }
    if (error != 0) {
        return failure_set(reason,
                           "nothing is acknowledged: the storer waits for room on the disk (%s)",
                           strerror(error));
    }
    return check_beat(&storer->beat_at_ms, "storer", pid,
                      "it waits for the disk, holds a long draw, or is stopped", reason);
}

static bool check_room(const struct shared *shared, struct failure *reason)
{
    uint64_t open = LOOK(shared->supervisor.connections_open);
    uint64_t limit = shared->identity.connection_limit;
    return open < limit || failure_set(reason,
                                       "all of limits.max_connections are open (%" PRIu64
                                       "): another one has to wait until one of them ends",
                                       limit);
}

static bool check_gate(const struct shared *shared, struct failure *reason)
{
    struct gate_counts counts;
    return gate_read(shared->identity.gate_id, &counts) ||
           failure_set_errno(reason,
                             "the semaphore set (semid %d) can't be read; where it has been "
                             "removed, the server is about to end",
                             (int)shared->identity.gate_id);
}

bool readiness_judge(const struct segment *segment, struct failure *reason)
{
    const struct shared *shared = segment->shared;
    return check_phase(shared, reason) && check_supervisor(segment, reason) &&
           check_beat(&shared->supervisor.beat_at_ms, "supervisor",
                      (int)shared->identity.supervisor_pid, "it is stopped, or dead", reason) &&
           check_storer(&shared->storer, reason) && check_room(shared, reason) &&
           check_gate(shared, reason);
}
