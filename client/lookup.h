/*
 * lookup.h - asks for the agency's winners until the draw has been held, and takes them.
 *
 * WINNERS may be of any size: its rows go one by one into the winners file as they come
 * (winners_report.h), in bounded memory.
 */
#ifndef CLIENT_LOOKUP_H
#define CLIENT_LOOKUP_H

#include "client/job.h"
#include "client/wire.h"
#include "lib/failure.h"

/* From the first look-up to the winners. `why` is set for JOB_LOST; JOB_FAILED has been logged. */
enum job_step lookup_run(struct job *job, struct wire *wire, struct failure *why);

#endif
