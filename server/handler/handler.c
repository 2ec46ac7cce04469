/*
 * handler.c - the life of a connection, from top to bottom.
 *
 * Why it exists: each connection has its own process, so that a bad peer, or a bug that it finds,
 * can end no handler but its own.
 *
 * What it promises: every message gets its answer, in order. A batch gets ACK only when its bytes
 * are as safe as the configuration promises. The process ends when the peer is gone, in whatever
 * way it went.
 *
 * Where it was forked ahead (supervisor/reserve.h), it waits for its connection first.
 *
 * How it stops: by SIGTERM. What has arrived is served and answered, up to MESSAGES_A_ROUND
 * messages. Then the connection is closed.
 *
 * If it dies: the peer sees the connection close. The kernel takes the handler off the gate's
 * count. The next owner of the append lock repairs what it left. The supervisor frees its slot.
 */
#include "server/handler/handler.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/hand_over.h"
#include "server/handler/arena.h"
#include "server/handler/connection.h"
#include "server/handler/dialogue.h"
#include "server/handler/greeting.h"
#include "server/handler/proxied_peer.h"
#include "server/handler/proxy_header.h"
#include "server/signals.h"
#include "shm/gate.h"
#include "shm/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 256 * 1024,
    MESSAGES_A_BUFFER = 4,   /* of the longest kind */
    MESSAGES_A_ROUND = 1024, /* a buffer holds more short ones; signals are let in between rounds */
    NO_TIME_LIMIT = -1
};

struct handler {
    const struct heritage *heritage;
    struct slot *slot;
    bool from_balancer; /* server.proxy_from names the peer, so there has been a PROXY header */
    struct connection connection;
    struct peer_log log;
    struct dialogue dialogue;
    struct identity identity;
    size_t scanned;           /* message_parse's memory of the message in the buffer */
    bool ended_well;          /* the peer has ended the connection, between two messages */
    bool has_more;            /* the last round left whole messages in the buffer */
    int64_t message_began_ms; /* when its first byte came; 0: there is none */
};

enum verdict { GO_ON, LEAVE, FAIL };

static const char too_long[] = "the message is longer than limits.message_bytes";

/* ------------------------------------------------------------ messages ---- */

/* Answers everything, and leaves. */
static enum verdict finish(struct handler *handler)
{
    return dialogue_settle(&handler->dialogue) ? LEAVE : FAIL;
}

static enum verdict complain(struct handler *handler, const char *reason)
{
    return dialogue_complain(&handler->dialogue, reason) ? LEAVE : FAIL;
}

static enum verdict serve_message(struct handler *handler, enum message_frame frame,
                                  const struct message *message)
{
    size_t left = 0;
    const char *bytes = connection_bytes(&handler->connection, &left);
    handler->message_began_ms = 0;
    if (message->bytes > handler->heritage->config.limit_message_bytes) {
        return complain(handler, too_long);
    }
    if (proxy_header_is_begun(bytes, left)) {
        return complain(handler, handler->from_balancer
                                     ? "a second PROXY header on one connection"
                                     : "a PROXY header from an address that server.proxy_from "
                                       "doesn't name");
    }
    if (!dialogue_take(&handler->dialogue, frame, message)) {
        return FAIL;
    }
    if (dialogue_is_over(&handler->dialogue)) {
        return finish(handler);
    }
    if (connection_is_broken(&handler->connection)) {
        return LEAVE; /* the peer reads no more answers */
    }
    connection_consume(&handler->connection, message->bytes);
    return GO_ON;
}

/*
 * Serves the whole messages that are in the buffer, at most MESSAGES_A_ROUND, and appends their
 * bets. Where it has taken all of them, what is left is the start of a message.
 */
