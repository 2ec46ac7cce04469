/*
 * session.c - see session.h.
 */
#include "client/session.h"

#include "client/betting.h"
#include "client/state.h"
#include "client/turn.h"
#include "client/winners_report.h"
#include "client/wire.h"
#include "lib/bet.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROWS_BETWEEN_LOOKS = 4096 };

/* One connection. */
struct session {
    struct job *job;
    struct wire wire;
    struct state state; /* what the server said at the start */
};

/* Asks one question without a body and waits for its answer. */
static enum job_step ask(struct session *session, enum message_type question,
                         struct message *answer, struct failure *why)
{
    struct job *job = session->job;
    if (wire_has_unread(&session->wire)) {
        (void)failure_set(why, "the server said something unasked");
        return JOB_LOST;
    }
    char *out = wire_reserve(&session->wire, MESSAGE_HEADER_BYTES_MAX);
    invariant(out != NULL, "%zu bytes unsent", session->wire.out_used);
    wire_commit(&session->wire, message_write_from_agency(out, job->agency, question, false));
    while (true) {
        enum wire_answer next = wire_next(&session->wire, answer, why);
        if (next != WIRE_NOTHING) {
            return next == WIRE_ANSWER ? JOB_WORKED : JOB_LOST;
        }
        enum job_step step =
            turn_wire(job, &session->wire, patience_deadline_ms(&job->patience), why);
        if (step != JOB_WORKED) {
            return step;
        }
    }
}

/* An answer of the wrong type: ERROR is final, anything else means that we don't understand. */
static enum job_step unexpected(const struct session *session, const char *action,
                                enum message_type question, const struct message *answer,
                                struct failure *why)
{
    if (answer->type == MESSAGE_ERROR) {
        log_error("action: %s | result: fail | reason: the server refused agency %" PRIu32 "'s %s",
                  action, session->job->agency, message_type_name(question));
        return JOB_FAILED;
    }
    (void)failure_set(why, "%s is no answer to %s", message_type_name(answer->type),
                      message_type_name(question));
    return JOB_LOST;
}

/* -------------------------------------------------------------- STATUS ---- */

static enum job_step ask_status(struct session *session, struct failure *why)
{
    struct message answer;
    enum job_step step = ask(session, MESSAGE_STATUS, &answer, why);
    if (step != JOB_WORKED) {
        return step;
    }
    if (answer.type != MESSAGE_STATE) {
        return unexpected(session, "reanudar", MESSAGE_STATUS, &answer, why);
    }
    if (!state_parse(answer.body, answer.body_bytes, &session->state)) {
        (void)failure_set(why, "no count and phase in the server's answer to STATUS");
        return JOB_LOST;
    }
    return JOB_WORKED;
}

/* Keeps the books: what this run found, what it knows to be stored. */
static void note_stored(struct job *job, uint64_t stored)
{
    if (!job->met_server) {
        job->met_server = true;
        job->stored_before = stored;
    }
    if (stored < job->stored) {
        log_warning("action: reanudar | result: in_progress | guardadas: %" PRIu64
                    " | reason: the server had acknowledged %" PRIu64,
                    stored, job->stored);
        job->stored_before = stored < job->stored_before ? stored : job->stored_before;
    }
    job->stored = stored;
}

static enum job_step fail_to_resume(const struct session *session, const char *reason)
{
    log_error("action: reanudar | result: fail | guardadas: %" PRIu64
              " | estado: %s | file: %s | line: %" PRIu64 " | reason: %s",
              session->state.stored, state_phase_name(session->state.phase),
              session->job->bets_name, dataset_line(&session->job->dataset), reason);
    return JOB_FAILED;
}

/* Where the server takes no more bets there has to be nothing left to send. */
static enum job_step check_nothing_left(const struct session *session)
{
    struct dataset_row row;
    struct failure failure;
    switch (dataset_peek(&session->job->dataset, &row, &failure)) {
    case DATASET_END:
        return JOB_WORKED;
    case DATASET_FAILED:
        return fail_to_resume(session, failure.text);
    case DATASET_ROW:
        break;
    }
    return fail_to_resume(session, session->state.phase == STATE_DRAWN
                                       ? "the draw has been held, but the file holds more rows"
                                       : "the agency is done, but its file holds more rows");
}

static void log_resumed(const struct session *session)
{
    if (session->state.phase != STATE_OPEN) {
        log_info("action: reanudar | result: success | guardadas: %" PRIu64
                 " | estado: %s | reason: nothing more to send",
                 session->state.stored, state_phase_name(session->state.phase));
    } else if (session->state.stored > 0) {
        log_info("action: reanudar | result: success | guardadas: %" PRIu64 " | line: %" PRIu64,
                 session->state.stored, dataset_line(&session->job->dataset));
    }
}

