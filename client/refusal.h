/*
 * refusal.h - says which line of the file is to be mended when bets are not taken.
 */
#ifndef CLIENT_REFUSAL_H
#define CLIENT_REFUSAL_H

#include "client/job.h"
#include "client/window.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a batch that the server has refused once more, and looks for the row
 * that is wrong. True where there is one, which has been logged with file, line
 * and reason. Moves the dataset.
 */
bool refusal_finds_row(struct job *job, const struct window_batch *batch);

/* Logs which rows were refused, where no row is wrong. */
void refusal_log_rows(const struct job *job, const struct window_batch *batch);

/* Logs that this line of the file can't be stored. */
void refusal_log_line(const struct job *job, uint64_t line, const char *reason);

#endif
