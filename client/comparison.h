/*
 * comparison.h - checks that the server's bets are the first rows of the file.
 *
 * The server tells how many bets it has stored and their checksum. If that is not the
 * checksum of as many rows of the file, the first row that differs is found with PREFIX, by
 * bisection, and its line is logged. Nothing is sent then, because some bets would stay
 * unsent or be stored twice.
 */
#ifndef CLIENT_COMPARISON_H
#define CLIENT_COMPARISON_H

#include "client/job.h"
#include "client/state.h"
#include "client/wire.h"

/*
 * Compares them. JOB_WORKED: the file begins with the server's bets, and the dataset stands
 * after them. JOB_OTHER_BETS: it does not, and the reason has been logged. Where the server
 * tells no checksum, only the count is compared.
 */
enum job_step comparison_run(struct job *job, struct wire *wire, const struct state *state);

/* The advice for an agency whose bets are not in a draw that has been held. */
#define COMPARISON_NEW_LOTTERY                                                                     \
    "a new lottery needs the server's next draw (`lottery-admin open NAME`) or a new data "        \
    "directory, with Compose `docker compose down -v`"

#endif
