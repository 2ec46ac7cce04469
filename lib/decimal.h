/*
 * decimal.h - writes numbers as decimals, where printf would cost more than the
 * rest of the work, or does not know how.
 */
#ifndef LIB_DECIMAL_H
#define LIB_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_UINT32_BYTES_MAX = 10, DECIMAL_GROUPED_BYTES = 27 };

/* Reads all `bytes` bytes as a decimal below 10^19. False, *value left alone, for anything else. */
bool decimal_parse(const char *digits, size_t bytes, uint64_t *value);

/* Writes the digits, not terminated, and returns the end. `out` needs DECIMAL_UINT32_BYTES_MAX. */
char *decimal_write(char *out, uint32_t value);

/*
 * Writes 1234567 as "1,234,567", terminated, and returns `text`, which has room
 * for the longest, "18,446,744,073,709,551,615".
 */
const char *decimal_write_grouped(char text[DECIMAL_GROUPED_BYTES], uint64_t value);

#endif
