/*
 * csv_reader.h - reads a file of CRLF rows in large pieces, whole rows at a time.
 *
 * No row of ours has a line end inside, so a row is what ends in LF. Memory is
 * a buffer of fixed size that only grows for a row longer than it, up to CSV_ROW_BYTES_MAX:
 * no row of ours is longer, so a file without line ends is not read into memory.
 */
#ifndef STORE_CSV_READER_H
#define STORE_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Twice the longest message that limits.message_bytes allows, and its agency's prefix. */
#define CSV_ROW_BYTES_MAX (UINT64_C(36) * 1024 * 1024)

struct csv_reader {
    int descriptor;    /* the caller's */
    char *buffer;      /* owned */
    size_t capacity;   /* of the buffer */
    size_t used;       /* bytes in it */
    size_t taken;      /* of these, given to the caller in whole rows */
    uint64_t position; /* of the buffer's first byte in the file */
};

/* Starts to read at `position`. False when there is no memory. */
bool csv_reader_open(struct csv_reader *reader, int descriptor, uint64_t position);

/* Frees the buffer; the descriptor stays open. */
void csv_reader_close(struct csv_reader *reader);

enum csv_read { CSV_ROWS, CSV_END, CSV_FAILED };

/*
 * Gives the next whole rows: *rows and *bytes, up to and with the last LF in
 * the buffer, valid until the next call. CSV_END when no whole row is left
 * (a rest without LF, or a row longer than CSV_ROW_BYTES_MAX, may be there: who has
 * counted the bytes knows where);
 * CSV_FAILED with errno when reading fails.
 */
enum csv_read csv_reader_next(struct csv_reader *reader, const char **rows, size_t *bytes);

#endif
