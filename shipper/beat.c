/*
 * beat.c - see beat.h.
 */
#include "shipper/beat.h"

#include "engine/record.h"
#include "lib/clock.h"
#include "lib/thread.h"
#include "shm/heartbeat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    WORK_LATE_MS =
        15000, /* one call of the engine takes less, and between two there is a beat_note */
    TEXT_BYTES = 256
};

static bool is_fresh(const _Atomic int64_t *beat_at_ms)
{
    int64_t age_ms = heartbeat_age_ms(beat_at_ms);
    return age_ms >= 0 && age_ms < HEARTBEAT_LATE_MS;
}

static bool lives(const struct beat *beat)
{
    const struct shared *shared = beat->segment->shared;
    return atomic_load(&beat->epoch) != 0 &&
           clock_monotonic_ms() - atomic_load(&beat->worked_at_ms) < WORK_LATE_MS &&
           is_fresh(&shared->supervisor.beat_at_ms) &&
           (is_fresh(&shared->storer.beat_at_ms) || atomic_load(&shared->shipper.opening) != 0);
}

static void tell(const struct beat *beat)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%" PRIu64 " %s %" PRIu64 " %" PRIu64,
                   atomic_load(&beat->epoch), beat->node, atomic_load(&beat->bets_end),
                   atomic_load(&beat->done_end));
    engine_tell(beat->engine, beat->subject, text);
}

/* False when the beats are to end. */
static bool sleep_once(struct beat *beat)
{
    struct timespec deadline = clock_deadline(BEAT_EVERY_MS);
    int result = 0;
    do {
        result = sem_clockwait(&beat->stop, CLOCK_MONOTONIC, &deadline);
    } while (result != 0 && errno == EINTR);
    return result != 0;
}

static void *run(void *context)
{
    struct beat *beat = context;
    do {
        heartbeat_beat(&beat->segment->shared->shipper.beat_at_ms);
        if (lives(beat)) {
            tell(beat);
        }
    } while (sleep_once(beat));
    return NULL;
}

bool beat_start(struct beat *beat, struct engine *engine, const struct segment *segment,
                const char *centre, const char *node, struct failure *failure)
{
    beat->engine = engine;
    beat->segment = segment;
    beat->node = node;
    atomic_store(&beat->epoch, 0);
    record_write_alive(beat->subject, centre);
    if (sem_init(&beat->stop, 0, 0) != 0) {
        return failure_set_errno(failure, "initialise a semaphore");
    }
    int error = thread_start(&beat->thread, run, beat);
    if (error != 0) {
        errno = error;
        (void)sem_destroy(&beat->stop);
        return failure_set_errno(failure, "start the thread of the heartbeats");
    }
    return true;
}

void beat_note(struct beat *beat, uint64_t epoch, uint64_t bets_end, uint64_t done_end)
{
    atomic_store(&beat->worked_at_ms, clock_monotonic_ms());
    atomic_store(&beat->bets_end, bets_end);
    atomic_store(&beat->done_end, done_end);
    atomic_store(&beat->epoch, epoch);
}

void beat_stop(struct beat *beat)
{
    (void)sem_post(&beat->stop);
    (void)pthread_join(beat->thread, NULL);
    (void)sem_destroy(&beat->stop);
}
