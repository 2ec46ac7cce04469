/*
 * handler.c - the life of a connection, from top to bottom.
 *
 * Why it exists: a process a connection, so that a bad peer, or a bug that it
 * finds, can take down nothing but its own handler.
 *
 * What it promises: every message gets its answer, in order; a batch gets ACK
 * only when its bytes are as safe as the configuration promises; the process
 * ends when the peer is gone, in whatever way it goes.
 *
 * How it stops: SIGTERM. What has arrived is served and answered, up to
 * MESSAGES_A_ROUND messages, then the connection is closed.
 *
 * If it dies: the peer sees the connection close; the kernel takes it off the
 * gate's count; the append lock's next owner repairs what it left; the
 * supervisor frees its slot.
 */
#include "server/handler/handler.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/handler/arena.h"
#include "server/handler/connection.h"
#include "server/handler/dialogue.h"
#include "server/signals.h"
#include "shm/gate.h"
#include "shm/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 256 * 1024,
    MESSAGES_A_BUFFER = 4, /* of the longest kind */
    MESSAGES_A_ROUND =
        1024, /* a buffer holds far more short messages: signals are let in between */
    NO_TIME_LIMIT = -1
};

struct handler {
    const struct heritage *heritage;
    struct slot *slot;
    struct connection connection;
    struct peer_log log;
    struct dialogue dialogue;
    size_t scanned;           /* message_parse's memory of the message in the buffer */
    bool has_more;            /* the last round left whole messages in the buffer */
    int64_t message_began_ms; /* when its first byte came; 0: there is none */
};

enum verdict { GO_ON, LEAVE, FAIL };

/* ------------------------------------------------------------ messages ---- */

static enum verdict complain(struct handler *handler, const char *reason)
{
    return dialogue_complain(&handler->dialogue, reason) ? LEAVE : FAIL;
}

static bool parse(struct handler *handler, enum message_frame *frame, struct message *message)
{
    size_t bytes = 0;
    const char *start = connection_bytes(&handler->connection, &bytes);
    bool single = handler->heritage->config.untyped_messages == UNTYPED_SINGLE;
    *frame = message_parse(start, bytes, single, &handler->scanned, message);
    return *frame != MESSAGE_INCOMPLETE;
}

static enum verdict serve_message(struct handler *handler, enum message_frame frame,
                                  const struct message *message)
{
    handler->message_began_ms = 0;
    if (message->bytes > handler->heritage->config.limit_message_bytes) {
        return complain(handler, "the message is longer than limits.message_bytes");
    }
    if (!dialogue_take(&handler->dialogue, frame, message)) {
        return FAIL;
    }
    if (connection_is_broken(&handler->connection)) {
        return LEAVE; /* what else it has asked for, it will not read */
    }
    connection_consume(&handler->connection, message->bytes);
    return GO_ON;
}

/* What is left in the buffer is the start of a message: how long it may be, and may take. */
static enum verdict look_at_rest(struct handler *handler)
{
    size_t left = 0;
    (void)connection_bytes(&handler->connection, &left);
    if (left > handler->heritage->config.limit_message_bytes) {
        return complain(handler, "the message is longer than limits.message_bytes");
    }
    if (left > 0 && handler->message_began_ms == 0) {
        handler->message_began_ms = clock_monotonic_ms();
    }
    return GO_ON;
}

/*
 * Serves the whole messages that are in the buffer, at most MESSAGES_A_ROUND, and appends their
 * bets.
 */
static enum verdict serve_messages(struct handler *handler)
{
    enum verdict verdict = GO_ON;
    enum message_frame frame = MESSAGE_INCOMPLETE;
    struct message message;
    int taken = 0;
    while (taken < MESSAGES_A_ROUND && verdict == GO_ON && parse(handler, &frame, &message)) {
        verdict = serve_message(handler, frame, &message);
        taken++;
    }
    handler->has_more = taken == MESSAGES_A_ROUND;
    if (verdict == GO_ON && !handler->has_more) {
        verdict = look_at_rest(handler);
    }
    if (verdict != GO_ON) {
        return verdict;
    }
    return dialogue_append_bets(&handler->dialogue) ? GO_ON : FAIL;
}

/* ------------------------------------------------------------- receiving ---- */