/* Skips the rows that the server holds, and looks for a signal now and then: there may be millions. */
static enum job_step skip_stored(struct session *session, uint64_t *end_offset)
{
    struct job *job = session->job;
    struct failure failure;
    enum dataset_result result = DATASET_ROW;
    uint64_t left = session->state.stored;
    dataset_rewind(&job->dataset);
    do {
        uint64_t skipped = 0;
        uint64_t rows = left < ROWS_BETWEEN_LOOKS ? left : ROWS_BETWEEN_LOOKS;
        if (interrupt_is_pending(job->interrupt)) {
            return JOB_STOPPED;
        }
        result = dataset_skip(&job->dataset, rows, &skipped, end_offset, &failure);
        left -= skipped;
    } while (result == DATASET_ROW && left > 0);
    if (result == DATASET_FAILED) {
        return fail_to_resume(session, failure.text);
    }
    return result == DATASET_END
               ? fail_to_resume(session, "the file holds fewer rows than the server")
               : JOB_WORKED;
}

/* Goes on where the server says that we are. */
static enum job_step resume(struct session *session)
{
    struct job *job = session->job;
    uint64_t end_offset = 0;
    enum job_step step = skip_stored(session, &end_offset);
    if (step != JOB_WORKED) {
        return step;
    }
    if (session->state.phase != STATE_OPEN && check_nothing_left(session) != JOB_WORKED) {
        return JOB_FAILED;
    }
    note_stored(job, session->state.stored);
    progress_resume(&job->progress, session->state.stored, end_offset, clock_monotonic_ms());
    log_resumed(session);
    return JOB_WORKED;
}

/* ---------------------------------------------------------- BET and DONE ---- */

/*
 * Which bet the server holds it does not tell, only how many: unless this run
 * made them more, the one that it was given may be another one.
 */
static void report_single_bet(const struct job *job)
{
    const struct client_config *config = job->config;
    if (job->stored > job->stored_before) {
        log_info("action: apuesta_enviada | result: success | dni: %s | numero: %s",
                 config->document, config->number);
    } else {
        log_warning("action: apuesta_enviada | result: fail | dni: %s | numero: %s"
                    " | reason: the server holds a bet of agency %" PRIu32
                    " already, this one was not sent",
                    config->document, config->number, job->agency);
    }
}

static void report_bets(struct job *job)
{
    if (job->bets_reported) {
        return;
    }
    job->bets_reported = true;
    if (job->config->single_bet) {
        report_single_bet(job);
    } else {
        log_info("action: apuesta_enviada | result: success | cantidad: %" PRIu64
                 " | guardadas: %" PRIu64,
                 job->stored - job->stored_before, job->stored);
    }
}

static enum job_step send_bets(struct session *session, struct failure *why)
{
    struct job *job = session->job;
    if (session->state.phase != STATE_OPEN) {
        if (job->config->single_bet) {
            report_bets(job);
        }
        return JOB_WORKED;
    }
    progress_set_state(&job->progress, "betting");
    enum job_step step = betting_run(job, &session->wire, why);
    if (step == JOB_WORKED) {
        report_bets(job);
    }
    return step;
}

/*
 * Another connection has probably asked STATUS after us, as for a refused batch
 * (betting.c): a new connection takes the agency back, once.
 */
static enum job_step take_refused_done(struct session *session, const struct message *answer,
                                       struct failure *why)
{
    struct job *job = session->job;
    if (answer->type != MESSAGE_ERROR || job->done_refused) {
        return unexpected(session, "apuestas_terminadas", MESSAGE_DONE, answer, why);
    }
    job->done_refused = true;
    (void)failure_set(why, "the server refused agency %" PRIu32 "'s DONE", job->agency);
    return JOB_LOST;
}

static enum job_step say_done(struct session *session, struct failure *why)
{
    struct message answer;
    enum job_step step = ask(session, MESSAGE_DONE, &answer, why);
    if (step != JOB_WORKED) {
        return step;
    }
    if (answer.type != MESSAGE_ACK) {
        return take_refused_done(session, &answer, why);
    }
    if (session->state.phase == STATE_OPEN) {
        patience_progress(&session->job->patience, clock_monotonic_ms());
    }
    log_debug("action: apuestas_terminadas | result: success | client_id: %" PRIu32,
              session->job->agency);
    return JOB_WORKED;
}

