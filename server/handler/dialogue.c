/*
 * dialogue.c - see dialogue.h. A table at the end has one function for each message type.
 */
#include "server/handler/dialogue.h"

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/decimal.h"
#include "lib/fault_point.h"
#include "server/handler/past_draw.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/gate.h"
#include "shm/refusals.h"
#include "shm/replica.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "shm/waiting.h"
#include "store/prefix.h"
#include "store/winners.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { STATE_BODY_BYTES = 192, GATE_LOOK_MS = 1000, NS_PER_MS = 1000 * 1000 };

/*
 * How long bets wait for their turn at limits.bets_per_second. It is long, because ERROR serves no
 * honest agency: it would send the same bets again. Only many connections, or a limit far below a
 * batch a minute, get there.
 */
#define TURN_PATIENCE_NS (60 * UINT64_C(1000000000))

void dialogue_open(struct dialogue *dialogue, const struct heritage *heritage, uint32_t slot_index,
                   struct connection *connection, const struct identity *identity,
                   struct peer_log *log, struct arena *arena)
{
    *dialogue = (struct dialogue){
        .heritage = heritage,
        .segment = &heritage->segment,
        .slot_index = slot_index,
        .slot = &heritage->segment.slots[slot_index],
        .connection = connection,
        .identity = identity,
        .log = log,
        .bet_rate =
            rate_limit_make(heritage->config.limit_bet_rate, heritage->config.limit_bet_rate),
    };
    const struct pipeline_setting setting = {.heritage = heritage,
                                             .slot_index = slot_index,
                                             .connection = connection,
                                             .log = log,
                                             .claim = &dialogue->claim};
    pipeline_open(&dialogue->pipeline, &setting, arena);
}

void dialogue_close(struct dialogue *dialogue)
{
    claim_tell_followers(&dialogue->claim, dialogue->log);
}

bool dialogue_has_begun(const struct dialogue *dialogue)
{
    return atomic_load_explicit(&dialogue->slot->messages, memory_order_relaxed) > 0;
}

bool dialogue_is_over(const struct dialogue *dialogue)
{
    return pipeline_is_exhausted(&dialogue->pipeline);
}

void dialogue_note_arrival(struct dialogue *dialogue)
{
    pipeline_note_arrival(&dialogue->pipeline);
}

bool dialogue_owes_answers(const struct dialogue *dialogue)
{
    return pipeline_owes_answers(&dialogue->pipeline);
}

bool dialogue_append_bets(struct dialogue *dialogue)
{
    return pipeline_append(&dialogue->pipeline);
}

bool dialogue_answer_safe(struct dialogue *dialogue, bool wait)
{
    if (wait && !pipeline_wait_for_oldest(&dialogue->pipeline)) {
        return false;
    }
    pipeline_answer_safe(&dialogue->pipeline);
    return true;
}

bool dialogue_settle(struct dialogue *dialogue)
{
    return pipeline_settle(&dialogue->pipeline);
}

static void answer(struct dialogue *dialogue, const struct message *message, enum message_type type)
{
    char text[MESSAGE_HEADER_BYTES_MAX];
    connection_send(dialogue->connection, text,
                    message_write_answer(text, type, message->dialect, false));
}

static void answer_with_body(struct dialogue *dialogue, const struct message *message,
                             enum message_type type)
{
    char text[MESSAGE_HEADER_BYTES_MAX];
    connection_send(dialogue->connection, text,
                    message_write_answer(text, type, message->dialect, true));
}

/* ---------------------------------------------------------------- draws ---- */

/* The draw that a message is about. */
enum named_draw {
    NAMED_CURRENT, /* by its name, or without one */
    NAMED_PAST,    /* it is open, and has to be closed */
    NAMED_NONE     /* there is none, or it can't be read: the message gets ERROR with the reason */
};

static const struct control *current_draw(const struct dialogue *dialogue)
{
    return &dialogue->heritage->directory.control;
}

enum { REASON_BYTES = MESSAGE_REASON_BYTES_MAX + 1 };

