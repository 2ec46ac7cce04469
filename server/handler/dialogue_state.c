/*
 * dialogue_state.c - see dialogue_parts.h: where an agency stands: DONE, STATUS and PREFIX.
 */
#include "server/handler/dialogue_parts.h"

#include "lib/checksum.h"
#include "lib/decimal.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/replica.h"
#include "shm/waiting.h"
#include "store/prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STATE_BODY_BYTES = 192 };

/* ------------------------------------------------------------------ DONE ---- */

/*
 * True once the engine has what is durable now, where that is what an acknowledgement says; the storer
 * has counted the files that say so before it told of them. False when the server has been halted.
 */
static bool await_copy(const struct dialogue *dialogue)
{
    const struct shared_positions *positions = &dialogue->segment->shared->positions;
    return dialogue->heritage->config.ack_after != ACK_AFTER_REPLICATED ||
           wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_COPY,
                      &positions->files_replicated, atomic_load(&positions->files_made));
}

/*
 * True once it is durable that the agency is done, or that sales are closed: then what it has is
 * final. False when the server has been halted.
 */
static bool await_done(struct dialogue *dialogue, struct agency *agency)
{
    const struct shared_storer *storer = &dialogue->segment->shared->storer;
    /* Closed: the storer may be sealing, and would tell it later. */
    bool is_final = atomic_load(&storer->draw_state) >= CONTROL_CLOSED ||
                    wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_DONE,
                               &agency->phase, AGENCY_DONE);
    return is_final && await_copy(dialogue);
}

bool dialogue_take_done(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message)
{
    if (!pipeline_settle(&dialogue->pipeline)) {
        return false;
    }
    connection_flush(dialogue->connection);
    if (dialogue->bar[0] != '\0') {
        return pipeline_refuse(&dialogue->pipeline, message, dialogue->bar);
    }
    if (claim_bars(&dialogue->claim, agency)) {
        return pipeline_refuse_follower(&dialogue->pipeline, message);
    }
    uint64_t epoch = claim_epoch(&dialogue->claim, agency);
    if (!agencies_ask_done(dialogue->segment, dialogue->slot_index, agency, epoch)) {
        return pipeline_refuse(&dialogue->pipeline, message,
                               append_result_text(append_refusal(epoch)));
    }
    if (!await_done(dialogue, agency)) {
        return false;
    }
    dialogue_answer(dialogue, message, MESSAGE_ACK, false);
    return true;
}

/* ----------------------------------------------------------------- STATE ---- */

/* What STATE says. */
struct state_answer {
    uint64_t bets, checksum; /* of the agency's rows, or of its first ones */
    const char *phase;
    const struct control *draw;
};

static void answer_state(struct dialogue *dialogue, const struct message *message,
                         const struct state_answer *state)
{
    char body[STATE_BODY_BYTES];
    int bytes = snprintf(body, sizeof body, "%" PRIu64 ",%s," CHECKSUM_FORMAT ",%s%s%s" MESSAGE_END,
                         state->bets, state->phase, state->checksum, state->draw->identity,
                         dialogue->speaks_of_draws ? "," : "",
                         dialogue->speaks_of_draws ? state->draw->terms.draw : "");
    dialogue_answer(dialogue, message, MESSAGE_STATE, true);
    connection_send(dialogue->connection, body, (size_t)bytes);
}

/*
 * Where the agency stands in the current draw. "done" only when that is durable; another connection
 * may have said DONE just now. A connection that does not speak of draws does not know "closed":
 * "done" tells it, too, that no more bets are taken.
 */
static const char *current_phase(const struct dialogue *dialogue, const struct agency *agency)
{
    const struct shared_storer *storer = &dialogue->segment->shared->storer;
    uint32_t draw_state = atomic_load(&storer->draw_state);
    if (atomic_load(&storer->drawn) != 0) {
        return "drawn";
    }
    if (atomic_load(&agency->phase) == AGENCY_DONE) {
        return "done";
    }
    if (draw_state == CONTROL_CLOSED || draw_state == CONTROL_SEALED ||
        draw_state == CONTROL_DRAWN) { /* held, and the engine does not have it yet */
        return dialogue->speaks_of_draws ? "closed" : "done";
    }
    return "open";
}

/* ---------------------------------------------------------------- STATUS ---- */

/*
 * True once the engine has shown that this server still writes. One that another node has taken over from
 * would tell an agency that bets are not stored which that node has acknowledged. False when the server
 * has been halted.
 */
static bool await_proof(const struct dialogue *dialogue, uint64_t asked)
{
    return wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_COPY,
                      &dialogue->segment->shared->shipper.proofs_given, asked);
}

/* Claims the agency in the current draw. */
static bool status_of_current(struct dialogue *dialogue, struct agency *agency,
                              const struct message *message)
{
    struct agency_claim claim = agencies_claim(dialogue->segment, agency);
    const bool is_copied = dialogue->heritage->config.ack_after == ACK_AFTER_REPLICATED;
    const uint64_t asked = is_copied ? replica_ask_proof(dialogue->segment) : 0;
    /* STATE tells only what is durable: the bets, and that the agency is done. */
    if (!wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_COMMIT,
                    heritage_safe_position(dialogue->heritage), claim.end_position) ||
        (atomic_load(&agency->phase) != AGENCY_OPEN && !await_done(dialogue, agency)) ||
        (is_copied && !await_proof(dialogue, asked))) {
        return false;
    }
    claim_take(&dialogue->claim, agency, claim.epoch, dialogue->log);
    const struct state_answer state = {.bets = claim.bets,
                                       .checksum = claim.checksum,
                                       .phase = current_phase(dialogue, agency),
                                       .draw = dialogue_current_draw(dialogue)};
    answer_state(dialogue, message, &state);
    return true;
}

