/*
 * session.h - the conversation of one connection, from STATUS to the winners.
 *
 *   STATUS    which of our bets does the server hold?      skip as many rows (resume.h)
 *   BET ...   the rest of the file (betting.h)             unless we are done already
 *   DONE      again and again does no harm
 *   REQUEST   WAIT: pause and ask again; WINNERS: the end (lookup.h)
 *
 * Reads from top to bottom as the life of a connection. The file's position
 * is set anew by every session, from what the server says.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "client/job.h"
#include "lib/failure.h"

/* Takes `fd` over. `why` is set for JOB_LOST; a JOB_FAILED has been logged. */
enum job_step session_run(struct job *job, int fd, struct failure *why);

#endif
