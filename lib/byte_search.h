/*
 * byte_search.h - finds, or counts, a few bytes in many, as fast as memory can be read.
 *
 * Pure functions; any process may call them.
 */
#ifndef LIB_BYTE_SEARCH_H
#define LIB_BYTE_SEARCH_H

#include <stddef.h>

/*
 * Returns the first place of the `needle_bytes` (at least 1) bytes at `needle` among
 * the `bytes` bytes at `text`, or NULL, as memmem(3) does. memmem takes five times as
 * long for the six bytes that a winning row ends in.
 */
const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes);

/* Returns how many of the `bytes` bytes at `text` are `byte`. */
size_t byte_count(const char *text, size_t bytes, char byte);

/* The same two as processors without AVX2 run them, for tests on those that have it. */
const char *byte_search_portable(const char *text, size_t bytes, const char *needle,
                                 size_t needle_bytes);
size_t byte_count_portable(const char *text, size_t bytes, char byte);

#endif
