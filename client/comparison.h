/*
 * comparison.h - are the bets that the server has stored the first rows of our file?
 *
 * The server tells how many they are and their checksum. Where that is not the checksum of
 * as many rows of the file, the first row that differs is looked for with PREFIX, by
 * halves, and named by its line. Rows that are sent behind others than the stored ones
 * would leave some bet unsent or stored twice: so nothing is sent.
 */
#ifndef CLIENT_COMPARISON_H
#define CLIENT_COMPARISON_H

#include "client/job.h"
#include "client/state.h"
#include "client/wire.h"

/*
 * JOB_WORKED: they are, and the dataset stands behind them. JOB_OTHER_BETS: they are not,
 * and it has been logged why. A server that tells no checksum is believed by the count.
 */
enum job_step comparison_run(struct job *job, struct wire *wire, const struct state *state);

/* What an agency has to be told once the draw has been held and its bets are not in it. */
#define COMPARISON_NEW_LOTTERY                                                                     \
    "a new lottery needs a new data directory at the server, with Compose `docker compose down "   \
    "-v`"

#endif
