/*
 * betting.h - sends the rest of the file, with many batches unanswered at a time.
 *
 * Rows are composed into batches while there is room in the window, which the agency
 * finds by itself (congestion.h), in the queue of batch.inFlight batches (window.h), and
 * in the wire. All that is ready is sent together, and every ACK makes room for
 * a batch. A batch that the server refuses ends the connection. The server refuses
 * the batches after it too, so the stored bets are a prefix of the file. If one of
 * its rows is wrong, the job has failed and the log names the line to correct. If
 * none is, the job goes on with another connection; the second refusal at the same
 * row is final.
 *
 * A server that does not know STATUS gets one batch at a time (job.h).
 */
#ifndef CLIENT_BETTING_H
#define CLIENT_BETTING_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/*
 * Sends the rows from the dataset's position to its end. JOB_WORKED: every bet is stored.
 * JOB_LOST: `why` says why. JOB_FAILED: it has been logged.
 */
enum job_step betting_run(struct job *job, struct wire *wire, struct failure *why);

#endif
