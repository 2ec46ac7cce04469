/*
 * block_scan.h - scans 64 bytes of rows at once: where fields and rows end, and whether
 * there are unusual bytes.
 *
 * Usual bytes are printable ASCII without quotes, line ends, and the letters U+00C0
 * to U+00FF, which UTF-8 writes as 0xc3 and one continuation byte. A row of usual
 * bytes is clean text and needs no quoting. Any other byte makes a block suspect.
 * That is no fault: the caller then checks the row byte by byte.
 *
 * There are two versions with the same results: SSE2, which every x86-64 has,
 * and plain C. Pure functions; any process may call them.
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
    uint64_t carriage_returns; /* not suspect: the caller knows where they may stand */
    bool suspect;
    bool open; /* the last byte is 0xc3: its continuation has to begin the next block */
};

/* Scans exactly BLOCK_SCAN_BYTES bytes. `open` is the previous block's; false at first. */
struct block_masks block_scan(const char *bytes, bool open);

/* The same in plain C. Other processors use it, and tests compare block_scan with it. */
struct block_masks block_scan_portable(const char *bytes, bool open);

#endif
