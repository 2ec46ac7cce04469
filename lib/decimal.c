/*
 * decimal.c - see decimal.h. Pure; any process may call.
 */
#include "lib/decimal.h"

#include <string.h>

enum { BASE = 10, GROUP_DIGITS = 3, PARSED_DIGITS_MAX = 19 };

bool decimal_parse(const char *digits, size_t bytes, uint64_t *value)
{
    uint64_t parsed = 0;
    if (bytes == 0 || bytes > PARSED_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        parsed = parsed * BASE + (uint64_t)(digits[i] - '0');
    }
    *value = parsed;
    return true;
}

char *decimal_write(char *out, uint32_t value)
{
    char digits[DECIMAL_UINT32_BYTES_MAX];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + value % BASE);
        value /= BASE;
    } while (value != 0);
    size_t count = (size_t)(digits + sizeof digits - first);
    memcpy(out, first, count);
    return out + count;
}

const char *decimal_write_grouped(char text[DECIMAL_GROUPED_BYTES], uint64_t value)
{
    char digits[DECIMAL_GROUPED_BYTES];
    char *first = digits + sizeof digits - 1;
    unsigned count = 0;
    *first = '\0';
    do {
        if (count > 0 && count % GROUP_DIGITS == 0) {
            *--first = ',';
        }
        *--first = (char)('0' + value % BASE);
        value /= BASE;
        count++;
    } while (value != 0);
    memcpy(text, first, (size_t)(digits + sizeof digits - first));
    return text;
}
