/*
 * transfer.c - see transfer.h.
 */
#include "client/transfer.h"

#include "lib/log.h"

#include <inttypes.h>

enum job_step transfer_bytes(struct job *job, struct wire *wire, int64_t deadline_ms,
                             struct failure *why)
{
    switch (wire_transfer(wire, deadline_ms, why)) {
    case WIRE_MOVED:
        return JOB_WORKED;
    case WIRE_STOPPED:
        return JOB_STOPPED;
    case WIRE_NO_MEMORY:
        log_error("action: receive_message | result: fail | client_id: %" PRIu32 " | reason: %s",
                  job->agency, why->text);
        return JOB_FAILED;
    case WIRE_LAPSED:
    case WIRE_LOST:
        break;
    }
    return JOB_LOST;
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
