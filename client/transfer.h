/*
 * transfer.h - transfers of the wire, with their results as a step of the job.
 */
#ifndef CLIENT_TRANSFER_H
#define CLIENT_TRANSFER_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/* The longest handshake, so that a server that stalls in one does not use up the lapse. */
enum { TRANSFER_HANDSHAKE_MS = 10000 };

/*
 * Goes over to TLS on a new connection, where the job's credentials are on; else it is JOB_WORKED at
 * once. JOB_LOST: there is no TLS with this server, or not now (wire->is_refused tells them apart),
 * and `why` says so. JOB_FAILED: there is no memory, which has been logged. JOB_STOPPED: a signal.
 */
enum job_step transfer_begin_tls(struct job *job, struct wire *wire, struct failure *why);

/*
 * Sends and receives what is possible, and waits for it until the deadline at most; where there are
 * several servers, no longer than one of them may be silent (servers_silence_ms).
 * JOB_WORKED: some bytes were sent or received. JOB_LOST: that time has passed
 * (job->is_silent) or the connection is lost, and `why` says so. JOB_FAILED: there is no memory, which has been
 * logged. JOB_STOPPED: a signal.
 */
enum job_step transfer_bytes(struct job *job, struct wire *wire, int64_t deadline_ms,
                             struct failure *why);

/*
 * Waits until the time, while the server has nothing to say. JOB_WORKED: it kept silent.
 * JOB_LOST: it said something, or the connection is lost, and `why` says so. JOB_STOPPED: a signal.
 */
enum job_step transfer_silence(struct wire *wire, int64_t until_ms, struct failure *why);

#endif