/* Opens an earlier draw. With NAMED_NONE, `reason` says why, for the agency. */
static enum named_draw open_past_draw(const struct dialogue *dialogue, uint32_t agency,
                                      const char *name, struct past_draw *past,
                                      char reason[REASON_BYTES])
{
    const char *current = current_draw(dialogue)->terms.draw;
    struct failure failure;
    switch (past_draw_open(&dialogue->heritage->directory, name, past, &failure)) {
    case PAST_DRAW_OPEN:
        return NAMED_PAST;
    case PAST_DRAW_UNKNOWN:
        (void)snprintf(reason, REASON_BYTES, "there is no draw %s here; the current draw is %s",
                       name, current);
        return NAMED_NONE;
    case PAST_DRAW_UNREAD:
        break;
    }
    peer_log_limited(dialogue->log, LOG_LEVEL_ERROR, LOG_ARCHIVE_NOT_READ,
                     "result: fail | agency: %" PRIu32 " | error: %s", agency, failure.text);
    (void)snprintf(reason, REASON_BYTES,
                   "the server can't read the draw %s; the current draw is %s", name, current);
    return NAMED_NONE;
}

/* Finds the draw that a body names. With NAMED_NONE, `reason` says why, for the agency. */
static enum named_draw find_draw(const struct dialogue *dialogue, const struct message *message,
                                 struct past_draw *past, char reason[REASON_BYTES])
{
    const char *current = current_draw(dialogue)->terms.draw;
    char name[CONTROL_DRAW_BYTES] = "";
    if (message->body_bytes == 0) {
        return NAMED_CURRENT;
    }
    if (!message_is_draw_name(message->body, message->body_bytes)) {
        (void)snprintf(reason, REASON_BYTES, "that is no name of a draw; the current draw is %s",
                       current);
        return NAMED_NONE;
    }
    memcpy(name, message->body, message->body_bytes);
    return strcmp(name, current) == 0
               ? NAMED_CURRENT
               : open_past_draw(dialogue, message->sender, name, past, reason);
}

/* ------------------------------------------------------------------ BET ---- */

/*
 * Sleeps until it is the turn of this message, whose agency has reached its limit. Everything before
 * it is answered first. Meanwhile the peer is not read from, so it has to wait, too. SIGTERM ends
 * the sleep: what has arrived is served then. False when the server has been halted.
 */
static bool await_turn(struct dialogue *dialogue, uint64_t wait_ns)
{
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)(wait_ns / NS_PER_MS) + 1;
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    connection_flush(dialogue->connection);
    slot_set_activity(dialogue->slot, SLOT_WAITING_FOR_TURN);
    while (!signals_terminate_requested()) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0) {
            break;
        }
        struct timespec left = clock_interval(left_ms);
        (void)ppoll(NULL, 0, &left, signals_sleep_mask());
    }
    slot_set_activity(dialogue->slot, SLOT_WORKING);
    pipeline_note_arrival(&dialogue->pipeline);
    return true;
}

static bool take_bets(struct dialogue *dialogue, struct agency *agency,
                      const struct message *message)
{
    if (dialogue->bar[0] != '\0') {
        return pipeline_refuse(&dialogue->pipeline, message, dialogue->bar);
    }
    if (rate_limit_is_set(&dialogue->bet_rate) && !claim_bars(&dialogue->claim, agency)) {
        uint64_t wait_ns = rate_limit_reserve(
            &dialogue->bet_rate, agencies_bucket(dialogue->segment, agency),
            (uint64_t)clock_monotonic_ns(), pipeline_count_rows(message), TURN_PATIENCE_NS);
        if (wait_ns == RATE_LIMIT_TOO_LONG) {
            refusals_count(dialogue->segment, REFUSAL_BETS);
            return pipeline_refuse(&dialogue->pipeline, message, "too many bets a second");
        }
        if (wait_ns > 0 && !await_turn(dialogue, wait_ns)) {
            return false;
        }
    }
    return pipeline_add(&dialogue->pipeline, agency, message);
}

