/*
 * question.h - one question to the server and its answer, whatever the question.
 *
 * A server that does not know STATUS may take one message at a time only, or one a
 * connection: the next one is not sent before the answer to the one before is here, and
 * not at all on a connection that the server has closed.
 */
#ifndef CLIENT_QUESTION_H
#define CLIENT_QUESTION_H

#include "bet/message.h"
#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

#include <stdbool.h>

/*
 * Is this connection at its end, so that another one has to go on (JOB_NEXT)? Only with a
 * server that does not know STATUS, and only where it has answered all that it was asked.
 */
bool question_is_out_of_place(const struct job *job, const struct wire *wire);

/*
 * Puts a question on the wire; `body` is NULL or a text. JOB_LOST when the server has said
 * something unasked before, JOB_NEXT as above.
 */
enum job_step question_put(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct failure *why);

/* Waits for the answer; its body stays until the next turn of the wire. */
enum job_step question_await(struct job *job, struct wire *wire, struct message *answer,
                             struct failure *why);

/* Both. */
enum job_step question_ask(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct message *answer, struct failure *why);

/* An answer of the wrong type: ERROR is final, anything else means that we don't understand. */
enum job_step question_misses(const struct job *job, const char *action, enum message_type question,
                              const struct message *answer, struct failure *why);

/* The connection was lost with a question on its way: does the server take one a connection? */
void question_learn_from_loss(struct job *job, const struct wire *wire);

#endif
