/*
 * resume.h - where a connection goes on: behind what is stored already.
 *
 * STATUS is asked first. Its answer says how many of the agency's bets are stored, which
 * ones (comparison.h), and of which lottery: one whose identity changes while this run
 * goes on is another one, and gets nothing. What the server has said that it holds is
 * believed anew on every connection.
 *
 * A server may not know STATUS: it answers ERROR or something else, or closes the
 * connection, each time that it is asked. `resume: required` fails then, `auto` goes on
 * behind what this run knows to be acknowledged, and so does `off`, which never asks. A
 * batch whose answer was lost is sent again, with a WARNING: nobody can say whether it is
 * stored.
 */
#ifndef CLIENT_RESUME_H
#define CLIENT_RESUME_H

#include "client/job.h"
#include "client/state.h"
#include "client/wire.h"
#include "lib/failure.h"

/*
 * The first thing on each connection. JOB_WORKED: the dataset stands at the first row that
 * is to be sent, and *phase says whether there may be one. `why` is set for JOB_LOST.
 */
enum job_step resume_run(struct job *job, struct wire *wire, enum state_phase *phase,
                         struct failure *why);

#endif
