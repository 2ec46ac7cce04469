/*
 * question.h - asks the server one question of any type, and takes its answer.
 *
 * A server that does not know STATUS may take only one message at a time, or one a
 * connection. So such a server gets the next message after the answer to the one before,
 * and never on a connection that it has closed.
 */
#ifndef CLIENT_QUESTION_H
#define CLIENT_QUESTION_H

#include "bet/message.h"
#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

#include <stdbool.h>

/*
 * True when another connection has to go on (JOB_NEXT): a server that does not know STATUS
 * has answered all its messages on this one and takes no more.
 */
bool question_is_out_of_place(const struct job *job, struct wire *wire);

/*
 * Puts a question on the wire; the next transfer sends it. `body` is NULL or a text.
 * JOB_LOST when the server has sent something unasked before; JOB_NEXT as above.
 */
enum job_step question_put(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct failure *why);

/* Waits for the answer; its body is valid until the next transfer. */
enum job_step question_await(struct job *job, struct wire *wire, struct message *answer,
                             struct failure *why);

/* Puts the question and waits for its answer. */
enum job_step question_ask(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct message *answer, struct failure *why);

enum { QUESTION_REASON_BYTES = MESSAGE_REASON_BYTES_MAX + 16 };

/* Writes "; it says: REASON" for an ERROR that carries its reason, else "". For messages. */
void question_describe_reason(const struct message *answer, char text[QUESTION_REASON_BYTES]);

/* Logs, as `missed`, an answer of the wrong type. JOB_FAILED for ERROR, JOB_LOST for any other type. */
enum job_step question_misses(const struct job *job, enum log_message missed,
                              enum message_type question, const struct message *answer,
                              struct failure *why);

/* Notes, after a connection was lost, whether the server takes only one message on each. */
void question_learn_from_loss(struct job *job, const struct wire *wire);

#endif
