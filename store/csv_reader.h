/*
 * csv_reader.h - reads a file of CRLF rows in large pieces, whole rows at a time.
 *
 * No stored row has a line end inside, so a row is what ends in LF. The buffer has a fixed
 * size and grows only for a longer row, up to CSV_ROW_BYTES_MAX. No stored row is longer, so
 * a file without line ends is never read into memory as a whole.
 *
 * Any process may call; a reader belongs to the process that opened it.
 */
#ifndef STORE_CSV_READER_H
#define STORE_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Twice the longest message that limits.message_bytes allows, and its agency's prefix. */
#define CSV_ROW_BYTES_MAX (UINT64_C(36) * 1024 * 1024)

enum { CSV_READER_BYTES = 256 * 1024 }; /* at first; fits the second-level cache */

struct csv_reader {
    int descriptor;    /* the caller's */
    char *buffer;      /* owned */
    size_t capacity;   /* of the buffer */
    size_t used;       /* bytes in it */
    size_t taken;      /* of these, given to the caller already */
    uint64_t position; /* of the buffer's first byte in the file */
};

/* Starts to read at `position`. False when there is no memory. */
bool csv_reader_open(struct csv_reader *reader, int descriptor, uint64_t position);

/* Frees the buffer; the descriptor stays open. */
void csv_reader_close(struct csv_reader *reader);

enum csv_read { CSV_ROWS, CSV_END, CSV_FAILED };

/*
 * Gives the next whole rows, up to and including the last LF in the buffer: *rows and *bytes,
 * valid until the next call. Returns CSV_END when no whole row is left; the file may still
 * have a rest without LF, or a row longer than CSV_ROW_BYTES_MAX, after the rows that were
 * given. Returns CSV_FAILED with errno when reading fails.
 */
enum csv_read csv_reader_next(struct csv_reader *reader, const char **rows, size_t *bytes);

/* --------------------------------------------------------------- ranges
 *
 * For several threads, each of which reads ranges of the file on its own.
 */

struct csv_buffer {
    char *bytes; /* owned */
    size_t capacity;
};

/* Makes a buffer of CSV_READER_BYTES. False when there is no memory. */
bool csv_buffer_open(struct csv_buffer *buffer);

/* Frees a buffer. One that is zeroed may be closed, too. */
void csv_buffer_close(struct csv_buffer *buffer);

enum { CSV_RANGE_BYTES = CSV_READER_BYTES - 4096 }; /* with its last row, it fits a buffer */

/* At most CSV_RANGE_BYTES of a file, and not none. */
struct csv_range {
    int file;
    uint64_t origin;   /* the first range begins here, and so does a row */
    uint64_t from, to; /* the range, without the byte at `to` */
};

struct csv_rows {
    const char *rows; /* in the buffer */
    size_t bytes;
    uint64_t position; /* in the file; of no meaning where there are no rows */
};

/*
 * Gives the whole rows that begin in the range; the last one may end after it, and there may be
 * none. The buffer is enlarged for a longer row, as a reader's. Ranges that follow each other give
 * each row once, as long as the file does not change. Returns CSV_END where no whole row follows
 * those that were given, which may be some, and CSV_FAILED with errno where reading fails, or there
 * is no memory.
 */
enum csv_read csv_range_read(const struct csv_range *range, struct csv_buffer *buffer,
                             struct csv_rows *rows);

#endif
