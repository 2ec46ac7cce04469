/*
 * session.c - see session.h.
 */
#include "client/session.h"

#include "client/betting.h"
#include "client/lookup.h"
#include "client/own_draw.h"
#include "client/question.h"
#include "client/resume.h"
#include "client/transfer.h"
#include "client/wire.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>

/* The conversation on one connection. */
struct session {
    struct job *job;
    struct wire wire;
    enum state_phase phase; /* where the agency stood at the start */
};

/* ---------------------------------------------------------- BET and DONE ---- */

/*
 * Logs, once in a run, what was sent. An earlier run may have stored the bet of the environment
 * already. A server that tells only how many bets it holds may hold another bet than this one.
 */
static void report_bets(struct job *job)
{
    const struct client_config *config = job->config;
    if (job->bets_reported) {
        return;
    }
    job->bets_reported = true;
    if (!config->single_bet) {
        log_info(LOG_BETS_ACKNOWLEDGED,
                 "result: success | cantidad: %" PRIu64 " | guardadas: %" PRIu64,
                 job->stored - job->stored_before, job->stored);
    } else if (job->stored > job->stored_before) {
        log_info(LOG_BET_ACKNOWLEDGED, "result: success | dni: %s | numero: %s", config->document,
                 config->number);
    } else if (job->identity[0] != '\0') {
        log_info(LOG_BET_ACKNOWLEDGED,
                 "result: success | dni: %s | numero: %s | reason: the server had stored it "
                 "already",
                 config->document, config->number);
    } else {
        log_warning(LOG_BET_ANOTHER_STORED,
                    "result: fail | dni: %s | numero: %s | reason: the server holds a bet of "
                    "agency %" PRIu32 " already, this one was not sent",
                    config->document, config->number, job->agency);
    }
}

/* Sends the rest of the file, where the server takes bets. */
static enum job_step send_bets(struct session *session, struct failure *why)
{
    struct job *job = session->job;
    if (session->phase != STATE_OPEN) {
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
 * Says DONE. Where it is refused, another connection has probably asked STATUS after this one, as
 * for a refused batch (betting.c). A new connection claims the agency again. A second refusal is
 * final.
 */
static enum job_step say_done(struct session *session, struct failure *why)
{
    struct message answer;
    struct job *job = session->job;
    if (job->unaided.is_on && job->unaided.done) {
        return JOB_WORKED; /* a server that does not know STATUS may count it twice */
    }
    if (own_draw_takes_no_done(job, session->phase)) {
        return JOB_WORKED;
    }
    enum job_step step = question_ask(job, &session->wire, MESSAGE_DONE, NULL, &answer, why);
    if (step != JOB_WORKED) {
        return step;
    }
    if (answer.type == MESSAGE_ERROR && !job->done_refused && !job->unaided.is_on) {
        char reason[QUESTION_REASON_BYTES];
        job->done_refused = true;
        question_describe_reason(&answer, reason);
        failure_set(why, "the server refused agency %" PRIu32 "'s DONE%s", job->agency, reason);
        return JOB_LOST;
    }
    if (answer.type != MESSAGE_ACK) {
        return question_misses(job, LOG_DONE_REFUSED, MESSAGE_DONE, &answer, why);
    }
    job->unaided.done = true;
    if (session->phase == STATE_OPEN) {
        patience_progress(&job->patience, clock_monotonic_ms());
    }
    log_debug(LOG_DONE_ACKNOWLEDGED, "result: success | client_id: %" PRIu32, job->agency);
    return JOB_WORKED;
}

/* ------------------------------------------------------- the connection ---- */

/*
 * The connection is lost. Where one end does not accept the other, that is final on the first
 * contact: somebody has set up something wrongly, and repeating it would hide that for a lapse. Once
 * the server has answered in this run, the settings were right. Then somebody is changing the
 * server's certificates, and the agency waits for the end of that as it waits for a server that is
 * being restarted.
 */
static enum job_step judge_loss(struct job *job, const struct wire *wire, const struct failure *why)
{
    job->is_refused = wire->is_refused;
    if (!wire->is_refused || job->was_answered) {
        return JOB_LOST;
    }
    log_error(LOG_SERVER_NOT_TRUSTED, "result: fail | server: %s | reason: %s",
              servers_current(&job->servers)->text, why->text);
    return JOB_UNTRUSTED;
}

/* From the handshake, where there is one, to the winners. */
static enum job_step converse(struct session *session, struct failure *why)
{
    struct job *job = session->job;
    enum job_step step = transfer_begin_tls(job, &session->wire, why);
    if (step == JOB_WORKED) {
        step = resume_run(job, &session->wire, &session->phase, why);
    }
    if (step == JOB_WORKED) {
        step = send_bets(session, why);
    }
    if (step == JOB_WORKED) {
        step = say_done(session, why);
    }
    if (step == JOB_WORKED) {
        step = lookup_run(job, &session->wire, why);
    }
    return step;
}

enum job_step session_run(struct job *job, int fd, struct failure *why)
{
    struct session session = {.job = job};
    if (!wire_open(&session.wire, job->interrupt, fd, why)) {
        log_error(LOG_WIRE_NOT_OPENED, "result: fail | server: %s | reason: %s",
                  servers_current(&job->servers)->text, why->text);
        return JOB_FAILED;
    }
    enum job_step step = converse(&session, why);
    job->was_answered |= session.wire.answers > 0;
    if (step == JOB_LOST) {
        step = judge_loss(job, &session.wire, why);
    }
    wire_close(&session.wire);
    log_write(step == JOB_NEXT ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_SOCKET_CLOSED,
              "result: success | server: %s", servers_current(&job->servers)->text);
    return step;
}
