/*
 * first_rows.h - the checksum of a file's first rows, as they would stand in bets.csv.
 *
 * The server tells the same checksum of an agency's stored rows in STATE
 * (docs/protocol.md), so that an agency can see whether they are those of its file.
 * The file is read in pieces, in bounded memory. A place in it can be noted and
 * returned to, so that the search for the first row that differs does not read the
 * file from its start each time.
 */
#ifndef CLIENT_FIRST_ROWS_H
#define CLIENT_FIRST_ROWS_H

#include "client/dataset.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many rows of the file, where they end, and their checksum. */
struct first_rows_mark {
    uint64_t rows;
    struct dataset_mark end;
    uint64_t checksum;
};

struct first_rows {
    struct dataset *dataset;
    uint32_t agency;
    struct first_rows_mark at;
    char *rows;        /* a piece of the file, each row with its LF */
    size_t rows_bytes; /* of it */
    char *csv;         /* the same as rows of bets.csv */
};

enum first_rows_end {
    FIRST_ROWS_TAKEN,   /* as many rows as were asked for */
    FIRST_ROWS_ENDED,   /* the file holds no more of them */
    FIRST_ROWS_BAD_ROW, /* the row after `at` is no valid bet; see failure */
    FIRST_ROWS_FAILED   /* the file can't be read; see failure */
};

/*
 * Begins before the first row. The dataset has to outlive it, and its position changes with
 * it. Returns false with the failure where there is no memory.
 */
bool first_rows_open(struct first_rows *first, struct dataset *dataset, uint32_t agency,
                     struct failure *failure);

/* Frees what it holds; the dataset stays open. */
void first_rows_close(struct first_rows *first);

/* The place before the first row. */
struct first_rows_mark first_rows_start(const struct first_rows *first);

/* Returns to a place where it has been. */
void first_rows_seek(struct first_rows *first, const struct first_rows_mark *mark);

/*
 * Takes the next `rows` rows. `at` is after the last row that could be taken, whatever is
 * returned. So is the dataset, where FIRST_ROWS_TAKEN or FIRST_ROWS_ENDED is returned.
 */
enum first_rows_end first_rows_advance(struct first_rows *first, uint64_t rows,
                                       struct failure *failure);

#endif
