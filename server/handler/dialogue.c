/*
 * dialogue.c - see dialogue.h. A table at the end has one function for each message type.
 */
#include "server/handler/dialogue.h"

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/decimal.h"
#include "lib/fault_point.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/gate.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "shm/waiting.h"
#include "store/prefix.h"
#include "store/winners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STATE_BODY_BYTES = 128, GATE_LOOK_MS = 1000 };

void dialogue_open(struct dialogue *dialogue, const struct heritage *heritage, uint32_t slot_index,
                   struct connection *connection, struct peer_log *log, struct arena *arena)
{
    *dialogue = (struct dialogue){
        .heritage = heritage,
        .segment = &heritage->segment,
        .slot_index = slot_index,
        .slot = &heritage->segment.slots[slot_index],
        .connection = connection,
        .log = log,
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

/* ------------------------------------------------------------------ BET ---- */

static bool take_bets(struct dialogue *dialogue, struct agency *agency,
                      const struct message *message)
{
    return pipeline_add(&dialogue->pipeline, agency, message);
}

/* ----------------------------------------------------------------- DONE ---- */

/* True once it is durable that the agency is done. False when the server has been halted. */
static bool await_done(struct dialogue *dialogue, struct agency *agency)
{
    return wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_DONE, &agency->phase,
                      AGENCY_DONE);
}

/* A connection that may not bet for the agency any more may not say DONE for it either. */
static bool take_done(struct dialogue *dialogue, struct agency *agency,
                      const struct message *message)
{
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    connection_flush(dialogue->connection);
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
    peer_log_limited(dialogue->log, LOG_LEVEL_ERROR,
                     "action: consulta_ganadores | result: fail | agency: %u | error: %s",
                     sent->question->sender, failure->text);
    if (end == WINNERS_CHANGED && sent->winners == 0) {
        return pipeline_refuse(&dialogue->pipeline, sent->question, "the winners were changed");
    }
    connection_give_up(dialogue->connection);
    return true;
}

static bool answer_winners(struct dialogue *dialogue, const struct message *message)
{
    struct winners_answer sent = {.dialogue = dialogue, .question = message};
    struct failure failure;
    const struct shared_storer *storer = &dialogue->segment->shared->storer;
    const struct winners_seal seal = {.bytes = atomic_load(&storer->winners_bytes),
                                      .checksum = atomic_load(&storer->winners_checksum)};
    enum winners_end end = winners_read(&dialogue->heritage->directory, &seal, message->sender,
                                        send_winner, &sent, &failure);
    if (end != WINNERS_GIVEN) {
        return fail_to_answer(dialogue, &sent, end, &failure);
    }
    if (sent.winners == 0) {
        answer_with_body(dialogue, message, MESSAGE_WINNERS);
    }
    connection_send(dialogue->connection, MESSAGE_END, MESSAGE_END_BYTES);
    peer_log_limited(dialogue->log, LOG_LEVEL_INFO,
                     "action: consulta_ganadores | result: success | agency: %u | "
                     "cant_ganadores: %" PRIu64,
                     message->sender, sent.winners);
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

static bool take_request(struct dialogue *dialogue, struct agency *agency,
                         const struct message *message)
{
    (void)agency;
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    connection_flush(dialogue->connection);
    bool drawn = atomic_load(&dialogue->segment->shared->storer.drawn) != 0 ||
                 wait_at_gate(dialogue) == GATE_OPEN;
    if (drawn) {
        return answer_winners(dialogue, message);
    }
    answer(dialogue, message, MESSAGE_WAIT);
    return true;
}

/* --------------------------------------------------------------- STATUS ---- */

/*
 * Answers with what is stored of the agency, or of its first rows, and the lottery's identity. The
 * phase is "done" only when that is durable; another connection may have said DONE just now.
 */
static void answer_state(struct dialogue *dialogue, const struct message *message,
                         const struct agency *agency, uint64_t bets, uint64_t checksum)
{
    const char *phase = atomic_load(&agency->phase) == AGENCY_DONE ? "done" : "open";
    if (atomic_load(&dialogue->segment->shared->storer.drawn) != 0) {
        phase = "drawn";
    }
    char body[STATE_BODY_BYTES];
    int bytes = snprintf(body, sizeof body, "%" PRIu64 ",%s," CHECKSUM_FORMAT ",%s" MESSAGE_END,
                         bets, phase, checksum, dialogue->heritage->directory.control.identity);
    answer_with_body(dialogue, message, MESSAGE_STATE);
    connection_send(dialogue->connection, body, (size_t)bytes);
}

static bool take_status(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message)
{
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    struct agency_claim claim = agencies_claim(dialogue->segment, agency);
    /* STATE tells only what is durable: the bets, and that the agency is done. */
    if (!wait_until(dialogue->segment, dialogue->slot_index, WAIT_FOR_COMMIT,
                    heritage_safe_position(dialogue->heritage), claim.end_position) ||
        (atomic_load(&agency->phase) != AGENCY_OPEN && !await_done(dialogue, agency))) {
        return false;
    }
    claim_take(&dialogue->claim, agency, claim.epoch, dialogue->log);
    answer_state(dialogue, message, agency, claim.bets, claim.checksum);
    return true;
}

/* --------------------------------------------------------------- PREFIX ---- */

/* Claims nothing, because an agency that asks this is not going to send bets. */
static bool take_prefix(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message)
{
    uint64_t rows = 0;
    uint64_t checksum = CHECKSUM_EMPTY;
    struct failure failure;
    if (!dialogue_settle(dialogue)) {
        return false;
    }
    connection_flush(dialogue->connection);
    if (!decimal_parse(message->body, message->body_bytes, &rows)) {
        return pipeline_refuse(&dialogue->pipeline, message, "PREFIX takes a number of rows");
    }
    uint64_t safe = atomic_load(heritage_safe_position(dialogue->heritage)); /* as for STATUS */
    signals_unblock();
    bool found = prefix_checksum(&dialogue->heritage->directory, safe, agency->id, rows,
                                 signals_terminate_requested, &checksum, &failure);
    signals_block();
    if (!found) {
        return pipeline_refuse(&dialogue->pipeline, message, failure.text);
    }
    answer_state(dialogue, message, agency, rows, checksum);
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

static bool take_whole(struct dialogue *dialogue, const struct message *message)
{
    take_function *take = take_functions[message->type];
    if (take == NULL) {
        return pipeline_refuse(&dialogue->pipeline, message, "the type is the server's");
    }
    if (message->from_server ||
        !server_config_allows(&dialogue->heritage->config, message->sender)) {
        return pipeline_refuse(&dialogue->pipeline, message, "the agency is not allowed");
    }
    struct agency *agency = agencies_find_or_add(dialogue->segment, message->sender);
    if (agency == NULL) {
        return pipeline_refuse(&dialogue->pipeline, message, "too many agencies");
    }
    atomic_store_explicit(&dialogue->slot->agency, agency->id, memory_order_relaxed);
    atomic_store_explicit(&dialogue->slot->agency_known, 1, memory_order_relaxed);
    atomic_store_explicit(&agency->seen_at_ms, clock_wall_ms(), memory_order_relaxed);
    dialogue->single_bets |= message->dialect == MESSAGE_UNTYPED_SINGLE;
    return take(dialogue, agency, message);
}

/*
 * Echoes a probe. It may come only before the first message, when there is nothing to wait for and no
 * claim. Its text is not logged.
 */
static bool take_probe(struct dialogue *dialogue, const struct message *message)
{
    if (dialogue->spoken) {
        return pipeline_refuse(&dialogue->pipeline, message,
                               "a line without ':' is a probe only before the first message");
    }
    peer_log_limited(dialogue->log, LOG_LEVEL_INFO,
                     "action: receive_message | result: success | bytes: %zu", message->body_bytes);
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
