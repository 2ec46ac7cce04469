/*
 * probe.c - see probe.h.
 */
#include "client/probe.h"

#include "client/dial.h"
#include "client/transfer.h"
#include "client/wire.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROBE_LINE_BYTES = 96 };

static enum job_step fail(const struct job *job, const struct failure *why)
{
    log_error(LOG_ECHO_MISSED, "result: fail | client_id: %" PRIu32 " | reason: %s", job->agency,
              why->text);
    return JOB_FAILED;
}

/* The same, where the wire tells whether one end does not accept the other. */
static enum job_step fail_on_wire(const struct job *job, const struct wire *wire,
                                  const struct failure *why)
{
    (void)fail(job, why);
    return wire->is_refused ? JOB_UNTRUSTED : JOB_FAILED;
}

/* Sends the line, and takes the one that comes back. JOB_WORKED: it is the same. */
static enum job_step exchange(struct job *job, struct wire *wire, const char *sent)
{
    struct failure why;
    const char *line = NULL;
    size_t sent_bytes = strlen(sent);
    size_t bytes = 0;
    memcpy(wire_reserve(wire, sent_bytes), sent, sent_bytes); /* there is room: the wire is new */
    wire_commit(wire, sent_bytes);
    while (!wire_next_line(wire, &line, &bytes)) {
        enum wire_end end = wire_transfer(wire, patience_deadline_ms(&job->patience), &why);
        if (end == WIRE_STOPPED) {
            return JOB_STOPPED;
        }
        if (end != WIRE_MOVED) {
            return fail_on_wire(job, wire, &why);
        }
    }
    if (bytes != sent_bytes || memcmp(line, sent, bytes) != 0) {
        failure_set(&why, "another line came back: %.*s", (int)bytes, line);
        return fail(job, &why);
    }
    log_info(LOG_ECHO_RECEIVED, "result: success | client_id: %" PRIu32 " | msg: %.*s", job->agency,
             (int)(bytes - 1), line);
    return JOB_WORKED;
}

static enum job_step probe_once(struct job *job, uint64_t number)
{
    struct failure why;
    struct wire wire;
    char sent[PROBE_LINE_BYTES];
    int fd = -1;
    snprintf(sent, sizeof sent, "[CLIENT %" PRIu32 "] Message N°%" PRIu64 "\n", job->agency,
             number);
    patience_start(&job->patience, servers_lapse_ms(&job->servers, job->config->loop_lapse_ms),
                   clock_monotonic_ms());
    enum dial_end dialled =
        dial_persistently(job->interrupt, &job->servers, &job->patience, &fd, &why);
    if (dialled == DIAL_STOPPED) {
        return JOB_STOPPED;
    }
    if (dialled != DIAL_CONNECTED) {
        (void)fail(job, &why);
        return JOB_UNREACHABLE;
    }
    credentials_turn_to(job->credentials, servers_current(&job->servers));
    if (!wire_open(&wire, job->interrupt, fd, &why)) {
        return fail(job, &why);
    }
    enum job_step step = transfer_begin_tls(job, &wire, &why);
    if (step == JOB_LOST) {
        step = fail_on_wire(job, &wire, &why);
    } else if (step == JOB_WORKED) {
        step = exchange(job, &wire, sent);
    }
    wire_close(&wire);
    log_info(LOG_SOCKET_CLOSED, "result: success | server: %s",
             servers_current(&job->servers)->text);
    return step;
}

enum job_step probe_run(struct job *job)
{
    uint64_t amount = job->config->loop_amount;
    for (uint64_t number = 1; number <= amount; number++) {
        enum job_step step = probe_once(job, number);
        if (step != JOB_WORKED) {
            return step;
        }
        int64_t pause_until_ms = clock_monotonic_ms() + job->config->loop_period_ms;
        if (number < amount &&
            interrupt_wait(job->interrupt, -1, 0, pause_until_ms) == INTERRUPT_STOPPED) {
            return JOB_STOPPED;
        }
    }
    if (amount > 0) {
        log_info(LOG_LOOP_FINISHED, "result: success | client_id: %" PRIu32, job->agency);
    }
    return JOB_WORKED;
}
