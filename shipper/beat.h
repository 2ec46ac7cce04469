/*
 * beat.h - says that the primary lives, to its standbys and to lottery-stat.
 *
 * Why it exists: a standby takes over when it has heard nothing for replication.takeover_after. An append
 * may wait for seconds, for a new leader of the engine, so the beats come from a thread of their own.
 *
 * What it promises: every BEAT_EVERY_MS a text "epoch node bets_end done_end" on the centre's subject
 * `alive`, as long as this shipper has claimed the log, its work goes on, and supervisor and storer beat,
 * too. A server whose storer hangs in its disk is silent, and is taken over.
 *
 * Of the engine the thread calls engine_tell alone. If the process dies, there are no more beats.
 */
#ifndef SHIPPER_BEAT_H
#define SHIPPER_BEAT_H

#include "engine/engine.h"
#include "lib/failure.h"
#include "shm/segment.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

enum { BEAT_EVERY_MS = 500 };

struct beat {
    struct engine *engine;         /* the shipper's */
    const struct segment *segment; /* the same */
    const char *node;
    char subject[ENGINE_SUBJECT_BYTES];
    pthread_t thread;
    sem_t stop;
    /* Written by the shipper's first thread, read by the beat's; 0: nothing is claimed. */
    _Atomic uint64_t epoch;
    _Atomic uint64_t bets_end, done_end;
    _Atomic int64_t worked_at_ms; /* when it last went on, monotonic clock */
};

/* Writes the subject of the beats, "lottery.north.alive"; called by a standby, too, which listens. */
void beat_write_subject(char subject[ENGINE_SUBJECT_BYTES], const char *centre);

/* Starts the thread. `node` stays the caller's. False with the failure. Signals must be blocked. */
bool beat_start(struct beat *beat, struct engine *engine, const struct segment *segment,
                const char *centre, const char *node, struct failure *failure);

/* Says that the work goes on, and how far it has come. */
void beat_note(struct beat *beat, uint64_t epoch, uint64_t bets_end, uint64_t done_end);

/* Ends the thread. */
void beat_stop(struct beat *beat);

#endif
