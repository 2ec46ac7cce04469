/*
 * value_line.c - see value_line.h.
 */
#include "store/value_line.h"

#include "lib/checksum.h"
#include "lib/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEXADECIMAL = 16, DECIMAL = 10 };

static const char *const flag_names[] = {"no", "yes"};

/* --------------------------------------------------------------- writing ---- */

static void write_value(const struct value_line *line, const void *from,
                        char value[VALUE_LINE_BYTES])
{
    value[0] = '\0';
    switch (line->kind) {
    case VALUE_TEXT:
        (void)snprintf(value, VALUE_LINE_BYTES, "%s", (const char *)from);
        break;
    case VALUE_UINT32:
        (void)snprintf(value, VALUE_LINE_BYTES, "%" PRIu32, *(const uint32_t *)from);
        break;
    case VALUE_KEY:
        (void)snprintf(value, VALUE_LINE_BYTES, "%08" PRIx32, *(const uint32_t *)from);
        break;
    case VALUE_UINT64:
        (void)snprintf(value, VALUE_LINE_BYTES, "%" PRIu64, *(const uint64_t *)from);
        break;
    case VALUE_CHECKSUM:
        (void)snprintf(value, VALUE_LINE_BYTES, CHECKSUM_FORMAT, *(const uint64_t *)from);
        break;
    case VALUE_MOMENT:
        if (*(const int64_t *)from != 0) {
            timestamp_write(*(const int64_t *)from, value);
        }
        break;
    case VALUE_FLAG:
        (void)snprintf(value, VALUE_LINE_BYTES, "%s", flag_names[*(const bool *)from ? 1 : 0]);
        break;
    case VALUE_WORD:
        (void)snprintf(value, VALUE_LINE_BYTES, "%s", line->words.names[*(const unsigned *)from]);
        break;
    case VALUE_OTHER:
        break;
    }
}

size_t value_line_write_text(const char *name, const char *value, char *text, size_t size)
{
    const char *shown = value[0] == '\0' ? VALUE_LINE_NOTHING : value;
    return (size_t)snprintf(text, size, "%s %s\n", name, shown);
}

size_t value_line_write(const struct value_line *line, const void *whole, char *text, size_t size)
{
    char value[VALUE_LINE_BYTES];
    write_value(line, (const char *)whole + line->offset, value);
    return value_line_write_text(line->name, value, text, size);
}

size_t value_line_write_checksum(char *text, size_t used, size_t size)
{
    const uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, text, used);
    return (size_t)snprintf(text + used, size - used, "checksum " CHECKSUM_FORMAT "\n", checksum);
}

/* --------------------------------------------------------------- reading ---- */

bool value_line_take(const char **text, const char *name, char value[VALUE_LINE_BYTES])
{
    size_t name_bytes = strlen(name);
    const char *line_feed = strchr(*text, '\n');
    if (line_feed == NULL || strncmp(*text, name, name_bytes) != 0 || (*text)[name_bytes] != ' ') {
        return false;
    }
    const char *from = *text + name_bytes + 1;
    if (from > line_feed || line_feed - from >= VALUE_LINE_BYTES) {
        return false;
    }
    memcpy(value, from, (size_t)(line_feed - from));
    value[line_feed - from] = '\0';
    *text = line_feed + 1;
    return true;
}

static bool read_word(const struct value_words *words, const char *value, unsigned *word)
{
    for (int i = 0; i < words->count; i++) {
        if (strcmp(value, words->names[i]) == 0) {
            *word = (unsigned)i;
            return true;
        }
    }
    return false;
}

static bool read_value(const struct value_line *line, const char *value, void *to)
{
    const bool nothing = strcmp(value, VALUE_LINE_NOTHING) == 0;
    switch (line->kind) {
    case VALUE_TEXT:
        return strlen(value) < line->room &&
               snprintf(to, line->room, "%s", nothing ? "" : value) >= 0;
    case VALUE_UINT32:
        *(uint32_t *)to = (uint32_t)strtoull(value, NULL, DECIMAL);
        return true;
    case VALUE_KEY:
        *(uint32_t *)to = (uint32_t)strtoull(value, NULL, HEXADECIMAL);
        return true;
    case VALUE_UINT64:
        *(uint64_t *)to = strtoull(value, NULL, DECIMAL);
        return true;
    case VALUE_CHECKSUM:
        *(uint64_t *)to = strtoull(value, NULL, HEXADECIMAL);
        return true;
    case VALUE_MOMENT:
        return nothing || timestamp_parse(value, to);
    case VALUE_FLAG:
        *(bool *)to = strcmp(value, flag_names[1]) == 0;
        return true;
    case VALUE_WORD:
        return read_word(&line->words, value, to);
    case VALUE_OTHER:
        break;
    }
    return false;
}

bool value_line_read(const struct value_line *line, const char **text, void *whole)
{
    char value[VALUE_LINE_BYTES];
    return value_line_take(text, line->name, value) &&
           read_value(line, value, (char *)whole + line->offset);
}