/* Says why an earlier draw could not be read, and queues the ERROR. */
static bool refuse_unread(struct dialogue *dialogue, const struct message *message,
                          const struct past_draw *past, const struct failure *failure)
{
    (void)snprintf(dialogue->reason, sizeof dialogue->reason,
                   "the server can't tell what is stored in the draw %s", past->control.terms.draw);
    return pipeline_refuse_as(&dialogue->pipeline, message, dialogue->reason, failure->text);
}

/* Tells what is stored in an earlier draw. The connection can't bet until its next STATUS. */
static bool status_of_past(struct dialogue *dialogue, const struct message *message,
                           const struct past_draw *past)
{
    struct failure failure;
    const char *state_name = control_state_name(past->control.state);
    struct state_answer state = {.phase = state_name, .draw = &past->control};
    (void)snprintf(dialogue->bar, sizeof dialogue->bar,
                   "the draw %s is over (%s); bets are taken for %s", past->control.terms.draw,
                   state_name, dialogue_current_draw(dialogue)->terms.draw);
    memcpy(dialogue->barred_draw, past->control.terms.draw, sizeof dialogue->barred_draw);
    signals_unblock();
    bool counted = past_draw_count(past, message->sender, signals_terminate_requested, &state.bets,
                                   &state.checksum, &failure);
    signals_block();
    if (!counted) {
        return refuse_unread(dialogue, message, past, &failure);
    }
    answer_state(dialogue, message, &state);
    return true;
}

bool dialogue_take_status(struct dialogue *dialogue, struct agency *agency,
                          const struct message *message)
{
    static const char any[] = MESSAGE_ANY_DRAW;
    struct past_draw past;
    bool go_on = true;
    if (!pipeline_settle(&dialogue->pipeline)) {
        return false;
    }
    dialogue->bar[0] = '\0';
    dialogue->barred_draw[0] = '\0';
    if (message->body_bytes == sizeof any - 1 && memcmp(message->body, any, sizeof any - 1) == 0) {
        return status_of_current(dialogue, agency, message);
    }
    switch (dialogue_find_draw(dialogue, message, &past, dialogue->bar)) {
    case NAMED_CURRENT:
        return status_of_current(dialogue, agency, message);
    case NAMED_PAST:
        go_on = status_of_past(dialogue, message, &past);
        past_draw_close(&past);
        return go_on;
    case NAMED_NONE:
        break;
    }
    return pipeline_refuse(&dialogue->pipeline, message, dialogue->bar);
}

/* ---------------------------------------------------------------- PREFIX ---- */

static const char prefix_fails[] = "so many rows are not stored, or the server can't read them now";

/* Fills in the checksum of the first state->bets rows. False with the failure. */
static bool sum_prefix(const struct data_directory *directory, uint64_t safe, uint32_t agency,
                       struct state_answer *state, struct failure *failure)
{
    signals_unblock();
    bool found = prefix_checksum(directory, safe, agency, state->bets, signals_terminate_requested,
                                 &state->checksum, failure);
    signals_block();
    return found;
}

/* The same of an earlier draw. */
static bool sum_past_prefix(struct dialogue *dialogue, uint32_t agency, struct past_draw *past,
                            struct state_answer *state, struct failure *failure)
{
    if (past_draw_open(&dialogue->heritage->directory, dialogue->barred_draw, past, failure) !=
        PAST_DRAW_OPEN) {
        return false;
    }
    uint64_t bytes = past_draw_bets_bytes(past);
    state->phase = control_state_name(past->control.state);
    state->draw = &past->control;
    bool found = sum_prefix(&past->archive.directory, bytes > 0 ? bytes : UINT64_MAX, agency, state,
                            failure);
    past_draw_close(past);
    return found;
}

bool dialogue_take_prefix(struct dialogue *dialogue, struct agency *agency,
                          const struct message *message)
{
    struct past_draw past;
    struct failure failure;
    struct state_answer state = {.draw = dialogue_current_draw(dialogue)};
    if (!pipeline_settle(&dialogue->pipeline)) {
        return false;
    }
    connection_flush(dialogue->connection);
    if (!decimal_parse(message->body, message->body_bytes, &state.bets)) {
        return pipeline_refuse(&dialogue->pipeline, message, "PREFIX takes a number of rows");
    }
    bool found = false;
    if (dialogue->barred_draw[0] != '\0') {
        found = sum_past_prefix(dialogue, agency->id, &past, &state, &failure);
    } else {
        uint64_t safe = atomic_load(heritage_safe_position(dialogue->heritage)); /* as for STATUS */
        found = sum_prefix(&dialogue->heritage->directory, safe, agency->id, &state, &failure);
        state.phase = current_phase(dialogue, agency);
    }
    if (!found) {
        return pipeline_refuse_as(&dialogue->pipeline, message, prefix_fails, failure.text);
    }
    answer_state(dialogue, message, &state);
    return true;
}
