/*
 * decimal.h - writes numbers as decimals, where printf would cost more than the rest of the work.
 */
#ifndef LIB_DECIMAL_H
#define LIB_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_UINT32_BYTES_MAX = 10 };

/* Writes the digits, not terminated, and returns the end. `out` needs DECIMAL_UINT32_BYTES_MAX. */
char *decimal_write(char *out, uint32_t value);

#endif
