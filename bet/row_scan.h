/*
 * row_scan.h - goes through some kilobytes of rows at once: where fields and rows end, and
 * where there are unusual bytes.
 *
 * Usual bytes are printable ASCII without quotes, line ends, and the letters U+00C0
 * to U+00FF, which UTF-8 writes as 0xc3 and one continuation byte. A carriage return is
 * usual before a line feed only. A row of usual bytes is clean text and needs no quoting. Any
 * other byte makes its block of 64 bytes suspect. That is no fault: the caller then checks the
 * row byte by byte.
 *
 * Pure functions; any process may call them.
 */
#ifndef BET_ROW_SCAN_H
#define BET_ROW_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROW_SCAN_BLOCK_BYTES = 64,
    ROW_SCAN_BLOCKS = 64, /* one for each bit of a word */
    ROW_SCAN_BYTES_MAX = ROW_SCAN_BLOCKS * ROW_SCAN_BLOCK_BYTES,
    /* Places are written so many at a time; those that are too many are written over. */
    ROW_SCAN_AT_ONCE = 10,
    ROW_SCAN_PLACES = ROW_SCAN_BYTES_MAX + ROW_SCAN_AT_ONCE
};

/* What was found. Places are counted from the first byte that was scanned. */
struct row_marks {
    size_t end_count; /* fields' ends: commas and line feeds */
    size_t row_count; /* of these, rows' ends: line feeds */
    bool is_open;     /* the last row has no line feed: its end stands for where the bytes end */
    uint64_t suspect; /* bit i: there are unusual bytes in block i */
    uint16_t ends[ROW_SCAN_PLACES];
    uint16_t row_ends[ROW_SCAN_PLACES];
};

/*
 * Scans the `bytes` bytes at `rows`, which is where a row begins; ROW_SCAN_BYTES_MAX of them
 * where they are more. Where they are fewer, and do not end in a line feed, the last row
 * ends with the bytes.
 */
void row_scan(const char *rows, size_t bytes, struct row_marks *marks);

/* The same, as processors without wider vectors run it, for tests on those that have them. */
void row_scan_portable(const char *rows, size_t bytes, struct row_marks *marks);

/*
 * True when the row from `start` to its end at `row_end` has `commas` commas, the first of them
 * being the end number `first`, and only usual bytes.
 */
static inline bool row_is_usual(const struct row_marks *marks, size_t start, size_t row_end,
                                size_t first, size_t commas)
{
    const size_t block = start / ROW_SCAN_BLOCK_BYTES;
    const size_t blocks_more = row_end / ROW_SCAN_BLOCK_BYTES - block;
    return first + commas < marks->end_count && marks->ends[first + commas] == row_end &&
           marks->suspect >> block << (ROW_SCAN_BLOCKS - 1 - blocks_more) == 0;
}

/* Returns the number of the first end after the row's, which is at `row_end`. */
static inline size_t row_skip_ends(const struct row_marks *marks, size_t first, size_t row_end)
{
    while (marks->ends[first] != row_end) {
        first++;
    }
    return first + 1;
}

#endif
