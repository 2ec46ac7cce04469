/*
 * session.h - the conversation of one connection, from STATUS to the winners.
 *
 *   (TLS)     begins the connection, where tls.mode asks for it (transfer.h)
 *   STATUS    asks which bets the server holds; as many rows are skipped (resume.h)
 *   BET ...   sends the rest of the file, unless the agency is done (betting.h)
 *   DONE      is sent in every session while the draw is open; repeating it changes nothing
 *   REQUEST   is asked again after a pause on WAIT; WINNERS is the end (lookup.h)
 *
 * The source reads from top to bottom in the order of a connection's life. Every
 * session sets the file's position from the answer to STATUS.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "client/job.h"
#include "lib/failure.h"

/*
 * Owns `fd` and closes it. `why` is set for JOB_LOST; JOB_FAILED and JOB_UNTRUSTED have been
 * logged.
 */
enum job_step session_run(struct job *job, int fd, struct failure *why);

#endif
