/*
 * primary_claims.c - the claims of a primary's shipper: one at its start, by which this node writes the log,
 * and one for each next draw, by which that begins in the log. See primary.h.
 *
 * If the process dies before the claim's answer, the next one finds in the log which of the two it was.
 */
#include "shipper/primary.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shipper/log_note.h"
#include "store/replication.h"

#include <inttypes.h>
#include <string.h>

/* The directory's own note of which bytes its claim covers. */
static bool note_claim(struct primary *primary, struct failure *failure)
{
    struct replication_state state;
    bool synced = true;
    if (!replication_settle(&primary->directory, &state, failure)) {
        return false;
    }
    state.role = REPLICATION_PRIMARY;
    log_note_write(&state, &primary->shipment.log);
    state.connected = true;
    state.written_at_ms = clock_wall_ms();
    state.why[0] = '\0';
    return replication_write(&primary->directory, &state, &synced, failure);
}

/*
 * Where the claim could not be noted, none is made: on a disk that is full each shipper would claim, and end,
 * and the standbys would take each claim for a node that is about to serve.
 */
static bool try_noting(struct primary *primary, struct failure *failure)
{
    struct replication_state state;
    bool synced = true;
    if (!primary->can_note_claims) {
        primary->can_note_claims = replication_settle(&primary->directory, &state, failure) &&
                                   replication_write(&primary->directory, &state, &synced, failure);
    }
    return primary->can_note_claims;
}

/* In which epoch this node has claimed the log, as far as its directory knows; 0: it does not. */
static uint64_t own_epoch(const struct primary *primary)
{
    struct replication_state state;
    struct failure ignored;
    return replication_read(&primary->directory, &state, &ignored) == REPLICATION_READ &&
                   strcmp(state.writer, primary->shipment.node) == 0
               ? state.epoch
               : 0;
}

/* A claim that begins a draw says its control, unless that speaks of bytes which are not in the log yet. */
static bool offer_control(struct primary *primary, struct failure *failure)
{
    struct control control = {.bets_bytes = 0};
    primary->shipment.control = NULL;
    primary->shipment.control_bytes = 0;
    if (!own_files_read_small(&primary->files, &control, failure)) {
        return false;
    }
    const struct own_file *own_control = own_files_control(&primary->files);
    if (own_control != NULL && control.bets_bytes == 0 && control.done_bytes == 0) {
        primary->shipment.control = own_control->bytes;
        primary->shipment.control_bytes = own_control->count;
    }
    return true;
}

enum shipment_end primary_claim(struct primary *primary, struct failure *failure)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    const struct shipment_files files = {.bets_end = atomic_load(&positions->durable),
                                         .done_end = atomic_load(&positions->done_durable),
                                         .read = own_files_read,
                                         .knows = own_files_know,
                                         .find_archived = own_files_find_archived,
                                         .context = &primary->files};
    if (!try_noting(primary, failure) || !offer_control(primary, failure)) {
        return SHIPMENT_FAILED;
    }
    primary_limit_call(primary);
    primary->shipment.own_epoch = own_epoch(primary);
    enum shipment_end end = shipment_claim(&primary->shipment, &files, failure);
    if (end != SHIPMENT_STORED) {
        return end;
    }
    const struct log_state *log = &primary->shipment.log;
    if (!note_claim(primary, failure)) {
        return SHIPMENT_FAILED;
    }
    primary->has_claimed = true;
    primary->has_shipped_files = false; /* whatever the engine has of them */
    own_files_forget_shipped(&primary->files);
    log_info(LOG_CENTRE_LOG_CLAIMED,
             "result: success | claimed: epoch %" PRIu64 " | node: %s | stream: %s"
             " | sequence: %" PRIu64 " | bets_end: %" PRIu64 " | done_end: %" PRIu64,
             log->epoch, log->node, primary->shipment.stream, log->sequence, log->bets_end,
             log->done_end);
    if (log->bets_end < atomic_load(&positions->replicated)) {
        primary_tell_lost(primary, "found at a claim");
    }
    return SHIPMENT_STORED;
}

/* ------------------------------------------------------------ next draw ---- */

static void note_opened(struct primary *primary, const struct control *next)
{
    primary->has_opened = true;
    beat_note(&primary->beat, 0, 0, 0); /* a standby gives whoever has claimed time to start */
    atomic_store(&primary->shared->opened, OPENING_BEGUN);
    log_info(LOG_DRAW_BEGUN_IN_LOG, "result: success | begun: draw %s | lottery: %s | stream: %s",
             next->terms.draw, next->identity, primary->shipment.stream);
}

/* Before a claim: the shipper before this one may have begun the next draw, and died over it. */
enum shipment_end primary_look_for_opened(struct primary *primary, struct failure *failure)
{
    struct control next;
    bool has_begun = false;
    if (!own_files_read_opening(&primary->files, &primary->opening, &next, failure)) {
        return SHIPMENT_FAILED;
    }
    primary_limit_call(primary);
    enum shipment_end end =
        shipment_has_begun(&primary->shipment, next.identity, &has_begun, failure);
    if (end == SHIPMENT_STORED && has_begun) {
        note_opened(primary, &next);
    }
    return end;
}

/* All of this draw is in the log: begins the next one. */
enum shipment_end primary_open_next(struct primary *primary, struct failure *failure)
{
    struct control next;
    if (!own_files_read_opening(&primary->files, &primary->opening, &next, failure)) {
        return SHIPMENT_FAILED;
    }
    primary_limit_call(primary);
    if (atomic_exchange(&primary->shared->opened, OPENING_TRIED) != OPENING_TRIED) {
        log_info(LOG_DRAW_BEGINS_IN_LOG, "result: in_progress | begins: draw %s | lottery: %s",
                 next.terms.draw, next.identity);
    }
    fault_point("shipper.opening");
    enum shipment_end end =
        shipment_begin_next(&primary->shipment, &primary->beginning, next.identity,
                            primary->opening.bytes, primary->opening.count, failure);
    if (end == SHIPMENT_STORED) {
        fault_point("shipper.opened");
        note_opened(primary, &next);
    }
    return end;
}
