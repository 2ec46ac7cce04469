/*
 * resume.c - see resume.h.
 *
 * A server that closes a connection on STATUS need not be one that does not know it: a
 * handler may have been killed just then, or the server may be full. So the server has to
 * close HANG_UPS_MAX connections in a row on STATUS without having answered any. Then it
 * has to leave one open while it is asked nothing, and close that one on STATUS too. A
 * connection that is reset does not count.
 */
#include "client/resume.h"

#include "client/comparison.h"
#include "client/own_draw.h"
#include "client/question.h"
#include "client/transfer.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <string.h>

enum { HANG_UPS_MAX = 3, LISTEN_MS = 500 };

/* ------------------------------------------------------------ without STATUS ---- */

static void go_unaided(struct job *job, const char *reason)
{
    job->unaided.is_on = true;
    log_warning(LOG_RESUME_WITHOUT_STATUS,
                "result: in_progress | client_id: %" PRIu32
                " | reason: %s: a server that does not know STATUS? It can't say what it has "
                "stored; going on without it, one batch at a time: a repeated run may store bets "
                "twice (resume: auto)",
                job->agency, reason);
}

/*
 * Goes on after the last batch that was acknowledged. Where the answer to the next batch was lost,
 * that batch may be stored, and is sent again.
 */
static void go_on_unaided(struct job *job, enum state_phase *phase)
{
    struct job_unaided *unaided = &job->unaided;
    const struct window_batch *batch = &unaided->unanswered;
    if (!job->met_server) {
        job->met_server = true;
        unaided->end = dataset_first(&job->dataset);
    }
    *phase = unaided->done ? STATE_DONE : STATE_OPEN;
    if (batch->rows > 0 && !unaided->doubt_told) {
        unaided->doubt_told = true;
        log_warning(LOG_BATCH_SENT_AGAIN,
                    "result: in_progress | file: %s | line: %" PRIu64
                    " | reason: the answer to rows %" PRIu64 " to %" PRIu64
                    " was lost: they are sent again, and may be stored twice",
                    job->bets_name, batch->begin.line, batch->begin.line,
                    batch->begin.line + batch->rows - 1);
    }
    dataset_seek(&job->dataset, unaided->end);
    progress_resume(&job->progress, job->stored, unaided->end.offset, clock_monotonic_ms());
}

/* -------------------------------------------------------------- asking STATUS ---- */

/* Which setting goes on with no server that does not answer STATUS; NULL: none does. */
static const char *what_requires_status(const struct job *job)
{
    if (job->config->resume == RESUME_REQUIRED) {
        return "resume: required";
    }
    if (servers_are_several(&job->servers)) {
        return "a list of servers"; /* another one goes on where this one ends */
    }
    return own_draw_needs_status(job) ? "lottery.name" : NULL;
}

/*
 * The connection ended before an answer came. `listened`: the server kept it open while it was asked
 * nothing.
 */
static enum job_step take_hang_up(struct job *job, const struct wire *wire, bool listened,
                                  struct failure *why)
{
    struct failure reason = *why;
    const char *setting = what_requires_status(job);
    if (wire->is_refused) {
        return JOB_LOST; /* this was not about STATUS */
    }
    if (job->unaided.is_on) {
        job->unaided.doubt_asked = true;
    } else if (!job->knows_status && setting != NULL) {
        failure_set(why, "STATUS: %.256s (%s goes on with no server that does not answer it)",
                    reason.text, setting);
    } else if (!job->knows_status && (wire->hung_up || wire->strange)) {
        job->status_hang_ups++;
        failure_set(why, "STATUS: %.256s", reason.text);
        if (listened) {
            go_unaided(job, "the server closes the connection on STATUS, or answers with nonsense");
        }
    }
    return JOB_LOST;
}

/* Takes an answer to STATUS that is no STATE. */
static enum job_step take_other_answer(struct job *job, const struct message *answer,
                                       struct failure *why)
{
    const char *setting = what_requires_status(job);
    bool tells_reason = answer->type == MESSAGE_ERROR && answer->body_bytes > 0;
    if (tells_reason && own_draw_take_refusal(job, answer) == JOB_OTHER_DRAW) {
        return JOB_OTHER_DRAW;
    }
    if (job->knows_status || tells_reason) {
        return question_misses(job, LOG_RESUME_STATUS_REFUSED, MESSAGE_STATUS, answer, why);
    }
    if (job->unaided.is_on) {
        job->unaided.doubt_asked = true;
        return JOB_WORKED;
    }
    if (answer->type == MESSAGE_ERROR) {
        failure_set(why, "the server refused agency %" PRIu32 "'s STATUS", job->agency);
    } else {
        failure_set(why, "the server answered agency %" PRIu32 "'s STATUS with %s", job->agency,
                    message_type_name(answer->type));
    }
    if (setting != NULL) {
        log_error(LOG_RESUME_UNANSWERED,
                  "result: fail | reason: %s, and %s goes on with no server that does not answer "
                  "it",
                  why->text, setting);
        return JOB_REFUSED;
    }
    go_unaided(job, why->text);
    return JOB_WORKED;
}

/*
 * Asks STATUS of our draw. Version 1.0 of the server refuses a STATUS with a body, as one that does
 * not know STATUS refuses any. So it is asked once more without one, and so from then on.
 */
