/*
 * dialogue_parts.h - what the parts of the dialogue have in common.
 *
 * dialogue.c has the dialogue's life, the table of messages, and BET. dialogue_state.c says where an agency
 * stands (DONE, STATUS, PREFIX), and dialogue_winners.c who has won (REQUEST). dialogue_draws.c finds the
 * draw that a message is about.
 *
 * Included by these files alone. Called by the handler's process.
 */
#ifndef SERVER_HANDLER_DIALOGUE_PARTS_H
#define SERVER_HANDLER_DIALOGUE_PARTS_H

#include "bet/message.h"
#include "server/handler/dialogue.h"
#include "server/handler/past_draw.h"
#include "shm/layout.h"
#include "store/control.h"

#include <stdbool.h>
#include <stdint.h>

/* Puts an answer's header on the connection; a body follows where it `has_body`. */
static inline void dialogue_answer(struct dialogue *dialogue, const struct message *message,
                                   enum message_type type, bool has_body)
{
    char text[MESSAGE_HEADER_BYTES_MAX];
    connection_send(dialogue->connection, text,
                    message_write_answer(text, type, message->dialect, has_body));
}

/* ------------------------------------------------------ dialogue_draws.c */

enum { DIALOGUE_REASON_BYTES = MESSAGE_REASON_BYTES_MAX + 1 };

/* The draw that a message is about. */
enum named_draw {
    NAMED_CURRENT, /* by its name, or without one */
    NAMED_PAST,    /* it is open, and has to be closed */
    NAMED_NONE     /* there is none, or it can't be read: the message gets ERROR with the reason */
};

const struct control *dialogue_current_draw(const struct dialogue *dialogue);

/* Finds the draw that a body names. With NAMED_NONE, `reason` says why, for the agency. */
enum named_draw dialogue_find_draw(const struct dialogue *dialogue, const struct message *message,
                                   struct past_draw *past, char reason[DIALOGUE_REASON_BYTES]);

/*
 * What is done about a message of each type. All of them answer everything before it first, and return
 * false when the server has been halted.
 */

/* ------------------------------------------------------ dialogue_state.c */

/*
 * A connection that may not bet for the agency any more may not say DONE for it either. An agency
 * that says DONE after sales were closed is acknowledged, and nothing changes.
 */
bool dialogue_take_done(struct dialogue *dialogue, struct agency *agency,
                        const struct message *message);

/* Claims the agency where the message is about the current draw, and says what is stored. */
bool dialogue_take_status(struct dialogue *dialogue, struct agency *agency,
                          const struct message *message);

/*
 * Claims nothing, because an agency that asks this is not going to send bets. It is about the draw
 * that the latest STATUS named.
 */
bool dialogue_take_prefix(struct dialogue *dialogue, struct agency *agency,
                          const struct message *message);

/* ---------------------------------------------------- dialogue_winners.c */

/* Waits for the draw at the gate, where it is the current one. */
bool dialogue_take_request(struct dialogue *dialogue, struct agency *agency,
                           const struct message *message);

#endif
