/*
 * winners_report.h - what an agency does with its winners: checks, counts, writes.
 *
 * The body of a WINNERS answer is `agency,first,last,document,birthdate,number LF`
 * for each. The file that is written holds rows of the input,
 * `first,last,document,birthdate,number LF`, and appears under its name whole
 * or not at all.
 */
#ifndef CLIENT_WINNERS_REPORT_H
#define CLIENT_WINNERS_REPORT_H

#include "client/dataset.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For the start, so that nobody waits for a draw whose winners can't be kept:
 * false when the directory of `path` is missing or may not be written to, or
 * when `path` is a directory, or when writing would replace the file of bets.
 */
bool winners_report_check_path(const char *path, const struct dataset *bets,
                               struct failure *failure);

/* Counts the rows; false when one of them is no bet of this agency. */
bool winners_report_check(uint32_t agency, const char *body, size_t bytes, uint64_t *winners,
                          struct failure *failure);

/* Writes the rows of a checked body to `path`, by way of `path`.partial. */
bool winners_report_write(const char *path, const char *body, size_t bytes,
                          struct failure *failure);

#endif