/* -------------------------------------------------------------- WINNERS ---- */

static void show_winners(struct job *job, uint64_t winners)
{
    char state[PROGRESS_STATE_BYTES];
    (void)snprintf(state, sizeof state, "%" PRIu64 " winner%s", winners, winners == 1 ? "" : "s");
    progress_set_state(&job->progress, state);
}

static enum job_step take_winners(struct session *session, const struct message *answer,
                                  struct failure *why)
{
    struct job *job = session->job;
    const char *path = job->config->winners_file;
    uint64_t winners = 0;
    if (!winners_report_check(job->agency, answer->body, answer->body_bytes, &winners, why)) {
        return JOB_LOST;
    }
    log_info("action: consulta_ganadores | result: success | cant_ganadores: %" PRIu64, winners);
    if (path[0] != '\0' && !winners_report_write(path, answer->body, answer->body_bytes, why)) {
        log_error("action: ganadores_guardados | result: fail | file: %s | reason: %s", path,
                  why->text);
        return JOB_FAILED;
    }
    show_winners(job, winners);
    return JOB_WORKED;
}

/* Lets loop.period go by, unless the server closes the connection or says something first. */
static enum job_step pause_before_asking_again(struct session *session, struct failure *why)
{
    struct job *job = session->job;
    int64_t until_ms = clock_monotonic_ms() + (int64_t)job->config->loop_period_ms;
    progress_set_state(&job->progress, "waiting for the draw");
    switch (wire_turn(&session->wire, until_ms, why)) {
    case WIRE_LAPSED:
        patience_progress(&job->patience, clock_monotonic_ms()); /* the pause was ours */
        return JOB_WORKED;
    case WIRE_STOPPED:
        return JOB_STOPPED;
    case WIRE_MOVED:
        (void)failure_set(why, "the server said something unasked");
        break;
    case WIRE_LOST:
    case WIRE_NO_MEMORY:
        break;
    }
    return JOB_LOST;
}

/*
 * One look-up. WAIT is progress: the server is there, and the draw is not its to
 * hasten. So is a silence of a whole lapse, because the server may hold a look-up
 * for longer than that (winners.wait): it has answered STATUS and DONE on this
 * connection, and has to answer them again on the next one.
 */
static enum job_step look_up(struct session *session, struct message *answer, struct failure *why)
{
    struct patience *patience = &session->job->patience;
    enum job_step step = ask(session, MESSAGE_REQUEST, answer, why);
    int64_t now_ms = clock_monotonic_ms();
    bool waits = step == JOB_WORKED && answer->type == MESSAGE_WAIT;
    bool lapsed = step == JOB_LOST && now_ms >= patience_deadline_ms(patience);
    if (waits || lapsed) {
        patience_progress(patience, now_ms);
    }
    return step;
}

static enum job_step ask_winners(struct session *session, struct failure *why)
{
    session->wire.answer_bytes_max = WIRE_LONG_ANSWER_BYTES;
    while (true) {
        struct message answer;
        enum job_step step = look_up(session, &answer, why);
        if (step != JOB_WORKED) {
            return step;
        }
        if (answer.type == MESSAGE_WINNERS) {
            return take_winners(session, &answer, why);
        }
        if (answer.type != MESSAGE_WAIT) {
            return unexpected(session, "consulta_ganadores", MESSAGE_REQUEST, &answer, why);
        }
        step = pause_before_asking_again(session, why);
        if (step != JOB_WORKED) {
            return step;
        }
    }
}

/* ------------------------------------------------------- the connection ---- */

static enum job_step converse(struct session *session, struct failure *why)
{
    enum job_step step = ask_status(session, why);
    if (step == JOB_WORKED) {
        step = resume(session);
    }
    if (step == JOB_WORKED) {
        step = send_bets(session, why);
    }
    if (step == JOB_WORKED) {
        step = say_done(session, why);
    }
    if (step == JOB_WORKED) {
        step = ask_winners(session, why);
    }
    return step;
}

enum job_step session_run(struct job *job, int fd, struct failure *why)
{
    struct session session = {.job = job};
    if (!wire_open(&session.wire, job->interrupt, fd, why)) {
        log_error("action: connect | result: fail | server: %s | reason: %s",
                  job->config->server_address, why->text);
        return JOB_FAILED;
    }
    enum job_step step = converse(&session, why);
    wire_close(&session.wire);
    log_info("action: socket_closed | result: success | server: %s", job->config->server_address);
    return step;
}
