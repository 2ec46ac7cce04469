/*
 * decimal.c - see decimal.h. Pure; any process may call.
 */
#include "lib/decimal.h"

#include <string.h>

char *decimal_write(char *out, uint32_t value)
{
    char digits[DECIMAL_UINT32_BYTES_MAX];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    size_t count = (size_t)(digits + sizeof digits - first);
    memcpy(out, first, count);
    return out + count;
}
