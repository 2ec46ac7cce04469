/*
 * dialogue.c - see dialogue.h. A table at the end has one function for each message type.
 */
#include "server/handler/dialogue_parts.h"

#include "lib/clock.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/refusals.h"
#include "shm/slots.h"

#include <poll.h>

enum { NS_PER_MS = 1000 * 1000 };

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

/* ------------------------------------------------------------------ BET ---- */

/*
 * Sleeps until it is the turn of this message, whose agency has reached its limit. Everything before
 * it is answered first. Meanwhile the peer is not read from, so it has to wait, too. SIGTERM ends
 * the sleep: what has arrived is served then. False when the server has been halted.
 */
static bool await_turn(struct dialogue *dialogue, uint64_t wait_ns)
{
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)(wait_ns / NS_PER_MS) + 1;
    if (!pipeline_settle(&dialogue->pipeline)) {
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

/* ------------------------------------------------------------- messages ---- */

typedef bool take_function(struct dialogue *dialogue, struct agency *agency,
                           const struct message *message);

/* The types that an agency may send. The others are the server's own. */
static take_function *const take_functions[MESSAGE_TYPES] = {
    [MESSAGE_BET] = take_bets,
    [MESSAGE_DONE] = dialogue_take_done,
    [MESSAGE_REQUEST] = dialogue_take_request,
    [MESSAGE_STATUS] = dialogue_take_status,
    [MESSAGE_PREFIX] = dialogue_take_prefix,
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
    return pipeline_complain(&dialogue->pipeline, reason) && pipeline_settle(&dialogue->pipeline);
}
