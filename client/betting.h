/*
 * betting.h - sends the rest of the file, many batches on their way at once.
 *
 * While there is room in the window (batch.inFlight) and in the wire, rows
 * become batches; whatever is ready leaves together; every ACK frees a place.
 * A batch that the server refuses ends the connection: the server takes none of
 * those behind it either, so that what is stored is a prefix of the file. Where
 * a row is wrong the job has failed, and the log says which line has to be mended.
 * Where none is, another connection goes on, once: the second refusal at the
 * same row is final.
 *
 * A server that does not know STATUS gets one batch at a time (job.h).
 */
#ifndef CLIENT_BETTING_H
#define CLIENT_BETTING_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/* From the dataset's position to its end. JOB_WORKED: every bet is stored. */
enum job_step betting_run(struct job *job, struct wire *wire, struct failure *why);

#endif
