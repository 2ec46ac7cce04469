/*
 * dataset.h - reads an agency's file of bets row by row, in bounded memory.
 *
 * Lines end in LF or CRLF, in any mixture. The last line may lack its end. A UTF-8
 * byte order mark at the start is no part of a row. Empty lines at the very end are no
 * rows, however many there are. A row's fields are not checked here, only whether the
 * row can be sent. Bad rows are an empty line before the last row, a row that does not
 * fit a message, and a row that holds a carriage return. At the end of a row a carriage
 * return and the LF would end the message early.
 *
 * A position in the file can be noted and returned to. So an agency resumes, and
 * finds the row that the server refused.
 */
#ifndef CLIENT_DATASET_H
#define CLIENT_DATASET_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 8 kB less the longest header, "4294967295:4:", the row's LF and the message's CRLF. */
enum { DATASET_ROW_BYTES_MAX = 8192 - 13 - 1 - 2 };

/* Where a row begins. */
struct dataset_mark {
    uint64_t offset; /* in bytes */
    uint64_t line;   /* counted from 1 */
};

struct dataset_row {
    const char *text; /* in the dataset's buffer, until the next call that reads */
    size_t bytes;     /* without its line end */
    struct dataset_mark begin;
    uint64_t end_offset; /* after its line end */
};

enum dataset_result {
    DATASET_ROW,
    DATASET_END,
    DATASET_BAD_ROW, /* the row at dataset_line can't be sent; the failure says why */
    DATASET_FAILED   /* the file can't be read; the failure says why */
};

/* Owned by the caller, who may read `bytes`; the other fields are dataset.c's. */
struct dataset {
    int fd;
    const char *name;
    uint64_t bytes; /* of the file when it was opened */
    uint64_t start; /* offset of the first row */
    char *buffer;
    uint64_t buffer_offset; /* in the file, of buffer[0] */
    size_t begin, used;     /* what is left in the buffer: [begin, used) */
    bool read_all;
    uint64_t line; /* of the row at `begin` */
};

/* Opens a regular file. `path` has to outlive the dataset. Returns false with the failure. */
bool dataset_open(struct dataset *dataset, const char *path, struct failure *failure);

/* Opens a copy of rows that are in memory. `name` is for messages and outlives the dataset. */
bool dataset_open_text(struct dataset *dataset, const char *name, const char *text, size_t bytes,
                       struct failure *failure);

/* Closes the file and frees the buffer. */
void dataset_close(struct dataset *dataset);

/* True when `path` names, by whatever way, the file that is read; false where there is none. */
bool dataset_is_at(const struct dataset *dataset, const char *path);

/* Shows the next row without taking it, so that the next call shows it again. */
enum dataset_result dataset_peek(struct dataset *dataset, struct dataset_row *row,
                                 struct failure *failure);

/*
 * Goes on after the line that dataset_peek has just shown, however long it is. Returns false with
 * the failure.
 */
bool dataset_skip_line(struct dataset *dataset, struct failure *failure);

/* Goes on after a row that dataset_peek has just shown. */
void dataset_take(struct dataset *dataset, const struct dataset_row *row);

/* The line of the next row, counted from 1. After a failure it is the row that failed. */
uint64_t dataset_line(const struct dataset *dataset);

/* Where the next row begins, which is where the one before it ended. */
struct dataset_mark dataset_position(const struct dataset *dataset);

/* Where the first row begins. */
struct dataset_mark dataset_first(const struct dataset *dataset);

/* Makes the row at `mark` the next one. */
void dataset_seek(struct dataset *dataset, struct dataset_mark mark);

/* Goes back to the first row. */
void dataset_rewind(struct dataset *dataset);

#endif
