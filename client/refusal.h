/*
 * refusal.h - tells which line of the file to correct when the server refuses bets.
 */
#ifndef CLIENT_REFUSAL_H
#define CLIENT_REFUSAL_H

#include "client/job.h"
#include "client/window.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads the rows of a refused batch again, and looks for one that is wrong. True where there
 * is one; it has been logged with file, line and reason. Changes the dataset's position.
 */
bool refusal_finds_row(struct job *job, const struct window_batch *batch);

/* Logs which rows were refused. Called for a batch of which no row is wrong. */
void refusal_log_rows(const struct job *job, const struct window_batch *batch);

/* Logs that this line of the file can't be stored. */
void refusal_log_line(const struct job *job, uint64_t line, const char *reason);

#endif
