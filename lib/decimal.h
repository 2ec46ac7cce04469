/*
 * decimal.h - reads decimals, and writes them where printf would cost more than
 * the rest of the work, or does not know how. Pure functions; any process may call
 * them.
 */
#ifndef LIB_DECIMAL_H
#define LIB_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_UINT32_BYTES_MAX = 10, DECIMAL_GROUPED_BYTES = 27 };

/*
 * Reads all `bytes` bytes as a decimal of at most 19 digits, which always fits 64 bits.
 * Returns false and leaves *value alone for anything else.
 */
bool decimal_parse(const char *digits, size_t bytes, uint64_t *value);

/*
 * Writes the digits, not terminated, to `out`, which has room for DECIMAL_UINT32_BYTES_MAX
 * bytes. Returns the end of what was written.
 */
char *decimal_write(char *out, uint32_t value);

/*
 * Writes 1234567 as "1,234,567", terminated, and returns `text`, which has room
 * for the longest, "18,446,744,073,709,551,615".
 */
const char *decimal_write_grouped(char text[DECIMAL_GROUPED_BYTES], uint64_t value);

#endif