/* How long the peer may be silent now: in the middle of a message less than between two. */
static int64_t patience_ms(const struct handler *handler)
{
    const struct server_config *config = &handler->heritage->config;
    if (handler->message_began_ms == 0) {
        return config->timeout_idle_ms == 0 ? NO_TIME_LIMIT : (int64_t)config->timeout_idle_ms;
    }
    int64_t left_ms =
        handler->message_began_ms + (int64_t)config->timeout_message_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

/*
 * Takes what is there. Where nothing is there: returns at once while batches wait for the disk, and
 * else sleeps until the peer, or the log's summary of suppressed lines, is due.
 */
static enum receive_result receive(struct handler *handler)
{
    enum receive_result result = RECEIVED_NOTHING;
    (void)connection_make_room(&handler->connection);
    if (dialogue_owes_answers(&handler->dialogue)) {
        result = connection_receive_now(&handler->connection);
    } else {
        int64_t peer_ms = patience_ms(handler);
        int64_t log_ms = peer_log_summarize(&handler->log);
        bool log_is_first = log_ms >= 0 && (peer_ms == NO_TIME_LIMIT || log_ms < peer_ms);
        slot_set_activity(handler->slot, SLOT_RECEIVING);
        result = connection_receive(&handler->connection, log_is_first ? log_ms : peer_ms);
        slot_set_activity(handler->slot, SLOT_WORKING);
        if (log_is_first && result == RECEIVED_TIMEOUT) {
            result = RECEIVED_NOTHING;
        }
    }
    if (result == RECEIVED) {
        atomic_store_explicit(&handler->slot->bytes,
                              connection_received_bytes(&handler->connection),
                              memory_order_relaxed);
    }
    return result;
}

/*
 * Refuses the start of a message whose rest will not come. Where that start is a whole bet without
 * an end of a batch, the log names the setting that the peer probably needs.
 */
static enum verdict complain_of_rest(struct handler *handler, const char *reason)
{
    size_t left = 0;
    const char *rest = connection_bytes(&handler->connection, &left);
    bool is_row = message_is_untyped_row(rest, left);
    return complain(handler, is_row ? "one whole untyped row came, and no end of a batch: "
                                      "untyped_messages: single?"
                                    : reason);
}

static enum verdict give_up_waiting(struct handler *handler)
{
    if (handler->message_began_ms != 0) {
        return complain_of_rest(handler, "the message did not arrive whole in timeouts.message");
    }
    peer_log_write(&handler->log, LOG_LEVEL_INFO,
                   "action: close_connection | result: success | reason: silent for "
                   "timeouts.idle");
    return LEAVE;
}

/* ------------------------------------------------------------------ life ---- */

/* Answers what is safe by now; with `wait`, waits first for the oldest batch to be safe. */
static enum verdict answer(struct handler *handler, bool wait)
{
    if (!dialogue_answer_safe(&handler->dialogue, wait)) {
        return FAIL;
    }
    return connection_flush(&handler->connection) ? GO_ON : LEAVE;
}

/* Answers everything, and leaves. */
static enum verdict finish(struct handler *handler)
{
    return dialogue_settle(&handler->dialogue) ? LEAVE : FAIL;
}

/* The peer says no more: what it has begun to say will never be whole. */
static enum verdict hang_up(struct handler *handler)
{
    size_t left = 0;
    (void)connection_bytes(&handler->connection, &left);
    return left > 0 ? complain_of_rest(handler, "the connection ended before the message did")
                    : finish(handler);
}

/*
 * One round: takes what the peer sent, or waits for the disk or the peer; serves the whole
 * messages, and answers what is safe. A message that trickles in byte by byte is as late as one
 * that stops.
 */
static enum verdict serve_a_round(struct handler *handler)
{
    switch (handler->has_more ? RECEIVED : receive(handler)) {
    case RECEIVED:
        break;
    case RECEIVED_NOTHING:
        return answer(handler, true);
    case RECEIVED_TIMEOUT:
        return give_up_waiting(handler);
    case RECEIVED_INTERRUPTED:
        return GO_ON;
    case RECEIVED_END:
        return hang_up(handler);
    case RECEIVED_ERROR:
        return LEAVE;
    }
    enum verdict verdict = serve_messages(handler);
    if (verdict != GO_ON) {
        return verdict;
    }
    bool is_late = handler->message_began_ms != 0 && patience_ms(handler) == 0;
    return is_late ? give_up_waiting(handler) : answer(handler, false);
}

/*
 * What had arrived when SIGTERM came is served too, at most one round of it. A message cut short is
 * not served, nor what a peer that never pauses has sent behind that round.
 */
static enum verdict serve_what_arrived(struct handler *handler)
{
    bool came = connection_make_room(&handler->connection) &&
                connection_receive_now(&handler->connection) == RECEIVED;
    if ((came || handler->has_more) && serve_messages(handler) == FAIL) {
        return FAIL;
    }
    return finish(handler);
}

static int serve(struct handler *handler)
{
    enum verdict verdict = GO_ON;
    while (verdict == GO_ON && !signals_terminate_requested()) {
        verdict = serve_a_round(handler);
        signals_let_in(); /* a peer that always has something to say keeps us from sleeping */
    }
    if (verdict == GO_ON) {
        verdict = serve_what_arrived(handler);
    }
    if (verdict == LEAVE) {
        (void)connection_flush(&handler->connection);
    }
    slot_set_activity(handler->slot, SLOT_CLOSING);
    return verdict == FAIL ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Everything that a connection needs, in one piece of memory. */
static bool open_connection(struct handler *handler, struct arena *arena, int socket,
                            uint32_t slot_index)
{
    const struct server_config *config = &handler->heritage->config;
    size_t in_bytes = MESSAGES_A_BUFFER * config->limit_message_bytes;
    in_bytes = in_bytes > RECEIVE_BYTES ? in_bytes : RECEIVE_BYTES;
    if (!arena_open(arena, connection_arena_bytes(in_bytes) + pipeline_arena_bytes(config))) {
        log_error("action: handler_start | result: fail | error: no memory: %s", strerror(errno));
        return false;
    }
    connection_open(&handler->connection, socket, arena, in_bytes, config->timeout_answer_ms);
    peer_log_open(&handler->log, handler->slot);
    dialogue_open(&handler->dialogue, handler->heritage, slot_index, &handler->connection,
                  &handler->log, arena);
    return true;
}

int handler_run(const struct heritage *heritage, const struct process_errand *errand)
{
    struct handler handler = {.heritage = heritage,
                              .slot = &heritage->segment.slots[errand->slot_index]};
    struct arena arena;
    if (!open_connection(&handler, &arena, errand->descriptor, errand->slot_index)) {
        (void)close(errand->descriptor);
        return EXIT_FAILURE;
    }
    int status = EXIT_FAILURE;
    struct failure failure;
    if (gate_enter(heritage->gate_id, &failure)) { /* counted: a storer that stops waits for us */
        status = serve(&handler);
    } else {
        log_error("action: handler_start | result: fail | error: %s", failure.text);
    }
    dialogue_close(&handler.dialogue);
    peer_log_close(&handler.log);
    connection_close(&handler.connection);
    arena_close(&arena);
    return status;
}
