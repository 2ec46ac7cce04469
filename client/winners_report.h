/*
 * winners_report.h - what an agency does with its winners: checks, counts, writes.
 *
 * The body of a WINNERS answer is `agency,first,last,document,birthdate,number LF`
 * for each. The file that is written holds rows of the input,
 * `first,last,document,birthdate,number LF`, and appears under its name whole
 * or not at all. Rows are taken one by one: there is no limit to their number.
 *
 * A process that dies leaves at most `path`.partial, which the next one overwrites.
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
 * For the start, so that nobody waits for a draw whose winners can't be kept:
 * false when the directory of `path` is missing or may not be written to, or
 * when `path` is a directory, or when writing would replace the file of bets.
 */
bool winners_report_check_path(const char *path, const struct dataset *bets,
                               struct failure *failure);

/* Winners on their way from the server into a file, or only counted. */
struct winners_report {
    const char *path; /* "": only counted */
    uint32_t agency;
    uint64_t winners; /* taken so far */
    FILE *file;       /* path.partial; NULL where there is no file */
};

/* Begins `path`.partial, or nothing where the path is empty. `path` has to outlive the report. */
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

/* All rows are here: the file gets its name. False: nothing is left of it. The report is over. */
bool winners_report_keep(struct winners_report *report, struct failure *failure);

/* The rows did not come whole, or can't be written: nothing is left of the file. */
void winners_report_discard(struct winners_report *report);

#endif
