/*
 * block_scan.h - looks at 64 bytes of rows at once: where fields and rows end, and what is
 * out of the ordinary.
 *
 * Ordinary is printable ASCII without quotes, line ends, and the letters
 * U+00C0 to U+00FF, which UTF-8 writes as 0xc3 and one continuation byte: with
 * those alone, a row is clean text and needs no quoting. Everything else makes
 * a block suspect, which is no fault: who scans then looks again, byte by byte.
 *
 * There are two versions with the same results: SSE2, which every x86-64 has,
 * and plain C. Pure functions.
 */
#ifndef BET_BLOCK_SCAN_H
#define BET_BLOCK_SCAN_H

#include <stdbool.h>
#include <stdint.h>

enum { BLOCK_SCAN_BYTES = 64 };

/* Bit i is about byte i. */
struct block_masks {
    uint64_t commas;
    uint64_t line_feeds;
    uint64_t carriage_returns; /* not suspect: it depends on the rows where they may stand */
    bool suspect;
    bool open; /* the last byte is 0xc3: its continuation has to begin the next block */
};

/* `open` is the previous block's. Exactly BLOCK_SCAN_BYTES bytes are read. */
struct block_masks block_scan(const char *bytes, bool open);

/* The same in plain C: what block_scan is on other processors, and what it is tested against. */
struct block_masks block_scan_portable(const char *bytes, bool open);

#endif
