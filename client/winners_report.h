/*
 * winners_report.h - checks and counts an agency's winners, and writes them into a file.
 *
 * The body of a WINNERS answer is `agency,first,last,document,birthdate,number LF`
 * for each winner. The file holds them as rows of the input,
 * `first,last,document,birthdate,number LF`. It appears under its name when it is
 * complete. Rows are taken one by one, so there is no limit to their number.
 *
 * A process that dies leaves at most `path`.partial, which the next run overwrites.
 */
#ifndef CLIENT_WINNERS_REPORT_H
#define CLIENT_WINNERS_REPORT_H

#include "client/dataset.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Checks at the start that the winners could be written. Returns false with the failure
 * when the directory of `path` is missing or may not be written to, when `path` is a
 * directory, or when writing would replace the file of bets.
 */
bool winners_report_check_path(const char *path, const struct dataset *bets,
                               struct failure *failure);

/* The winners that have come so far. Owned by the caller. */
struct winners_report {
    const char *path; /* "": only counted */
    uint32_t agency;
    uint64_t winners; /* taken so far */
    FILE *file;       /* path.partial; NULL where there is no file */
};

/*
 * Opens `path`.partial, or no file where the path is empty. `path` has to outlive the report.
 * Returns false with the failure.
 */
bool winners_report_open(struct winners_report *report, const char *path, uint32_t agency,
                         struct failure *failure);

enum winners_end {
    WINNERS_TAKEN,
    WINNERS_NO_BET,     /* the row is no bet of this agency; see failure */
    WINNERS_NOT_WRITTEN /* see failure */
};

/* Checks, counts and writes one row, without its line end. */
enum winners_end winners_report_take(struct winners_report *report, const char *row, size_t bytes,
                                     struct failure *failure);

/*
 * Ends the report when all rows have come: the file gets its name. Returns false with the
 * failure, and removes the file, where that can't be done.
 */
bool winners_report_keep(struct winners_report *report, struct failure *failure);

/* Ends the report and removes the file: not all rows came, or they can't be written. */
void winners_report_discard(struct winners_report *report);

#endif
