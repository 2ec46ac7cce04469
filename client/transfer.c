/*
 * transfer.c - see transfer.h.
 */
#include "client/transfer.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>

/* What the end of a transfer means for the job. */
static enum job_step judge(struct job *job, enum wire_end end, const struct failure *why)
{
    switch (end) {
    case WIRE_MOVED:
        return JOB_WORKED;
    case WIRE_STOPPED:
        return JOB_STOPPED;
    case WIRE_NO_MEMORY:
        log_error(LOG_ANSWER_NO_MEMORY, "result: fail | client_id: %" PRIu32 " | reason: %s",
                  job->agency, why->text);
        return JOB_FAILED;
    case WIRE_LAPSED:
        job->is_silent = true;
        break;
    case WIRE_LOST:
        break;
    }
    return JOB_LOST;
}

enum job_step transfer_begin_tls(struct job *job, struct wire *wire, struct failure *why)
{
    if (!job->credentials->is_on) {
        return JOB_WORKED;
    }
    int64_t limit_ms = clock_monotonic_ms() + TRANSFER_HANDSHAKE_MS;
    int64_t lapse_ms = patience_deadline_ms(&job->patience);
    enum wire_end end =
        wire_begin_tls(wire, job->credentials, limit_ms < lapse_ms ? limit_ms : lapse_ms, why);
    if (end == WIRE_MOVED) {
        log_debug(LOG_AGENCY_TLS_AGREED, "result: success | server: %s | tls: %s | resumed: %s",
                  servers_current(&job->servers)->text, SSL_get_version(wire->transport.stream.ssl),
                  tls_stream_is_resumed(&wire->transport.stream) ? "yes" : "no");
    }
    return judge(job, end, why);
}

enum job_step transfer_bytes(struct job *job, struct wire *wire, int64_t deadline_ms,
                             struct failure *why)
{
    int64_t silence_ms = servers_silence_ms(&job->servers, job->config->loop_lapse_ms);
    int64_t silent_at_ms = clock_monotonic_ms() + silence_ms;
    int64_t limit_ms = silent_at_ms < deadline_ms ? silent_at_ms : deadline_ms;
    return judge(job, wire_transfer(wire, limit_ms, why), why);
}

enum job_step transfer_silence(struct wire *wire, int64_t until_ms, struct failure *why)
{
    switch (wire_transfer(wire, until_ms, why)) {
    case WIRE_LAPSED:
        return JOB_WORKED;
    case WIRE_STOPPED:
        return JOB_STOPPED;
    case WIRE_MOVED:
        failure_set(why, "the server said something unasked");
        break;
    case WIRE_LOST:
    case WIRE_NO_MEMORY:
        break;
    }
    return JOB_LOST;
}
