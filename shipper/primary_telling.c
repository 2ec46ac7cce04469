/*
 * primary_telling.c - what a primary's shipper tells of itself: to the segment, which lottery-stat reads, to
 * the log, and to the standbys by its heartbeats. See primary.h.
 */
#include "shipper/primary.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TELL_AFTER_MS = 1000 }; /* an append that waits for longer is told of */

void primary_set_state(struct primary *primary, enum shipper_state state)
{
    atomic_store(&primary->shared->state, (uint32_t)state);
}

void primary_tell_error(struct primary *primary, const char *text)
{
    replica_tell(&primary->segment, primary->shared->error, sizeof primary->shared->error, text);
    atomic_store_explicit(&primary->shared->error_at_ms, clock_wall_ms(), memory_order_relaxed);
}

void primary_tell_connection(struct primary *primary)
{
    struct engine_state state;
    char text[SHARED_ENGINE_BYTES];
    engine_describe(primary->engine, &state);
    (void)snprintf(text, sizeof text, "%.100s%s%.20s", state.server,
                   state.version[0] == '\0' ? "" : " ", state.version);
    atomic_store(&primary->shared->connected, state.connected ? 1 : 0);
    atomic_store_explicit(&primary->shared->reconnects, state.reconnects, memory_order_relaxed);
    if (strcmp(text, primary->shared->engine) != 0) {
        replica_tell(&primary->segment, primary->shared->engine, sizeof primary->shared->engine,
                     text);
    }
}

/* 0: this shipper has not claimed the log, or has lost it. */
static uint64_t claimed_epoch(const struct primary *primary)
{
    return primary->has_claimed ? primary->shipment.log.epoch : 0;
}

void primary_note_beat(struct primary *primary)
{
    const struct log_state *log = &primary->shipment.log;
    beat_note(&primary->beat, claimed_epoch(primary), log->bets_end, log->done_end);
}

/* Adds what has happened since the last call. The counters are the segment's, of all its shippers. */
void primary_tell_counts(struct primary *primary)
{
    const struct shipment_counts *now = &primary->shipment.counts;
    const struct shipment_counts *told = &primary->told;
    struct shared_shipper *shared = primary->shared;
    atomic_fetch_add(&shared->bytes, now->bytes - told->bytes);
    atomic_fetch_add(&shared->appends, now->appends - told->appends);
    atomic_fetch_add(&shared->refused, now->refused - told->refused);
    atomic_fetch_add(&shared->unknown, now->unknown - told->unknown);
    atomic_fetch_add(&shared->append_total_ns, now->total_ns - told->total_ns);
    atomic_store(&shared->append_last_ns, now->last_ns);
    if (now->worst_ns > atomic_load(&shared->append_worst_ns)) {
        atomic_store(&shared->append_worst_ns, now->worst_ns);
    }
    atomic_store(&shared->epoch, claimed_epoch(primary));
    atomic_store(&shared->sequence, primary->shipment.log.sequence);
    primary->told = *now;
    primary_note_beat(primary);
}

/* The engine does not answer. Says so once, when that has lasted a while. */
void primary_note_waiting(struct primary *primary, const struct failure *failure)
{
    int64_t now_ms = clock_monotonic_ms();
    primary_tell_error(primary, failure->text);
    primary_tell_connection(primary);
    if (primary->waits_since_ms == 0) {
        primary->waits_since_ms = now_ms;
    }
    primary_set_state(primary, atomic_load(&primary->shared->connected) == 0 ? SHIPPER_CONNECTING
                               : primary->has_claimed                        ? SHIPPER_WAITING
                                                                             : SHIPPER_CLAIMING);
    if (!primary->has_told_waiting && now_ms - primary->waits_since_ms >= TELL_AFTER_MS) {
        primary->has_told_waiting = true;
        log_warning(LOG_ENGINE_AWAY,
                    "result: in_progress | error: %s"
                    " | waiting: for the engine; what it does not have yet waits on the disk",
                    failure->text);
    }
}

void primary_note_answer(struct primary *primary)
{
    if (primary->has_told_waiting) {
        log_info(LOG_ENGINE_BACK,
                 "result: success | reason: the engine answers again | after_ms: %" PRId64,
                 clock_monotonic_ms() - primary->waits_since_ms);
    }
    primary->waits_since_ms = 0;
    primary->has_told_waiting = false;
    primary_set_state(primary, primary->has_claimed ? SHIPPER_SHIPPING : SHIPPER_CLAIMING);
}

/* The engine had acknowledged more than it has: it has lost it, and gets it once more. */
void primary_tell_lost(const struct primary *primary, const char *how)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    log_critical(LOG_ENGINE_LOST_BETS,
                 "result: fail | error: the engine has lost what it had acknowledged: %s"
                 " | acknowledged: %" PRIu64 " | it_has: %" PRIu64
                 " | reason: does every node of it run with sync_interval: always?"
                 " It gets the bets once more from " DATA_BETS_FILE,
                 how, atomic_load(&positions->replicated), primary->shipment.log.bets_end);
}
