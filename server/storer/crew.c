/*
 * crew.c - see crew.h.
 */
#include "server/storer/crew.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/thread.h"
#include "server/storer/flush.h"
#include "shm/heartbeat.h"
#include "shm/waiting.h"

#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ work ---- */

static void lead(struct crew *crew)
{
    int error = pthread_mutex_lock(&crew->lead);
    invariant(error == 0, "pthread_mutex_lock: %s", strerror(error));
}

static void follow(struct crew *crew)
{
    int error = pthread_mutex_unlock(&crew->lead);
    invariant(error == 0, "pthread_mutex_unlock: %s", strerror(error));
}

static void work(struct crew_member *member)
{
    struct crew *crew = member->crew;
    lead(crew);
    while (crew->work == CREW_GOES_ON) {
        enum crew_work stands = crew->round(member);
        crew->work = crew->work == CREW_GOES_ON ? stands : crew->work;
    }
    follow(crew);
}

/* True while another thread syncs. */
static bool is_syncing(const struct crew *crew)
{
    bool is = false;
    for (size_t i = 0; i < crew->count; i++) {
        is |= atomic_load(&crew->members[i].sync_began_ms) != 0;
    }
    return is;
}

/*
 * Gives the lead away, syncs, and takes the lead again. Another thread may sleep in the lead while
 * this sync fails. It is woken then, and finds that the disk is not trusted any more. It may sleep
 * long after this sync has returned, too: so the end of the sync is noted before the lead is taken.
 * A sync that returns is a sign of life by itself, as those beside it may all be older than what
 * crew_is_stuck is asked for.
 */
static bool sync_as_follower(struct crew_member *member, uint64_t *sync_ns)
{
    struct crew *crew = member->crew;
    const struct storage *storage = crew->storage;
    if (is_syncing(crew)) {
        atomic_fetch_add_explicit(&storage->disk->segment->shared->storer.syncs_overlapped, 1,
                                  memory_order_relaxed);
    }
    atomic_store(&member->sync_began_ms, clock_monotonic_ms());
    follow(crew);
    bool is_synced = flush_sync(storage, &member->bets, sync_ns);
    if (is_synced) {
        heartbeat_beat(&storage->disk->segment->shared->storer.beat_at_ms);
    } else {
        wake_storer(storage->disk->segment);
    }
    atomic_store(&member->sync_began_ms, 0);
    lead(crew);
    return is_synced && crew->work == CREW_GOES_ON;
}

bool crew_flush(struct crew_member *member)
{
    struct crew *crew = member->crew;
    uint64_t bytes = 0;
    uint64_t sync_ns = 0;
    if (!storage_has_begun(crew->storage)) {
        return flush_appended(crew->storage);
    }
    if (!flush_write(crew->storage, &bytes)) {
        return false;
    }
    bool is_synced = overlap_pays(&crew->overlap)
                         ? sync_as_follower(member, &sync_ns)
                         : flush_sync(crew->storage, &member->bets, &sync_ns);
    overlap_note(&crew->overlap, sync_ns, bytes);
    return is_synced;
}

bool crew_is_stuck(const struct crew *crew, int64_t ms)
{
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < crew->count; i++) {
        int64_t began_ms = atomic_load(&crew->members[i].sync_began_ms);
        if (began_ms != 0 && now_ms - began_ms > ms) {
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------- threads ---- */

static void *live(void *context)
{
    work(context);
    return NULL;
}

/* Opens what a thread syncs by. False, and the log says why, when that can't be had. */
static bool equip(struct crew *crew, struct crew_member *member)
{
    struct failure failure;
    *member = (struct crew_member){.crew = crew};
    if (storage_open_bets(crew->storage, &member->bets, &failure)) {
        return true;
    }
    log_warning(LOG_STORER_THREADS_FEWER, "result: fail | error: %s", failure.text);
    return false;
}

/* Adds one thread. False, and the log says why, when it can't be had. */
static bool engage(struct crew *crew)
{
    struct crew_member *member = &crew->members[crew->count];
    if (!equip(crew, member)) {
        return false;
    }
    int error = thread_start(&member->thread, live, member);
    if (error != 0) {
        log_warning(LOG_STORER_THREADS_FEWER, "result: fail | error: start a thread: %s",
                    strerror(error));
        (void)close(member->bets.descriptor);
        return false;
    }
    crew->count++;
    return true;
}

static void dismiss_all(struct crew *crew)
{
    for (size_t i = 1; i < crew->count; i++) {
        (void)pthread_join(crew->members[i].thread, NULL);
        (void)close(crew->members[i].bets.descriptor);
    }
}

/* The first member has the lead while the others are engaged: none sees a part of the crew. */
bool crew_serve(struct storage *storage, enum crew_work (*round)(struct crew_member *member))
{
    struct crew crew = {.storage = storage, .round = round, .count = 1};
    struct crew_member *first = &crew.members[0];
    bool is_equipped = equip(&crew, first);
    int error = pthread_mutex_init(&crew.lead, NULL);
    invariant(error == 0, "pthread_mutex_init: %s", strerror(error));
    lead(&crew);
    if (is_equipped) {
        while (crew.count < CREW_THREADS && engage(&crew)) {
        } /* a crew of fewer threads does the same, more slowly */
    } else {
        first->bets = storage->bets; /* which nobody else syncs by, as it is alone */
    }
    follow(&crew);
    work(first);
    dismiss_all(&crew);
    if (is_equipped) {
        (void)close(first->bets.descriptor);
    }
    pthread_mutex_destroy(&crew.lead);
    return crew.work == CREW_DRAINED;
}
