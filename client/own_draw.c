/*
 * own_draw.c - see own_draw.h.
 */
#include "client/own_draw.h"

#include "client/comparison.h"
#include "client/question.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_BETWEEN_LOOKS = 4096, BETS_TEXT_BYTES = 128 };

/* ------------------------------------------------------------------ its name ---- */

const char *own_draw_name(const struct job *job)
{
    return job->draw[0] == '\0' ? NULL : job->draw;
}

/* Our draw as far as it is known: NULL where any will do. */
static const char *wanted(const struct job *job)
{
    if (job->draw[0] != '\0') {
        return job->draw;
    }
    return job->config->lottery_name[0] == '\0' ? NULL : job->config->lottery_name;
}

const char *own_draw_question(const struct job *job)
{
    const char *name = wanted(job);
    if (job->asks_plainly) {
        return NULL;
    }
    return name == NULL ? MESSAGE_ANY_DRAW : name;
}

bool own_draw_needs_status(const struct job *job)
{
    return job->config->lottery_name[0] != '\0';
}

bool own_draw_takes_no_done(const struct job *job, enum state_phase phase)
{
    return phase == STATE_CLOSED || (phase == STATE_DRAWN && job->draw[0] != '\0');
}

enum job_step own_draw_take_refusal(const struct job *job, const struct message *answer)
{
    const char *name = wanted(job);
    char reason[QUESTION_REASON_BYTES];
    if (name == NULL || job->asks_plainly) {
        return JOB_WORKED;
    }
    question_describe_reason(answer, reason);
    log_error(LOG_RESUME_DRAW_REFUSED,
              "result: fail | guardadas: %" PRIu64
              " | draw: %s | reason: the server refused agency %" PRIu32
              "'s STATUS of this draw%s; nothing was sent to another one",
              job->stored, name, job->agency, reason);
    return JOB_OTHER_DRAW;
}

/* -------------------------------------------------------------- is it ours ---- */

/* Logs that this is not our draw. */
static void log_other(const struct job *job, const struct state *state, const char *reason)
{
    log_error(LOG_RESUME_OTHER_LOTTERY,
              "result: fail | guardadas: %" PRIu64
              " | estado: %s | lottery: %s | lottery_before: %s | reason: %s",
              state->stored, state_phase_name(state->phase),
              state->has_content ? state->identity : "untold",
              job->identity[0] == '\0' ? "untold" : job->identity, reason);
}

enum job_step own_draw_check(struct job *job, const struct state *state, struct failure *why)
{
    const char *name = wanted(job);
    bool is_told = state->draw[0] != '\0';
    if (name != NULL && is_told && strcmp(name, state->draw) != 0) {
        failure_set(why, "STATUS of the draw %s was answered with that of %s", name, state->draw);
        return JOB_LOST;
    }
    if (job->config->lottery_name[0] != '\0' && !is_told) {
        log_other(job, state,
                  "lottery.name is set, and the server does not tell which draw it holds; nothing "
                  "was sent");
        return JOB_OTHER_DRAW;
    }
    if (job->identity[0] != '\0' && strcmp(job->identity, state->identity) != 0) {
        log_other(job, state,
                  "another lottery has taken the place of the one that this run began with; "
                  "nothing was sent to it: start the agency again for the new one");
        return JOB_OTHER_BETS;
    }
    memcpy(job->identity, state->identity, sizeof job->identity);
    if (is_told) {
        memcpy(job->draw, state->draw, sizeof job->draw);
    }
    return JOB_WORKED;
}

/* ------------------------------------------------------------- what is left ---- */

static enum job_step fail(const struct job *job, const struct state *state, enum job_step step,
                          const char *reason)
{
    log_error(LOG_RESUME_OWN_DRAW_LEFT,
              "result: fail | guardadas: %" PRIu64 " | estado: %s | file: %s | line: %" PRIu64
              " | reason: %s",
              state->stored, state_phase_name(state->phase), job->bets_name,
              dataset_line(&job->dataset), reason);
    return step;
}

/* Writes "900 of 1000 bets", or how many there are at least where the rest can't be read. */
static enum job_step count_bets(struct job *job, uint64_t stored, char text[BETS_TEXT_BYTES])
{
    struct dataset_row row;
    struct failure failure;
    enum dataset_result result = DATASET_ROW;
    uint64_t bets = stored;
    while ((result = dataset_peek(&job->dataset, &row, &failure)) == DATASET_ROW) {
        dataset_take(&job->dataset, &row);
        if (++bets % ROWS_BETWEEN_LOOKS == 0 && interrupt_is_pending(job->interrupt)) {
            return JOB_STOPPED;
        }
    }
    snprintf(text, BETS_TEXT_BYTES, "%" PRIu64 " of %s%" PRIu64 " bets of the file", stored,
             result == DATASET_END ? "" : "at least ", bets);
    return JOB_WORKED;
}

/* Ends a run whose draw takes no more bets. Says what became of it, and of the bets. */
static enum job_step end_without(struct job *job, const struct state *state)
{
    char bets[BETS_TEXT_BYTES];
    struct failure reason;
    const struct dataset_mark rest = dataset_position(&job->dataset);
    enum job_step step = count_bets(job, state->stored, bets);
    if (step != JOB_WORKED) {
        return step;
    }
    dataset_seek(&job->dataset, rest); /* the line that is told */
    if (state->phase == STATE_CLOSED) {
        failure_set(&reason,
                    "sales of the draw %s are closed with %s stored; no more are taken for it",
                    state->draw, bets);
    } else if (state->phase == STATE_ABANDONED) {
        failure_set(&reason,
                    "the draw %s was abandoned with %s stored; it will have no winners, and the "
                    "bets are in no other draw",
                    state->draw, bets);
    } else {
        failure_set(&reason, "the draw %s has been held with %s stored: " COMPARISON_NEW_LOTTERY,
                    state->draw, bets);
    }
    return fail(job, state, JOB_OTHER_DRAW, reason.text);
}

enum job_step own_draw_check_rest(struct job *job, const struct state *state)
{
    struct dataset_row row;
    struct failure failure;
    if (state->phase == STATE_OPEN) {
        return JOB_WORKED;
    }
    enum dataset_result next = dataset_peek(&job->dataset, &row, &failure);
    if (state->phase == STATE_ABANDONED ||
        (next == DATASET_ROW && state->draw[0] != '\0' && state->phase != STATE_DONE)) {
        return end_without(job, state);
    }
    if (next == DATASET_END) {
        return JOB_WORKED;
    }
    if (next != DATASET_ROW) {
        return fail(job, state, next == DATASET_BAD_ROW ? JOB_BAD_BETS : JOB_FAILED, failure.text);
    }
    return fail(
        job, state, JOB_FAILED,
        state->phase == STATE_DRAWN
            ? "the draw has been held, but the file holds more rows: " COMPARISON_NEW_LOTTERY
            : "the agency is done, but its file holds more rows");
}
