/*
 * resume.h - finds the row that a connection goes on with: the first one that is not stored.
 *
 * STATUS is asked first on every connection. Its answer tells how many of the agency's bets
 * are stored, which ones (comparison.h), and the lottery's identity. Where the identity
 * changes during this run it is another lottery, and nothing is sent.
 *
 * A server that does not know STATUS answers ERROR or something else, or closes the
 * connection, each time that it is asked. With `resume: required` the job fails then. With
 * `auto` it goes on after the last batch that was acknowledged in this run, and so does
 * `off`, which never asks. A batch whose answer was lost is sent again, with a WARNING,
 * because the agency can't find out whether it is stored.
 */
#ifndef CLIENT_RESUME_H
#define CLIENT_RESUME_H

#include "client/job.h"
#include "client/state.h"
#include "client/wire.h"
#include "lib/failure.h"

/*
 * Finds that row at the start of a connection. JOB_WORKED: the dataset stands at the first row to
 * send, and *phase is STATE_OPEN if the server takes bets. `why` is set for JOB_LOST.
 */
enum job_step resume_run(struct job *job, struct wire *wire, enum state_phase *phase,
                         struct failure *why);

#endif