static enum verdict serve_messages(struct handler *handler)
{
    const struct server_config *config = &handler->heritage->config;
    if (!dialogue_has_begun(&handler->dialogue) && greeting_is_tls(&handler->connection)) {
        return complain(handler, "the peer speaks TLS, and tls.mode is off");
    }
    bool single = config->untyped_messages == UNTYPED_SINGLE;
    size_t left = 0;
    int taken = 0;
    for (; taken < MESSAGES_A_ROUND; taken++) {
        struct message message;
        const char *bytes = connection_bytes(&handler->connection, &left);
        enum message_frame frame = message_parse(bytes, left, single, &handler->scanned, &message);
        if (frame == MESSAGE_INCOMPLETE) {
            break;
        }
        enum verdict verdict = serve_message(handler, frame, &message);
        if (verdict != GO_ON) {
            return verdict;
        }
    }
    handler->has_more = taken == MESSAGES_A_ROUND;
    if (!handler->has_more && left > config->limit_message_bytes) {
        return complain(handler, too_long);
    }
    if (!handler->has_more && left > 0 && handler->message_began_ms == 0) {
        handler->message_began_ms = clock_monotonic_ms();
    }
    if (!dialogue_append_bets(&handler->dialogue)) {
        return FAIL;
    }
    return dialogue_is_over(&handler->dialogue) ? finish(handler) : GO_ON;
}

/* ------------------------------------------------------------- receiving ---- */

/* How long the peer may be silent now. Within a message it is less than between two. */
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
 * Takes what the peer has sent. While batches wait for the disk it does not wait for the peer. Else
 * it sleeps until the peer sends something, until the peer's time is up, or until the log's summary
 * of suppressed lines is due.
 */
