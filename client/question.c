/*
 * question.c - see question.h.
 */
#include "client/question.h"

#include "client/transfer.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool question_is_out_of_place(const struct job *job, struct wire *wire)
{
    return job->unaided.is_on && wire->answers > 0 &&
           (job->unaided.one_message || wire_is_closed(wire));
}

void question_learn_from_loss(struct job *job, const struct wire *wire)
{
    if (job->unaided.is_on && wire->answers == 1) {
        job->unaided.one_message = true;
    }
}

enum job_step question_put(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct failure *why)
{
    if (question_is_out_of_place(job, wire)) {
        return JOB_NEXT;
    }
    if (wire_has_unread(wire)) {
        failure_set(why, "the server said something unasked");
        return JOB_LOST;
    }
    size_t body_bytes = body == NULL ? 0 : strlen(body);
    char *out = wire_reserve(wire, MESSAGE_HEADER_BYTES_MAX + body_bytes + sizeof MESSAGE_END);
    invariant(out != NULL, "%zu bytes unsent", wire->out_used);
    char *end = out + message_write_from_agency(out, job->agency, question, body != NULL);
    if (body != NULL) {
        end = stpcpy(stpcpy(end, body), MESSAGE_END);
    }
    wire_commit(wire, (size_t)(end - out));
    return JOB_WORKED;
}

enum job_step question_await(struct job *job, struct wire *wire, struct message *answer,
                             struct failure *why)
{
    while (true) {
        enum wire_answer next = wire_next(wire, answer, why);
        if (next != WIRE_NOTHING) {
            return next == WIRE_ANSWER ? JOB_WORKED : JOB_LOST;
        }
        enum job_step step = transfer_bytes(job, wire, patience_deadline_ms(&job->patience), why);
        if (step == JOB_LOST) {
            question_learn_from_loss(job, wire);
        }
        if (step != JOB_WORKED) {
            return step;
        }
    }
}

enum job_step question_ask(struct job *job, struct wire *wire, enum message_type question,
                           const char *body, struct message *answer, struct failure *why)
{
    enum job_step step = question_put(job, wire, question, body, why);
    return step == JOB_WORKED ? question_await(job, wire, answer, why) : step;
}

void question_describe_reason(const struct message *answer, char text[QUESTION_REASON_BYTES])
{
    char reason[MESSAGE_REASON_BYTES_MAX + 1];
    message_read_reason(answer, reason);
    snprintf(text, QUESTION_REASON_BYTES, "%s%s", reason[0] == '\0' ? "" : "; it says: ", reason);
}

enum job_step question_misses(const struct job *job, enum log_message missed,
                              enum message_type question, const struct message *answer,
                              struct failure *why)
{
    if (answer->type == MESSAGE_ERROR) {
        char reason[QUESTION_REASON_BYTES];
        question_describe_reason(answer, reason);
        log_error(missed, "result: fail | reason: the server refused agency %" PRIu32 "'s %s%s",
                  job->agency, message_type_name(question), reason);
        return JOB_REFUSED;
    }
    failure_set(why, "%s is no answer to %s", message_type_name(answer->type),
                message_type_name(question));
    return JOB_LOST;
}
