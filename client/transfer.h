/*
 * transfer.h - one turn of the wire, and what it means for the job.
 */
#ifndef CLIENT_TRANSFER_H
#define CLIENT_TRANSFER_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/*
 * Sends and receives what is possible, waiting for it until the deadline at
 * most. JOB_WORKED when something moved, JOB_LOST when the connection is of no use any
 * more (`why` is set), JOB_FAILED without memory (logged), JOB_STOPPED by a signal.
 */
enum job_step transfer_bytes(struct job *job, struct wire *wire, int64_t deadline_ms,
                             struct failure *why);

#endif