/* ----------------------------------------------------------------- DONE ---- */

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

/*
 * A connection that may not bet for the agency any more may not say DONE for it either. An agency
 * that says DONE after sales were closed is acknowledged, and nothing changes.
 */
static bool take_done(struct dialogue *dialogue, struct agency *agency,
                      const struct message *message)
{
    if (!dialogue_settle(dialogue)) {
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
    answer(dialogue, message, MESSAGE_ACK);
    return true;
}

/* -------------------------------------------------------------- REQUEST ---- */

struct winners_answer {
    struct dialogue *dialogue;
    const struct message *question;
    uint64_t winners;
};

/*
 * Sends one row of the answer. Its header goes before the first row and not earlier, so that the
 * answer can still be ERROR where the file was changed.
 */
static bool send_winner(void *context, const char *row, size_t bytes)
{
    struct winners_answer *sent = context;
    struct connection *connection = sent->dialogue->connection;
    if (sent->winners++ == 0) {
        answer_with_body(sent->dialogue, sent->question, MESSAGE_WINNERS);
    }
    connection_send(connection, row, bytes);
    return !connection_is_broken(connection);
}

/*
 * Ends an answer whose winners could not be read to their end. Where the file was changed and
 * nothing was sent, the agency gets ERROR, because asking again would not help. In any other case
 * the connection is closed without the answer's end, and the agency asks again on another one.
 */
static bool fail_to_answer(struct dialogue *dialogue, const struct winners_answer *sent,
                           enum winners_end end, const struct failure *failure)
{
    peer_log_limited(dialogue->log, LOG_LEVEL_ERROR, LOG_WINNERS_NOT_TOLD,
                     "result: fail | agency: %u | error: %s", sent->question->sender,
                     failure->text);
    if (end == WINNERS_CHANGED && sent->winners == 0) {
        return pipeline_refuse(&dialogue->pipeline, sent->question, "the winners were changed");
    }
    connection_give_up(dialogue->connection);
    return true;
}

/* Answers with the agency's winners in this directory. */
static bool answer_winners(struct dialogue *dialogue, const struct message *message,
                           const struct data_directory *directory, const struct winners_seal *seal)
{
    struct winners_answer sent = {.dialogue = dialogue, .question = message};
    struct failure failure;
    enum winners_end end =
        winners_read(directory, seal, message->sender, send_winner, &sent, &failure);
    if (end != WINNERS_GIVEN) {
        return fail_to_answer(dialogue, &sent, end, &failure);
    }
    if (sent.winners == 0) {
        answer_with_body(dialogue, message, MESSAGE_WINNERS);
    }
    connection_send(dialogue->connection, MESSAGE_END, MESSAGE_END_BYTES);
    peer_log_limited(dialogue->log, LOG_LEVEL_INFO, LOG_WINNERS_TOLD,
                     "result: success | agency: %u | cant_ganadores: %" PRIu64, message->sender,
                     sent.winners);
    return true;
}

/*
 * Waits at the gate, at most winners_wait, with signals unblocked. A SIGTERM that comes between the
 * look at its flag and the sleep does not end that sleep. The supervisor therefore repeats SIGTERM
 * until the handler is gone. A supervisor that has died repeats nothing, so each sleep ends after
 * GATE_LOOK_MS.
 */
static enum gate_answer wait_at_gate(const struct dialogue *dialogue)
{
    enum gate_answer result = GATE_CLOSED;
    int64_t wait_ms = (int64_t)dialogue->heritage->config.winners_wait_ms;
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    slot_set_activity(dialogue->slot, SLOT_WAITING_AT_GATE);
    fault_point("gate.waiting");
    signals_unblock();
    while (result == GATE_CLOSED) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0) {
            break;
        }
        if (signals_terminate_requested()) {
            result = GATE_INTERRUPTED;
            break;
        }
        result = gate_wait(dialogue->heritage->gate_id,
                           left_ms < GATE_LOOK_MS ? (uint64_t)left_ms : GATE_LOOK_MS);
    }
    signals_block();
    slot_set_activity(dialogue->slot, SLOT_WORKING);
    return result;
}

