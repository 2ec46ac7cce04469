/*
 * log_state.c - see log_state.h.
 */
#include "engine/log_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool fold_claim(struct log_state *state, const struct record *record, uint64_t sequence,
                       struct failure *failure)
{
    const bool same_draw = strcmp(record->identity, state->identity) == 0;
    const uint64_t bets_end = same_draw ? state->bets_end : 0;
    const uint64_t done_end = same_draw ? state->done_end : 0;
    if (record->epoch <= state->epoch) {
        return failure_set(failure, "it claims epoch %" PRIu64 ", and %s has claimed %" PRIu64,
                           record->epoch, state->node, state->epoch);
    }
    if (record->epoch - state->epoch > LOG_STATE_EPOCH_STEP_MAX) {
        return failure_set(failure,
                           "it claims epoch %" PRIu64 ", and the one before it was %" PRIu64
                           ": no server of the lottery goes on so",
                           record->epoch, state->epoch);
    }
    if (record->bets_end != bets_end || record->done_end != done_end) {
        return failure_set(failure,
                           "it claims a log with %" PRIu64 " bytes of bets.csv and %" PRIu64
                           " of done.csv, and there are %" PRIu64 " and %" PRIu64,
                           record->bets_end, record->done_end, bets_end, done_end);
    }
    if (same_draw && record->length > 0) {
        return failure_set(failure, "it begins the draw %s a second time", record->identity);
    }
    state->epoch = record->epoch;
    state->claimed_at = sequence;
    (void)snprintf(state->node, sizeof state->node, "%s", record->node);
    (void)snprintf(state->identity, sizeof state->identity, "%s", record->identity);
    state->bets_end = bets_end;
    state->done_end = done_end;
    return true;
}

/* May its writer write? */
static bool check_writer(const struct log_state *state, const struct record *record,
                         struct failure *failure)
{
    if (state->epoch == 0) {
        return failure_set(failure, "nobody has claimed the log before it");
    }
    if (record->epoch != state->epoch || strcmp(record->node, state->node) != 0) {
        return failure_set(failure,
                           "%s wrote it in epoch %" PRIu64 ", and %s has claimed %" PRIu64
                           " at %" PRIu64 ": the engine has not kept the old writer out",
                           record->node, record->epoch, state->node, state->epoch,
                           state->claimed_at);
    }
    if (strcmp(record->identity, state->identity) != 0) {
        return failure_set(failure, "it is of the draw %s, and %s was claimed", record->identity,
                           state->identity);
    }
    return true;
}

static bool fold_lines(uint64_t *end, const struct record *record, struct failure *failure)
{
    if (record->offset != *end) {
        return failure_set(failure,
                           "%s: its bytes begin at %" PRIu64 ", and the log ends at %" PRIu64,
                           record->offset > *end ? "gap" : "overlap", record->offset, *end);
    }
    if (record->length > UINT64_MAX - *end) {
        return failure_set(failure, "no file is as long as it tells");
    }
    *end += record->length;
    return true;
}

static bool fold_next(struct log_state *state, const struct record *record, uint64_t sequence,
                      struct failure *failure)
{
    if (sequence != state->sequence + 1) {
        return failure_set(failure, "the one before it was %" PRIu64, state->sequence);
    }
    if (record->kind == RECORD_CLAIM) {
        return fold_claim(state, record, sequence, failure);
    }
    if (!check_writer(state, record, failure)) {
        return false;
    }
    return record->kind == RECORD_FILE ||
           fold_lines(record->kind == RECORD_BETS ? &state->bets_end : &state->done_end, record,
                      failure);
}

bool log_state_fold(struct log_state *state, const struct record *record, uint64_t sequence,
                    struct failure *failure)
{
    struct failure reason;
    if (!fold_next(state, record, sequence, &reason)) {
        return failure_set(failure, "record %" PRIu64 " of the log can't come next: %s", sequence,
                           reason.text);
    }
    state->sequence = sequence;
    return true;
}
