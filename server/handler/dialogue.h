/*
 * dialogue.h - what each message of an agency means, and what it is answered.
 *
 * The handler gives it whole messages. The dialogue acts on them, and puts the answers on the
 * connection in the order of the questions. Called by the handler's process alone.
 */
#ifndef SERVER_HANDLER_DIALOGUE_H
#define SERVER_HANDLER_DIALOGUE_H

#include "bet/message.h"
#include "server/handler/connection.h"
#include "server/handler/identity.h"
#include "server/handler/pipeline.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

struct dialogue {
    const struct heritage *heritage;
    const struct segment *segment;
    uint32_t slot_index;
    struct slot *slot;
    struct connection *connection;
    const struct identity *identity;
    struct peer_log *log;
    struct claim claim;
    struct pipeline pipeline;
    struct rate_limit bet_rate; /* limits.bets_per_second */
    /* The connection is told names of draws, and the reasons of its ERRORs (docs/protocol.md). */
    bool speaks_of_draws;
    /* Why bets and DONE are refused: the latest STATUS named another draw. Empty: they are not.
     * Changed only while nothing is unanswered. */
    char bar[MESSAGE_REASON_BYTES_MAX + 1];
    char barred_draw[CONTROL_DRAW_BYTES]; /* the earlier draw that it named; empty: none */
    char
        reason[MESSAGE_REASON_BYTES_MAX + 1]; /* of the latest REQUEST that was refused; likewise */
    bool spoken;                              /* a message that is no probe has come */
    bool single_bets;                         /* an untyped single row has come */
};

/*
 * `connection`, `identity`, `log` and `arena` have to outlive the dialogue. The identity is
 * known before the first message is taken.
 */
void dialogue_open(struct dialogue *dialogue, const struct heritage *heritage, uint32_t slot_index,
                   struct connection *connection, const struct identity *identity,
                   struct peer_log *log, struct arena *arena);

/* True once a message has come, of whatever kind, or a probe. */
bool dialogue_has_begun(const struct dialogue *dialogue);

/* Acts on one message, as message_parse gave it. Returns false when the server has been halted. */
bool dialogue_take(struct dialogue *dialogue, enum message_frame frame,
                   const struct message *message);

/* Answers everything, and ERROR at the end for bytes that are no whole message. False as above. */
bool dialogue_complain(struct dialogue *dialogue, const char *reason);

/*
 * True when the peer is served no longer, because it has caused too many refusals: it is to be
 * answered, and the connection closed.
 */
bool dialogue_is_over(const struct dialogue *dialogue);

/* Notes that bytes have come now (pipeline.h). Called after each recv that brought some. */
void dialogue_note_arrival(struct dialogue *dialogue);

/* True while there are batches that have not been answered. */
bool dialogue_owes_answers(const struct dialogue *dialogue);

/* Appends to the ring the bets of all messages that were taken. False as above. */
bool dialogue_append_bets(struct dialogue *dialogue);

/*
 * Answers the batches that are safe, in order. With `wait` it waits for the oldest one first. False
 * as above.
 */
bool dialogue_answer_safe(struct dialogue *dialogue, bool wait);

/* Appends all bets, and waits until everything is answered. False as above. */
bool dialogue_settle(struct dialogue *dialogue);

/* Logs what has not been logged yet. Called when the connection ends. */
void dialogue_close(struct dialogue *dialogue);

#endif