static bool request_current(struct dialogue *dialogue, const struct message *message)
{
    const struct shared_storer *storer = &dialogue->segment->shared->storer;
    if (atomic_load(&storer->drawn) == 0 && wait_at_gate(dialogue) != GATE_OPEN) {
        answer(dialogue, message, MESSAGE_WAIT);
        return true;
    }
    const struct winners_seal seal = {.bytes = atomic_load(&storer->winners_bytes),
                                      .checksum = atomic_load(&storer->winners_checksum)};
    return answer_winners(dialogue, message, &dialogue->heritage->directory, &seal);
}

/* Answers with the winners of an earlier draw, or says why it has none. */
static bool request_past(struct dialogue *dialogue, const struct message *message,
                         const struct past_draw *past)
{
    const struct control *control = &past->control;
    if (control->state == CONTROL_DRAWN) {
        const struct winners_seal seal = past_draw_winners(past);
        return answer_winners(dialogue, message, &past->archive.directory, &seal);
    }
    bool has_reason = control->state == CONTROL_ABANDONED && control->abandoned_reason[0] != '\0';
    (void)snprintf(dialogue->reason, sizeof dialogue->reason,
                   "the draw %s has no winners: it was left %s%s%s", control->terms.draw,
                   control_state_name(control->state), has_reason ? ": " : "",
                   has_reason ? control->abandoned_reason : "");
    return pipeline_refuse(&dialogue->pipeline, message, dialogue->reason);
}

static bool take_request(struct dialogue *dialogue, struct agency *agency,
                         const struct message *message)
{
    struct past_draw past;
    bool go_on = true;
    (void)agency;
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    connection_flush(dialogue->connection);
    switch (find_draw(dialogue, message, &past, dialogue->reason)) {
    case NAMED_CURRENT:
        return request_current(dialogue, message);
    case NAMED_PAST:
        go_on = request_past(dialogue, message, &past);
        past_draw_close(&past);
        return go_on;
    case NAMED_NONE:
        break;
    }
    return pipeline_refuse(&dialogue->pipeline, message, dialogue->reason);
}

/* --------------------------------------------------------------- STATUS ---- */

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
    answer_with_body(dialogue, message, MESSAGE_STATE);
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
                                       .draw = current_draw(dialogue)};
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
                   state_name, current_draw(dialogue)->terms.draw);
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

