/*
 * lookup.h - asks for the agency's winners until the draw has been held, and takes them.
 *
 * WINNERS may be of any size. Each row goes into the winners file as soon as it has come
 * (winners_report.h), so that memory is bounded.
 */
#ifndef CLIENT_LOOKUP_H
#define CLIENT_LOOKUP_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/*
 * Does all look-ups and takes the winners. `why` is set for JOB_LOST; JOB_FAILED has been
 * logged.
 */
enum job_step lookup_run(struct job *job, struct wire *wire, struct failure *why);

#endif
