/*
 * lookup.c - see lookup.h.
 */
#include "client/lookup.h"

#include "client/own_draw.h"
#include "client/question.h"
#include "client/transfer.h"
#include "client/winners_report.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>

/* -------------------------------------------------------------- WINNERS ---- */

static enum job_step fail_to_keep(const struct job *job, const struct failure *why)
{
    log_error(LOG_WINNERS_NOT_SAVED, "result: fail | file: %s | reason: %s",
              job->config->winners_file, why->text);
    return JOB_FAILED;
}

/* Takes the rows that have come. *whole: the last row was among them. */
static enum job_step take_rows(struct job *job, struct wire *wire, struct winners_report *report,
                               bool *whole, struct failure *why)
{
    const char *line = NULL;
    size_t bytes = 0;
    while (!*whole && wire_next_line(wire, &line, &bytes)) {
        bytes--; /* its LF */
        *whole = bytes > 0 && line[bytes - 1] == '\r';
        bytes -= *whole ? 1 : 0;
        if (*whole && bytes == 0) {
            break;
        }
        switch (winners_report_take(report, line, bytes, why)) {
        case WINNERS_TAKEN:
            break;
        case WINNERS_NO_BET:
            return JOB_LOST;
        case WINNERS_NOT_WRITTEN:
            return fail_to_keep(job, why);
        }
    }
    if (report->winners > job->winners_seen) {
        job->winners_seen = report->winners;
        patience_progress(&job->patience, clock_monotonic_ms());
    }
    return JOB_WORKED;
}

/* Takes the rows until the last one. Each has to come within a lapse of the one before. */
static enum job_step take_all_rows(struct job *job, struct wire *wire,
                                   struct winners_report *report, bool whole, struct failure *why)
{
    while (true) {
        enum job_step step = take_rows(job, wire, report, &whole, why);
        if (step != JOB_WORKED || whole) {
            return step;
        }
        int64_t deadline_ms = clock_monotonic_ms() + job->config->loop_lapse_ms;
        step = transfer_bytes(job, wire, deadline_ms, why);
        if (step != JOB_WORKED) {
            return step;
        }
    }
}

/* Takes the winners, and keeps them. `whole`: there are no rows to come. */
static enum job_step take_winners(struct job *job, struct wire *wire, bool whole,
                                  struct failure *why)
{
    struct winners_report report;
    if (!winners_report_open(&report, job->config->winners_file, job->agency, why)) {
        return fail_to_keep(job, why);
    }
    enum job_step step = take_all_rows(job, wire, &report, whole, why);
    if (step != JOB_WORKED) {
        winners_report_discard(&report);
        return step;
    }
    log_info(LOG_WINNERS_RECEIVED, "result: success | cant_ganadores: %" PRIu64, report.winners);
    if (!winners_report_keep(&report, why)) {
        return fail_to_keep(job, why);
    }
    char state[PROGRESS_STATE_BYTES];
    snprintf(state, sizeof state, "%" PRIu64 " winner%s", report.winners,
             report.winners == 1 ? "" : "s");
    progress_set_state(&job->progress, state);
    return JOB_WORKED;
}

/* ------------------------------------------------------------- waiting ---- */

/*
 * Waits for loop.period, unless the server sends something first. A server that does not know
 * STATUS may close the connection after each answer. The pause then goes on without it.
 */
static enum job_step pause_before_asking_again(struct job *job, struct wire *wire,
                                               struct failure *why)
{
    int64_t until_ms = clock_monotonic_ms() + job->config->loop_period_ms;
    progress_set_state(&job->progress, "waiting for the draw");
    enum job_step step = transfer_silence(wire, until_ms, why);
    if (step == JOB_LOST && job->unaided.is_on && wire->hung_up) {
        bool stopped = interrupt_wait(job->interrupt, -1, 0, until_ms) == INTERRUPT_STOPPED;
        step = stopped ? JOB_STOPPED : JOB_NEXT;
    }
    if (step == JOB_WORKED || step == JOB_NEXT) {
        patience_progress(&job->patience,
                          clock_monotonic_ms()); /* this silence was not the server's */
    }
    return step;
}

/* Waits for the answer. *begins: it is WINNERS, whose rows are still to be taken. */
static enum job_step await_answer(struct job *job, struct wire *wire, bool *begins,
                                  struct message *answer, struct failure *why)
{
    while (true) {
        *begins = wire_begins(wire, MESSAGE_WINNERS);
        enum wire_answer next = *begins ? WIRE_ANSWER : wire_next(wire, answer, why);
        if (next != WIRE_NOTHING) {
            return next == WIRE_ANSWER ? JOB_WORKED : JOB_LOST;
        }
        enum job_step step = transfer_bytes(job, wire, patience_deadline_ms(&job->patience), why);
        if (step != JOB_WORKED) {
            return step;
        }
    }
}

/*
 * Does one look-up. WAIT counts as progress: the server is there, and other agencies
 * delay the draw. A silence for as long as it may last counts too, because the server may hold a
 * look-up for longer than that (winners.wait). A dead server does not gain from it: one
 * that knows STATUS has to answer it and DONE again on the next connection.
 */
static enum job_step look_up(struct job *job, struct wire *wire, bool *begins,
                             struct message *answer, struct failure *why)
{
    enum job_step step = question_put(job, wire, MESSAGE_REQUEST, own_draw_name(job), why);
    if (step != JOB_WORKED) {
        return step;
    }
    step = await_answer(job, wire, begins, answer, why);
    int64_t now_ms = clock_monotonic_ms();
    bool waits = step == JOB_WORKED && !*begins && answer->type == MESSAGE_WAIT;
    bool lapsed = step == JOB_LOST && job->is_silent;
    if (waits || lapsed) {
        patience_progress(&job->patience, now_ms);
    }
    if (step == JOB_LOST) {
        question_learn_from_loss(job, wire);
    }
    return step;
}

enum job_step lookup_run(struct job *job, struct wire *wire, struct failure *why)
{
    wire->answer_bytes_max = WIRE_ROWS_BYTES;
    while (true) {
        struct message answer;
        bool begins = false;
        enum job_step step = look_up(job, wire, &begins, &answer, why);
        if (step != JOB_WORKED) {
            return step;
        }
        if (begins || answer.type == MESSAGE_WINNERS) {
            return take_winners(job, wire, !begins, why);
        }
        if (answer.type != MESSAGE_WAIT) {
            return question_misses(job, LOG_WINNERS_REFUSED, MESSAGE_REQUEST, &answer, why);
        }
        step = pause_before_asking_again(job, wire, why);
        if (step != JOB_WORKED) {
            return step;
        }
    }
}