static enum receive_result receive(struct handler *handler)
{
    enum receive_result result = RECEIVED_NOTHING;
    connection_make_room(&handler->connection);
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
    peer_log_write(&handler->log, LOG_LEVEL_INFO, LOG_CONNECTION_SILENT,
                   "result: success | reason: silent for "
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

/*
 * One round. It takes what the peer has sent, or waits for the disk or the peer. It serves the whole
 * messages, and answers the batches that are safe.
 */
static enum verdict serve_a_round(struct handler *handler)
{
    size_t left = 0;
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
        connection_bytes(&handler->connection, &left);
        handler->ended_well = left == 0;
        return left > 0 ? complain_of_rest(handler, "the connection ended before the message did")
                        : finish(handler);
    case RECEIVED_ERROR:
        return LEAVE;
    }
    enum verdict verdict = serve_messages(handler);
    if (verdict != GO_ON) {
        return verdict;
    }
    /* A message that comes byte by byte is as late as one that stops. */
    bool is_late = handler->message_began_ms != 0 && patience_ms(handler) == 0;
    return is_late ? give_up_waiting(handler) : answer(handler, false);
}

/*
 * Serves until the peer leaves or SIGTERM comes. What had arrived by then is served too, at most one
 * round of it: not the start of a message, and not what a peer that never pauses sends after that.
 */
static int serve(struct handler *handler)
{
    enum verdict verdict = GO_ON;
    while (verdict == GO_ON && !signals_terminate_requested()) {
        verdict = serve_a_round(handler);
        signals_let_in(); /* a handler whose peer never pauses does not sleep */
    }
    if (verdict == GO_ON) {
        bool came = connection_make_room(&handler->connection) &&
                    connection_receive_now(&handler->connection) == RECEIVED;
        if (came || handler->has_more) {
            verdict = serve_messages(handler);
        }
        if (verdict != FAIL) {
            verdict = finish(handler);
        }
    }
    if (verdict == LEAVE) {
        connection_flush(&handler->connection);
    }
    slot_set_activity(handler->slot, SLOT_CLOSING);
    return verdict == FAIL ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Learns whose connection it is, where it comes from a balancer. What comes after its PROXY header
 * is still in the socket. False when there is nothing to be served.
 */
static bool learn_peer(struct handler *handler, uint32_t slot_index)
{
    char reason[MESSAGE_REASON_BYTES_MAX + 1];
    if (!handler->from_balancer) {
        return true;
    }
    slot_set_activity(handler->slot, SLOT_RECEIVING);
    enum proxied_peer learned = proxied_peer_learn(handler->heritage, slot_index,
                                                   &handler->connection, &handler->log, reason);
    if (learned == PROXIED_PEER_REFUSED) {
        (void)dialogue_complain(&handler->dialogue, reason);
        (void)connection_flush(&handler->connection); /* it may be gone */
    }
    return learned == PROXIED_PEER_KNOWN;
}

/* ----------------------------------------------------------------- start ---- */

static size_t in_bytes(const struct server_config *config)
{
    size_t messages = MESSAGES_A_BUFFER * config->limit_message_bytes;
    return messages > RECEIVE_BYTES ? messages : RECEIVE_BYTES;
}

/* Opens the one piece of memory that a connection needs. */
static bool open_arena(struct arena *arena, const struct server_config *config)
{
    if (!arena_open(arena,
                    connection_arena_bytes(in_bytes(config)) + pipeline_arena_bytes(config))) {
        log_error(LOG_HANDLER_NOT_STARTED, "result: fail | error: no memory: %s", strerror(errno));
        return false;
    }
    return true;
}

static void open_connection(struct handler *handler, struct arena *arena,
                            const struct hand_over *what)
{
    const struct server_config *config = &handler->heritage->config;
    handler->slot = &handler->heritage->segment.slots[what->slot_index];
    handler->from_balancer = what->from_balancer;
    connection_open(&handler->connection, what->socket, arena, in_bytes(config),
                    config->timeout_answer_ms);
    peer_log_open(&handler->log, handler->slot);
    dialogue_open(&handler->dialogue, handler->heritage, what->slot_index, &handler->connection,
                  &handler->identity, &handler->log, arena);
}

/* Serves the connection, which it owns, from beginning to end. */
static int live(struct handler *handler, struct arena *arena, const struct hand_over *what)
{
    const struct heritage *heritage = handler->heritage;
    int status = EXIT_FAILURE;
    struct failure failure;
    open_connection(handler, arena, what);
    if (gate_enter(heritage->gate_id,
                   &failure)) { /* a storer that stops waits for all that are in */
        const struct greeting greeting = {.heritage = heritage,
                                          .slot = handler->slot,
                                          .connection = &handler->connection,
                                          .log = &handler->log};
        bool is_served = learn_peer(handler, what->slot_index) &&
                         greeting_exchange(&greeting, &handler->identity);
        status = is_served ? serve(handler) : EXIT_SUCCESS;
    } else {
        log_error(LOG_HANDLER_NOT_STARTED, "result: fail | error: %s", failure.text);
    }
    dialogue_close(&handler->dialogue);
    peer_log_close(&handler->log);
    connection_close(&handler->connection);
    return status;
}

/*
 * Forgets the connection, so that this process may serve another one of the same address. False
 * where it may not, or can't: it ends.
 */
static bool start_again(struct handler *handler, struct arena *arena)
{
    const struct heritage *heritage = handler->heritage;
    if (!handler->ended_well || signals_terminate_requested() ||
        connection_is_broken(&handler->connection) || !slot_is_identified(handler->slot)) {
        return false;
    }
    tls_stream_close(&handler->connection.tls);
    arena_close(arena);
    *handler = (struct handler){.heritage = heritage};
    return gate_leave(heritage->gate_id) && open_arena(arena, &heritage->config);
}

/* Waits for one connection after the other, as long as it may return, and serves them. */
static int live_ahead(struct handler *handler, struct arena *arena, int take)
{
    struct hand_over what = {.may_return = true};
    int status = EXIT_SUCCESS;
    server_tls_warm_up(&handler->heritage->tls);
    while (what.may_return && hand_over_take(take, &what)) {
        if (!what.may_return) {
            close(take); /* it has its connection alone from now on */
            return live(handler, arena, &what);
        }
        status = live(handler, arena, &what);
        what.may_return =
            status == EXIT_SUCCESS && start_again(handler, arena) && hand_over_return(take);
    }
    close(take);
    return status;
}

int handler_run(const struct heritage *heritage, const struct process_errand *errand)
{
    struct handler handler = {.heritage = heritage};
    const struct hand_over what = {.socket = errand->descriptor,
                                   .slot_index = errand->slot_index,
                                   .from_balancer = errand->from_balancer};
    struct arena arena;
    if (!open_arena(&arena, &heritage->config)) {
        close(errand->descriptor);
        return EXIT_FAILURE;
    }
    int status = errand->is_ahead ? live_ahead(&handler, &arena, errand->descriptor)
                                  : live(&handler, &arena, &what);
    arena_close(&arena);
    return status;
}
