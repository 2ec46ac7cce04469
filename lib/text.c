/*
 * text.c - see text.h. Plain ASCII is looked at eight bytes at a time; the
 * table of RFC 3629, section 4, is followed for everything else.
 */
#include "lib/text.h"

#include <stdint.h>
#include <string.h>

enum { CHARACTER_BYTES_MAX = 4 };

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* True when all eight bytes are in 0x20..0x7e. */
static bool word_is_printable_ascii(uint64_t word)
{
    const uint64_t high_bits = EACH_BYTE(0x80);
    uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word;
    uint64_t not_delete = word ^ EACH_BYTE(0x7f);
    uint64_t is_delete = (not_delete - EACH_BYTE(0x01)) & ~not_delete;
    return ((word | below_space | is_delete) & high_bits) == 0;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0U) == 0x80;
}

/* Inlined, because every field of every bet goes through it. */
__attribute__((always_inline)) static inline size_t character_bytes(const unsigned char *s,
                                                                    size_t left)
{
    if (s[0] < 0x80) {
        return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
    }
    if (s[0] < 0xc2 || left < 2 || !is_continuation(s[1])) {
        return 0;
    }
    if (s[0] < 0xe0) {
        return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : 2;
    }
    if (left < 3 || !is_continuation(s[2])) {
        return 0;
    }
    if (s[0] < 0xf0) {
        bool overlong = s[0] == 0xe0 && s[1] < 0xa0;
        bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !is_continuation(s[3]) || s[0] > 0xf4) {
        return 0;
    }
    bool overlong = s[0] == 0xf0 && s[1] < 0x90;
    bool beyond_unicode = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || beyond_unicode ? 0 : 4;
}

size_t text_character_bytes(const char *text, size_t left)
{
    return character_bytes((const unsigned char *)text, left);
}

/* How many bytes are clean, from the first one on. */
static size_t clean_bytes(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        uint64_t word = 0;
        if (bytes - at >= sizeof word) {
            memcpy(&word, text + at, sizeof word);
            if (word_is_printable_ascii(word)) {
                at += sizeof word;
                continue;
            }
        }
        size_t step = character_bytes((const unsigned char *)text + at, bytes - at);
        if (step == 0) {
            return at;
        }
        at += step;
    }
    return at;
}

bool text_is_clean(const char *text, size_t bytes)
{
    return clean_bytes(text, bytes) == bytes;
}

bool text_is_name(const char *name, size_t bytes, size_t longest, const char *others)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr(others, c) != NULL);
        if (!fits) {
            return false;
        }
    }
    return bytes > 0 && bytes <= longest;
}

void text_make_clean(char *text, size_t bytes)
{
    size_t at = 0;
    while ((at += clean_bytes(text + at, bytes - at)) < bytes) {
        text[at++] = '?';
    }
}

/* The bytes of the text's next character, or 1 where there is none. */
static size_t step_bytes(const char *text)
{
    size_t bytes = text_character_bytes(text, strnlen(text, CHARACTER_BYTES_MAX));
    return bytes > 0 ? bytes : 1;
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text += step_bytes(text)) {
        columns++;
    }
    return columns;
}

size_t text_prefix_bytes(const char *text, size_t columns)
{
    size_t bytes = 0;
    for (; columns > 0 && text[bytes] != '\0'; columns--) {
        bytes += step_bytes(text + bytes);
    }
    return bytes;
}

size_t text_line_bytes(const char *text, size_t columns)
{
    size_t room = text_prefix_bytes(text, columns);
    if (text[room] == '\0') {
        return room;
    }
    size_t bytes = room;
    while (bytes > 0 && text[bytes] != ' ') {
        bytes--; /* back to the end of a word */
    }
    return bytes > 0 ? bytes : room;
}

void text_print_wrapped(FILE *file, const char *text, size_t indent, size_t columns)
{
    size_t bytes = text_line_bytes(text, columns - indent);
    fprintf(file, "%.*s\n", (int)bytes, text);
    text += bytes;
    while (*(text += strspn(text, " ")) != '\0') {
        bytes = text_line_bytes(text, columns - indent);
        fprintf(file, "%*s%.*s\n", (int)indent, "", (int)bytes, text);
        text += bytes;
    }
}