static enum job_step put_status(struct job *job, struct wire *wire, struct message *answer,
                                struct failure *why)
{
    enum job_step step =
        question_ask(job, wire, MESSAGE_STATUS, own_draw_question(job), answer, why);
    bool is_plain_error =
        step == JOB_WORKED && answer->type == MESSAGE_ERROR && answer->body_bytes == 0;
    if (!is_plain_error || job->asks_plainly || own_draw_name(job) != NULL) {
        return step;
    }
    job->asks_plainly = true;
    return wire_is_closed(wire) ? JOB_NEXT
                                : question_ask(job, wire, MESSAGE_STATUS, NULL, answer, why);
}

/* Asks STATUS. JOB_WORKED: *state holds the answer, or the job goes on without STATUS. */
static enum job_step ask_status(struct job *job, struct wire *wire, bool listened,
                                struct state *state, struct failure *why)
{
    struct message answer;
    enum job_step step = put_status(job, wire, &answer, why);
    if (step == JOB_LOST) {
        return take_hang_up(job, wire, listened, why);
    }
    if (step != JOB_WORKED) {
        return step;
    }
    if (answer.type != MESSAGE_STATE) {
        return take_other_answer(job, &answer, why);
    }
    if (!state_parse(answer.body, answer.body_bytes, state)) {
        failure_set(why, "no count and phase in the server's answer to STATUS");
        return JOB_LOST;
    }
    job->knows_status = true;
    job->unaided.is_on = false;
    return JOB_WORKED;
}

/* ---------------------------------------------------------------- with a STATE ---- */

static enum job_step fail(const struct job *job, const struct state *state, const char *reason)
{
    log_error(LOG_RESUME_IMPOSSIBLE,
              "result: fail | guardadas: %" PRIu64 " | estado: %s | file: %s | line: %" PRIu64
              " | reason: %s",
              state->stored, state_phase_name(state->phase), job->bets_name,
              dataset_line(&job->dataset), reason);
    return JOB_FAILED;
}

/* Checks what is known of the stored bets: a server of the first version tells only their count. */
static enum job_step check_content(struct job *job, const struct state *state)
{
    if (state->has_content || state->stored == 0) {
        return JOB_WORKED;
    }
    if (job->config->resume == RESUME_REQUIRED) {
        return fail(job, state,
                    "the server tells how many bets it has stored, but not which ones, and "
                    "resume: required needs both");
    }
    if (!job->count_warned) {
        job->count_warned = true;
        log_warning(LOG_RESUME_BY_COUNT,
                    "result: in_progress | guardadas: %" PRIu64
                    " | reason: the server does not tell which bets it has stored: going on by "
                    "their count only, right if the file is the same as before",
                    state->stored);
    }
    return JOB_WORKED;
}

/* Notes what was stored when this run began, and what is stored now. */
static void note_stored(struct job *job, uint64_t stored)
{
    if (!job->met_server) {
        job->met_server = true;
        job->stored_before = stored;
    }
    if (stored < job->stored) {
        log_warning(LOG_RESUME_COUNT_FELL,
                    "result: in_progress | guardadas: %" PRIu64
                    " | reason: the server had acknowledged %" PRIu64,
                    stored, job->stored);
        job->stored_before = stored < job->stored_before ? stored : job->stored_before;
    }
    job->stored = stored;
}

/* Moves the dataset to the first row that the server has not stored. */
static enum job_step go_on_by_state(struct job *job, struct wire *wire, const struct state *state,
                                    struct failure *why)
{
    enum job_step step = own_draw_check(job, state, why);
    if (step == JOB_WORKED) {
        step = check_content(job, state);
    }
    if (step == JOB_WORKED) {
        step = comparison_run(job, wire, state);
    }
    if (step == JOB_WORKED) {
        step = own_draw_check_rest(job, state);
    }
    if (step != JOB_WORKED) {
        return step;
    }
    note_stored(job, state->stored);
    progress_resume(&job->progress, state->stored, dataset_position(&job->dataset).offset,
                    clock_monotonic_ms());
    if (state->phase != STATE_OPEN) {
        log_info(LOG_RESUME_HAS_ALL,
                 "result: success | guardadas: %" PRIu64
                 " | estado: %s | reason: nothing more to send",
                 state->stored, state_phase_name(state->phase));
    } else if (state->stored > 0) {
        log_info(LOG_RESUMED, "result: success | guardadas: %" PRIu64 " | line: %" PRIu64,
                 state->stored, dataset_line(&job->dataset));
    }
    return JOB_WORKED;
}

enum job_step resume_run(struct job *job, struct wire *wire, enum state_phase *phase,
                         struct failure *why)
{
    const struct job_unaided *unaided = &job->unaided;
    struct state state = {0};
    enum job_step step = JOB_WORKED;
    bool listens = job->status_hang_ups >= HANG_UPS_MAX;
    if (listens) {
        job->status_hang_ups = 0;
        step = transfer_silence(wire, clock_monotonic_ms() + LISTEN_MS, why);
    }
    /* A server that answers STATUS after all knows whether a batch in doubt is stored. */
    bool in_doubt = unaided->unanswered.rows > 0 && !unaided->doubt_asked;
    bool asks = !unaided->is_on || (job->config->resume == RESUME_AUTO && in_doubt);
    if (step == JOB_WORKED && asks) {
        step = ask_status(job, wire, listens, &state, why);
    }
    if (step != JOB_WORKED) {
        return step;
    }
    if (unaided->is_on) {
        go_on_unaided(job, phase);
        return JOB_WORKED;
    }
    *phase = state.phase;
    return go_on_by_state(job, wire, &state, why);
}
