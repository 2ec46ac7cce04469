/*
 * json_text.c - see json_text.h.
 */
#include "feed/json_text.h"

#include "lib/text.h"

#include <string.h>

enum { GROUP_BYTES = 3, GROUP_DIGITS = 4, DIGIT_BITS = 6, DIGIT_MASK = (1 << DIGIT_BITS) - 1 };

/* What has to be written otherwise inside quotes. */
static const char escaped[] = "\"\\\r\n\t";
static const char escapes[] = "\"\\rnt";

bool json_text_is_printable(const char *text, size_t bytes)
{
    size_t begin = 0;
    for (size_t i = 0; i <= bytes; i++) {
        if (i == bytes || text[i] == '\r' || text[i] == '\n' || text[i] == '\t') {
            if (!text_is_clean(text + begin, i - begin)) {
                return false;
            }
            begin = i + 1;
        }
    }
    return true;
}

void json_text_print(FILE *output, const char *text, size_t bytes)
{
    size_t begin = 0;
    (void)fputc('"', output);
    for (size_t i = 0; i < bytes;) {
        const char *found = text[i] == '\0' ? NULL : strchr(escaped, text[i]);
        size_t plain = found != NULL ? 0 : text_character_bytes(text + i, bytes - i);
        if (plain > 0) {
            i += plain;
            continue;
        }
        (void)fwrite(text + begin, 1, i - begin, output);
        if (found != NULL) {
            (void)fputc('\\', output);
            (void)fputc(escapes[found - escaped], output);
        } else {
            (void)fputs("\\ufffd", output);
        }
        begin = ++i;
    }
    (void)fwrite(text + begin, 1, bytes - begin, output);
    (void)fputc('"', output);
}

void json_text_print_base64(FILE *output, const void *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    (void)fputc('"', output);
    for (size_t left = count; left > 0;) {
        unsigned group = (unsigned)at[0] << 16;
        size_t taken = GROUP_BYTES;
        if (left > 1) {
            group |= (unsigned)at[1] << 8;
        }
        if (left > 2) {
            group |= at[2];
        } else {
            taken = left;
        }
        for (size_t i = 0; i < GROUP_DIGITS; i++) {
            size_t shift = (GROUP_DIGITS - 1 - i) * DIGIT_BITS;
            (void)fputc(i <= taken ? digits[group >> shift & DIGIT_MASK] : '=', output);
        }
        at += taken;
        left -= taken;
    }
    (void)fputc('"', output);
}