static bool take_status(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message)
{
    static const char any[] = MESSAGE_ANY_DRAW;
    struct past_draw past;
    bool go_on = true;
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    dialogue->bar[0] = '\0';
    dialogue->barred_draw[0] = '\0';
    if (message->body_bytes == sizeof any - 1 && memcmp(message->body, any, sizeof any - 1) == 0) {
        return status_of_current(dialogue, agency, message);
    }
    switch (find_draw(dialogue, message, &past, dialogue->bar)) {
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

/* --------------------------------------------------------------- PREFIX ---- */

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

/*
 * Claims nothing, because an agency that asks this is not going to send bets. It is about the draw
 * that the latest STATUS named.
 */
static bool take_prefix(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message)
{
    struct past_draw past;
    struct failure failure;
    struct state_answer state = {.draw = current_draw(dialogue)};
    if (!dialogue_settle(dialogue)) {
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

/* ------------------------------------------------------------- messages ---- */

typedef bool take_function(struct dialogue *dialogue, struct agency *agency,
                           const struct message *message);

/* The types that an agency may send. The others are the server's own. */
static take_function *const take_functions[MESSAGE_TYPES] = {
    [MESSAGE_BET] = take_bets,        [MESSAGE_DONE] = take_done,
    [MESSAGE_REQUEST] = take_request, [MESSAGE_STATUS] = take_status,
    [MESSAGE_PREFIX] = take_prefix,
};

/*
 * From its first message on that names a draw, or `*`, or asks STATUS by name, the connection is
 * told names of draws and the reasons of its ERRORs. lottery-agency 1.0, which knows neither,
 * sends none of these.
 */
static void note_what_it_speaks(struct dialogue *dialogue, const struct message *message)
{
    bool names = message->body_bytes > 0 &&
                 (message->type == MESSAGE_STATUS || message->type == MESSAGE_REQUEST);
    bool asks_by_name = message->type == MESSAGE_STATUS && message->dialect == MESSAGE_BY_NAME;
    if (names || asks_by_name) {
        dialogue->speaks_of_draws = true;
        pipeline_tell_reasons(&dialogue->pipeline);
    }
}

static bool take_whole(struct dialogue *dialogue, const struct message *message)
{
    take_function *take = take_functions[message->type];
    note_what_it_speaks(dialogue, message);
    if (take == NULL) {
        return pipeline_refuse(&dialogue->pipeline, message, "the type is the server's");
    }
    if (message->from_server ||
        !server_config_allows(&dialogue->heritage->config, message->sender)) {
        refusals_count(dialogue->segment, REFUSAL_NOT_ALLOWED);
        return pipeline_refuse(&dialogue->pipeline, message, "the agency is not allowed");
    }
    if (!identity_permits(dialogue->identity, message->sender)) {
        return pipeline_refuse(&dialogue->pipeline, message, dialogue->identity->refusal);
    }
    struct agency *agency = agencies_find_or_add(dialogue->segment, message->sender);
    if (agency == NULL) {
        return pipeline_refuse(&dialogue->pipeline, message, "too many agencies");
    }
    atomic_store_explicit(&dialogue->slot->agency, agency->id, memory_order_relaxed);
    atomic_store_explicit(&dialogue->slot->agency_known, 1, memory_order_relaxed);
    if (!slot_is_identified(dialogue->slot)) {
        slot_identify(dialogue->slot);
    }
    atomic_store_explicit(&agency->seen_at_ms, clock_wall_ms(), memory_order_relaxed);
    dialogue->single_bets |= message->dialect == MESSAGE_UNTYPED_SINGLE;
    return take(dialogue, agency, message);
}

/*
 * Echoes a probe. It may come only before the first message, when there is nothing to wait for and
 * no claim. Its text is not logged.
 */
static bool take_probe(struct dialogue *dialogue, const struct message *message)
{
    if (dialogue->spoken) {
        return pipeline_refuse(&dialogue->pipeline, message,
                               "a line without ':' is a probe only before the first message");
    }
    if (!pipeline_takes_probe(&dialogue->pipeline)) {
        return pipeline_complain(&dialogue->pipeline, "a probe too many");
    }
    peer_log_limited(dialogue->log, LOG_LEVEL_INFO, LOG_MESSAGE_ECHOED,
                     "result: success | bytes: %zu", message->body_bytes);
    connection_send(dialogue->connection, message->body, message->body_bytes);
    return true;
}

bool dialogue_take(struct dialogue *dialogue, enum message_frame frame,
                   const struct message *message)
{
    uint64_t messages = atomic_load_explicit(&dialogue->slot->messages, memory_order_relaxed);
    atomic_store_explicit(&dialogue->slot->messages, messages + 1, memory_order_relaxed);
    switch (frame) {
    case MESSAGE_WHOLE:
        dialogue->spoken = true;
        return take_whole(dialogue, message);
    case MESSAGE_PROBE:
        return take_probe(dialogue, message);
    case MESSAGE_MALFORMED:
        dialogue->spoken = true;
        /* Where single bets are expected, the second row of a batch looks like a bare bet. */
        return pipeline_refuse(&dialogue->pipeline, message,
                               message->bare_bet && dialogue->single_bets
                                   ? "a bet without its agency after an untyped bet: "
                                     "untyped_messages: batch?"
                                   : message->fault);
    case MESSAGE_INCOMPLETE:
        break;
    }
    invariant(false, "frame %d", (int)frame);
    return false;
}

bool dialogue_complain(struct dialogue *dialogue, const char *reason)
{
    return pipeline_complain(&dialogue->pipeline, reason) && dialogue_settle(dialogue);
}
