/*
 * refusal.h - tells which line of the file to correct when the server refuses bets.
 */
#ifndef CLIENT_REFUSAL_H
#define CLIENT_REFUSAL_H

#include "bet/message.h"
#include "client/job.h"
#include "client/window.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads the rows of a refused batch again, and looks for one that is wrong. True where there
 * is one; it has been logged with file, line and reason. Changes the dataset's position.
 */
bool refusal_finds_row(struct job *job, const struct window_batch *batch);

/*
 * Says which rows were refused, and what the server said of it. Called for a batch of which no row
 * is wrong.
 */
void refusal_describe_rows(const struct window_batch *batch, const struct message *answer,
                           struct failure *why);

/* Logs that this line of the file can't be stored. */
void refusal_log_line(const struct job *job, uint64_t line, const char *reason);

#endif
