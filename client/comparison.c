/*
 * comparison.c - see comparison.h.
 */
#include "client/comparison.h"

#include "client/first_rows.h"
#include "client/question.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROWS_BETWEEN_LOOKS = 4096, ROWS_TEXT_BYTES = 24 };

struct comparison {
    struct job *job;
    struct wire *wire;
    const struct state *state; /* what the server said of all that is stored */
    struct first_rows first;
    enum first_rows_end end; /* of reading as many rows as are stored */
    struct failure failure;  /* of the row after the last good one, or of reading */
    uint64_t rows;           /* of the file that could be compared */
};

/* Takes rows, and looks for a signal now and then, because there may be millions of rows. */
static enum job_step take_rows(struct comparison *comparison, uint64_t rows,
                               enum first_rows_end *end)
{
    *end = FIRST_ROWS_TAKEN;
    while (rows > 0 && *end == FIRST_ROWS_TAKEN) {
        uint64_t some = rows < ROWS_BETWEEN_LOOKS ? rows : ROWS_BETWEEN_LOOKS;
        if (interrupt_is_pending(comparison->job->interrupt)) {
            return JOB_STOPPED;
        }
        *end = first_rows_advance(&comparison->first, some, &comparison->failure);
        rows -= some;
    }
    return JOB_WORKED;
}

/* ------------------------------------------------- the first row that differs ---- */

/*
 * Asks the server for the checksum of its first `rows` rows. False where it does not tell;
 * the connection may be closed then.
 */
static bool ask_prefix(struct comparison *comparison, uint64_t rows, struct state *state,
                       enum job_step *step)
{
    struct job *job = comparison->job;
    struct message answer;
    struct failure why;
    char body[ROWS_TEXT_BYTES];
    snprintf(body, sizeof body, "%" PRIu64, rows);
    *step = question_ask(job, comparison->wire, MESSAGE_PREFIX, body, &answer, &why);
    if (*step != JOB_WORKED) {
        log_debug(LOG_RESUME_PREFIX_MISSED, "result: in_progress | reason: PREFIX %" PRIu64 ": %s",
                  rows, *step == JOB_LOST ? why.text : "stopped");
        return false;
    }
    patience_progress(&job->patience, clock_monotonic_ms());
    return answer.type == MESSAGE_STATE && state_parse(answer.body, answer.body_bytes, state) &&
           state->has_content && state->stored == rows;
}

/*
 * Finds the first row that differs, by bisection. Row number *differs, counted from 1, is
 * known to differ. JOB_WORKED: *differs is the first one.
 */
static enum job_step search(struct comparison *comparison, uint64_t *differs)
{
    struct first_rows *first = &comparison->first;
    struct first_rows_mark agrees = first_rows_start(first);
    while (*differs - agrees.rows > 1) {
        uint64_t middle = agrees.rows + (*differs - agrees.rows) / 2;
        struct state state;
        enum first_rows_end end = FIRST_ROWS_TAKEN;
        first_rows_seek(first, &agrees);
        enum job_step step = take_rows(comparison, middle - agrees.rows, &end);
        if (step != JOB_WORKED) {
            return step;
        }
        if (end != FIRST_ROWS_TAKEN || !ask_prefix(comparison, middle, &state, &step)) {
            return step == JOB_STOPPED ? JOB_STOPPED : JOB_LOST;
        }
        if (first->at.checksum == state.checksum) {
            agrees = first->at;
        } else {
            *differs = middle;
        }
    }
    return JOB_WORKED;
}

/* --------------------------------------------------------------- what is said ---- */

/* Says in what the file differs. `is_first`: row `differs` is known to be the first one. */
static void set_reason(const struct comparison *comparison, uint64_t differs, bool is_first,
                       struct failure *reason)
{
    const struct state *state = comparison->state;
    bool is_after_good = differs == comparison->rows + 1;
    if (is_after_good && comparison->end == FIRST_ROWS_ENDED) {
        failure_set(reason, "the file holds fewer rows than the server: %" PRIu64 " of %" PRIu64,
                    comparison->rows, state->stored);
    } else if (is_after_good && comparison->end == FIRST_ROWS_BAD_ROW) {
        failure_set(reason, "row %" PRIu64 " is no bet (%s), but the one that is stored is",
                    differs, comparison->failure.text);
    } else if (is_first) {
        failure_set(reason, "row %" PRIu64 " is not the one that is stored", differs);
    } else {
        failure_set(reason,
                    "the first %" PRIu64 " rows are not those that are stored, and the server does "
                    "not say where they begin to differ",
                    state->stored);
    }
}

/* Logs that the file is another one, and the line where it differs if the server tells. */
static enum job_step name_difference(struct comparison *comparison)
{
    const struct state *state = comparison->state;
    bool known_row = comparison->end != FIRST_ROWS_TAKEN;
    uint64_t differs = known_row ? comparison->rows + 1 : state->stored;
    enum job_step step = state->has_content ? search(comparison, &differs) : JOB_LOST;
    if (step == JOB_STOPPED) {
        return step;
    }
    if (step != JOB_WORKED && known_row) {
        differs = comparison->rows + 1;
    }
    bool is_first = step == JOB_WORKED || known_row;
    struct failure reason;
    set_reason(comparison, differs, is_first, &reason);
    log_error(LOG_RESUME_OTHER_ROWS,
              "result: fail | guardadas: %" PRIu64 " | estado: %s | file: %s | line: %" PRIu64
              " | reason: %s; nothing was sent: restore the rows that are stored%s",
              state->stored, state_phase_name(state->phase), comparison->job->bets_name,
              is_first ? differs : 1, reason.text,
              state->phase == STATE_DRAWN ? "; " COMPARISON_NEW_LOTTERY : "");
    return JOB_OTHER_BETS;
}

/* ---------------------------------------------------------------- comparison ---- */

static enum job_step compare(struct comparison *comparison)
{
    const struct state *state = comparison->state;
    enum job_step step = take_rows(comparison, state->stored, &comparison->end);
    if (step != JOB_WORKED) {
        return step;
    }
    comparison->rows = comparison->first.at.rows;
    if (comparison->end == FIRST_ROWS_FAILED) {
        log_error(LOG_RESUME_FILE_UNREADABLE,
                  "result: fail | guardadas: %" PRIu64 " | file: %s | line: %" PRIu64
                  " | reason: %s",
                  state->stored, comparison->job->bets_name,
                  dataset_line(&comparison->job->dataset), comparison->failure.text);
        return JOB_FAILED;
    }
    bool same = comparison->end == FIRST_ROWS_TAKEN &&
                (!state->has_content || comparison->first.at.checksum == state->checksum);
    return same ? JOB_WORKED : name_difference(comparison);
}

enum job_step comparison_run(struct job *job, struct wire *wire, const struct state *state)
{
    struct comparison comparison = {.job = job, .wire = wire, .state = state};
    if (!first_rows_open(&comparison.first, &job->dataset, job->agency, &comparison.failure)) {
        log_error(LOG_RESUME_NO_MEMORY, "result: fail | reason: %s", comparison.failure.text);
        return JOB_FAILED;
    }
    enum job_step step = compare(&comparison);
    first_rows_close(&comparison.first);
    return step;
}
