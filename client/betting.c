/*
 * betting.c - see betting.h.
 */
#include "client/betting.h"

#include "client/composer.h"
#include "client/congestion.h"
#include "client/question.h"
#include "client/refusal.h"
#include "client/transfer.h"
#include "client/window.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>

enum { NS_PER_US = 1000, US_PER_MS = 1000 };

/* The betting on one connection. */
struct betting {
    struct job *job;
    struct wire *wire;
    struct window window; /* what is unanswered, batch.inFlight batches at most */
    struct congestion congestion;
    struct composer_limits limits;
    bool all_composed; /* the file has been read to its end */
};

static int64_t now_us(void)
{
    return clock_monotonic_ns() / NS_PER_US;
}

static bool has_room(const struct betting *betting)
{
    return !window_is_full(&betting->window) &&
           (betting->job->config->batch_window == BATCH_WINDOW_FIXED ||
            congestion_has_room(&betting->congestion));
}

/* Room for a message; the wire is emptied into the socket first, where it is full. */
static char *reserve_message(struct wire *wire)
{
    char *out = wire_reserve(wire, COMPOSER_BYTES_MAX);
    if (out == NULL) {
        wire_send(wire);
        out = wire_reserve(wire, COMPOSER_BYTES_MAX);
    }
    return out;
}

/* Composes batches for as long as there is room for them. */
static enum job_step compose_batches(struct betting *betting)
{
    struct job *job = betting->job;
    if (window_is_empty(&betting->window) && question_is_out_of_place(job, betting->wire)) {
        return JOB_NEXT;
    }
    while (!betting->all_composed && has_room(betting)) {
        struct window_batch batch;
        struct failure why;
        size_t bytes = 0;
        char *out = reserve_message(betting->wire);
        if (out == NULL) {
            break;
        }
        enum dataset_result result =
            composer_write(&job->dataset, &betting->limits, out, &bytes, &batch, &why);
        if (result == DATASET_FAILED || result == DATASET_BAD_ROW) {
            refusal_log_line(job, dataset_line(&job->dataset), why.text);
            return result == DATASET_BAD_ROW ? JOB_BAD_BETS : JOB_FAILED;
        }
        betting->all_composed = result == DATASET_END;
        if (result == DATASET_ROW) {
            batch.bytes = bytes;
            batch.sent_us = now_us();
            wire_commit(betting->wire, bytes);
            congestion_note_sent(&betting->congestion, bytes);
            window_push(&betting->window, &batch);
        }
    }
    return JOB_WORKED;
}

/*
 * Takes an ERROR. If no row is wrong, another connection has probably asked STATUS after
 * this one. It may be one of a run that was killed, whose STATUS the server read late. A
 * new connection then claims the agency again. The second refusal of the same row is
 * final, and so is the first one of a server that does not know STATUS.
 */
static enum job_step take_refusal(struct job *job, const struct window_batch *batch,
                                  const struct message *answer, struct failure *why)
{
    if (refusal_finds_row(job, batch)) {
        return JOB_BAD_BETS;
    }
    refusal_describe_rows(batch, answer, why);
    if (job->refused_line == batch->begin.line || job->unaided.is_on) {
        refusal_log_line(job, batch->begin.line, why->text);
        return JOB_REFUSED;
    }
    job->refused_line = batch->begin.line;
    return JOB_LOST;
}

/* Takes the answer to the oldest batch. */
static enum job_step take_answer(struct betting *betting, const struct message *answer,
                                 struct failure *why)
{
    struct job *job = betting->job;
    if (window_is_empty(&betting->window) ||
        (answer->type != MESSAGE_ACK && answer->type != MESSAGE_ERROR)) {
        failure_set(why, "%s came where a batch was to be answered",
                    message_type_name(answer->type));
        return JOB_LOST;
    }
    struct window_batch batch = window_pop(&betting->window);
    if (answer->type == MESSAGE_ERROR) {
        return take_refusal(job, &batch, answer, why);
    }
    int64_t answered_us = now_us();
    int64_t now_ms = answered_us / US_PER_MS;
    congestion_note_answered(&betting->congestion, batch.bytes, batch.sent_us, answered_us);
    job->stored += batch.rows;
    job->unaided.end =
        (struct dataset_mark){.offset = batch.end_offset, .line = batch.begin.line + batch.rows};
    job->unaided.unanswered.rows = 0;
    patience_progress(&job->patience, now_ms);
    progress_advance(&job->progress, batch.rows, batch.end_offset, now_ms);
    log_debug(LOG_BATCH_ACKNOWLEDGED, "result: success | cantidad: %" PRIu64, batch.rows);
    return JOB_WORKED;
}

/* Sends batches and takes answers until every batch of the file is answered. */
static enum job_step exchange(struct betting *betting, struct failure *why)
{
    struct job *job = betting->job;
    while (true) {
        enum job_step step = compose_batches(betting);
        if (step != JOB_WORKED || window_is_empty(&betting->window)) {
            return step;
        }
        step = transfer_bytes(job, betting->wire, patience_deadline_ms(&job->patience), why);
        struct message answer;
        enum wire_answer next = WIRE_NOTHING;
        while (step == JOB_WORKED &&
               (next = wire_next(betting->wire, &answer, why)) == WIRE_ANSWER) {
            step = take_answer(betting, &answer, why);
        }
        if (step != JOB_WORKED) {
            return step;
        }
        if (next == WIRE_NONSENSE) {
            return JOB_LOST;
        }
    }
}

enum job_step betting_run(struct job *job, struct wire *wire, struct failure *why)
{
    struct betting betting = {
        .job = job,
        .wire = wire,
        .limits = {.agency = job->agency, .rows_max = job->config->batch_max_amount}};
    size_t in_flight = job->unaided.is_on ? 1 : (size_t)job->config->batch_in_flight;
    if (!window_open(&betting.window, in_flight, why)) {
        log_error(LOG_BETTING_NO_MEMORY, "result: fail | reason: %s", why->text);
        return JOB_FAILED;
    }
    congestion_begin(&betting.congestion, in_flight * COMPOSER_BYTES_MAX, now_us(),
                     clock_wall_ms() * US_PER_MS);
    enum job_step step = exchange(&betting, why);
    if (step == JOB_LOST && job->unaided.is_on && !window_is_empty(&betting.window)) {
        job->unaided.unanswered = window_pop(&betting.window); /* it may be stored */
        job->unaided.doubt_asked = false;
        job->unaided.doubt_told = false;
        question_learn_from_loss(job, wire);
    }
    window_close(&betting.window);
    return step;
}
