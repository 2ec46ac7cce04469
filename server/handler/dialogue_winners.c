/*
 * dialogue_winners.c - see dialogue_parts.h: REQUEST, and the winners.
 */
#include "server/handler/dialogue_parts.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "server/signals.h"
#include "shm/gate.h"
#include "shm/slots.h"
#include "store/winners.h"

#include <inttypes.h>
#include <stdio.h>

enum { GATE_LOOK_MS = 1000 };

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
        dialogue_answer(sent->dialogue, sent->question, MESSAGE_WINNERS, true);
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
        dialogue_answer(dialogue, message, MESSAGE_WINNERS, true);
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
        dialogue_answer(dialogue, message, MESSAGE_WAIT, false);
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

bool dialogue_take_request(struct dialogue *dialogue, struct agency *agency,
                           const struct message *message)
{
    struct past_draw past;
    bool go_on = true;
    (void)agency;
    if (!pipeline_settle(&dialogue->pipeline)) {
        return false;
    }
    connection_flush(dialogue->connection);
    switch (dialogue_find_draw(dialogue, message, &past, dialogue->reason)) {
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
