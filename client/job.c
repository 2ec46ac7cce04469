/*
 * job.c - see job.h.
 */
#include "client/job.h"

#include "bet/bet.h"
#include "client/dial.h"
#include "client/probe.h"
#include "client/session.h"
#include "client/winners_report.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SINGLE_ROW_BYTES = BET_FIELDS * CONFIG_TEXT_BYTES };

/* Writes the bet of the environment as a row. */
static size_t write_single_bet(const struct client_config *config, char row[SINGLE_ROW_BYTES])
{
    return (size_t)snprintf(row, SINGLE_ROW_BYTES, "%s,%s,%s,%s,%s", config->first_name,
                            config->last_name, config->document, config->birthdate, config->number);
}

bool job_check(const struct client_config *config, struct failure *failure)
{
    if (config->single_bet) {
        char row[SINGLE_ROW_BYTES];
        struct bet bet;
        enum bet_fault fault = bet_parse(row, write_single_bet(config, row), &bet);
        if (fault != BET_VALID) {
            return failure_set(failure, "the bet of the environment: %s", bet_fault_text(fault));
        }
    }
    return true;
}

/* Opens the bets. There are none where probes are asked for, and no file is named or there. */
static bool open_bets(struct job *job, struct failure *failure)
{
    const struct client_config *config = job->config;
    job->has_bets = true;
    if (config->single_bet) {
        char row[SINGLE_ROW_BYTES];
        size_t bytes = write_single_bet(config, row);
        snprintf(job->bets_name, sizeof job->bets_name, "environment");
        return dataset_open_text(&job->dataset, job->bets_name, row, bytes, failure);
    }
    if (config->bets_file[0] != '\0') {
        snprintf(job->bets_name, sizeof job->bets_name, "%s", config->bets_file);
        return dataset_open(&job->dataset, job->bets_name, failure);
    }
    snprintf(job->bets_name, sizeof job->bets_name, ".data/agency-%" PRIu32 ".csv", job->agency);
    if (config->loop_amount > 0 && access(job->bets_name, F_OK) < 0 && errno == ENOENT) {
        job->has_bets = false;
        job->dataset = (struct dataset){.fd = -1};
        return true;
    }
    return dataset_open(&job->dataset, job->bets_name, failure);
}

enum job_step job_open(struct job *job, const struct client_config *config,
                       struct credentials *credentials, struct interrupt *interrupt,
                       unsigned progress_lines_up, struct failure *failure)
{
    *job = (struct job){
        .config = config, .agency = config->id, .interrupt = interrupt, .credentials = credentials};
    job->unaided.is_on = config->resume == RESUME_OFF;
    if (!servers_parse(config->server_address, "server.address", &job->servers, failure)) {
        return JOB_FAILED;
    }
    if (!job_check(config, failure) || !open_bets(job, failure)) {
        return JOB_BAD_BETS;
    }
    if (job->has_bets && config->winners_file[0] != '\0' &&
        !winners_report_check_path(config->winners_file, &job->dataset, failure)) {
        dataset_close(&job->dataset);
        return JOB_FAILED;
    }
    progress_open(&job->progress, STDERR_FILENO, progress_lines_up, job->agency,
                  job->dataset.bytes);
    return JOB_WORKED;
}

void job_close(struct job *job)
{
    progress_close(&job->progress);
    if (job->has_bets) {
        dataset_close(&job->dataset);
        log_info(LOG_BETS_FILE_CLOSED, "result: success | file: %s", job->bets_name);
    }
}

static enum job_step give_up(const struct job *job, const struct failure *why)
{
    log_error(LOG_SERVER_NOT_REACHED,
              "result: fail | server: %s | reason: %s | gave_up_after_ms: %" PRId64,
              job->config->server_address, why->text, job->patience.lapse_ms);
    return job->is_refused ? JOB_UNTRUSTED : JOB_UNREACHABLE;
}

/*
 * Says which server it is. Where it is another one of several than before, `why` has the reason that
 * the last connection ended, or that others were passed over.
 */
static void tell_server(struct job *job, const struct failure *why)
{
    const struct server_place *server = servers_current(&job->servers);
    const struct server_place *before = job->talked_to;
    job->talked_to = server;
    if (!servers_are_several(&job->servers) || server == before) {
        log_debug(LOG_SERVER_REACHED, "result: success | server: %s", server->text);
    } else if (before == NULL) {
        log_info(LOG_SERVER_REACHED, "result: success | server: %s%s%s", server->text,
                 why->text[0] == '\0' ? "" : " | reason: ", why->text);
    } else {
        log_warning(LOG_SERVER_CHANGED, "result: success | server: %s | before: %s | reason: %s",
                    server->text, before->text, why->text);
    }
}

/*
 * Connects, for as long as the patience lasts, and holds one session. `why` comes with the reason
 * that the one before ended.
 */
static enum job_step run_session(struct job *job, struct failure *why)
{
    int fd = -1;
    job->is_refused = false;
    job->is_silent = false;
    progress_set_state(&job->progress, "connecting");
    switch (dial_persistently(job->interrupt, &job->servers, &job->patience, &fd, why)) {
    case DIAL_STOPPED:
        return JOB_STOPPED;
    case DIAL_FAILED:
        return give_up(job, why);
    case DIAL_CONNECTED:
        break;
    }
    tell_server(job, why);
    credentials_turn_to(job->credentials, servers_current(&job->servers));
    return session_run(job, fd, why);
}

static enum job_step run_sessions(struct job *job)
{
    struct failure why = {0};
    patience_start(&job->patience, servers_lapse_ms(&job->servers, job->config->loop_lapse_ms),
                   clock_monotonic_ms());
    while (true) {
        enum job_step step = run_session(job, &why);
        if (step == JOB_NEXT) {
            continue;
        }
        if (step != JOB_LOST) {
            return step;
        }
        log_warning(LOG_SERVER_LOST, "result: fail | server: %s | reason: %s",
                    servers_current(&job->servers)->text, why.text);
        if (job->is_silent || !job->patience.progressed) {
            servers_turn(&job->servers);
        }
        progress_set_state(&job->progress, "connecting");
        patience_lost(&job->patience, clock_monotonic_ms());
        if (!dial_pause(job->interrupt, &job->patience)) {
            return job->interrupt->signal != 0 ? JOB_STOPPED : give_up(job, &why);
        }
    }
}

enum job_step job_run(struct job *job)
{
    enum job_step step = interrupt_is_pending(job->interrupt) ? JOB_STOPPED : probe_run(job);
    if (step == JOB_WORKED && job->has_bets) {
        step = run_sessions(job);
    }
    if (step != JOB_WORKED) {
        progress_set_state(&job->progress, step == JOB_STOPPED ? "stopped" : "failed");
    }
    return step;
}
