/*
 * copy_text.c - see copy_text.h.
 */
#include "feed/copy_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CAPACITY_FIRST = 1 << 16, PREFIX_BYTES = 128, TIME_BYTES = 64, MS_PER_SECOND = 1000 };

const char copy_text_bets[] = "COPY lottery_bets (centre, sequence, line, agency, first_name, "
                              "last_name, document, birthdate, number) FROM STDIN (FORMAT csv)";
const char copy_text_records[] =
    "COPY lottery_records (centre, sequence, kind, epoch, node, lottery, begins_at, length, rows, "
    "name, content, stored_at) FROM STDIN (FORMAT csv)";

/* ------------------------------------------------------------------- memory ---- */

/* Room for so many more bytes. */
static bool reserve(struct copy_text *text, size_t bytes)
{
    size_t capacity = text->capacity == 0 ? CAPACITY_FIRST : text->capacity;
    while (capacity - text->used < bytes) {
        capacity *= 2;
    }
    if (capacity == text->capacity) {
        return true;
    }
    char *larger = realloc(text->bytes, capacity);
    if (larger == NULL) {
        return false;
    }
    text->bytes = larger;
    text->capacity = capacity;
    return true;
}

static bool add(struct copy_text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count)) {
        return false;
    }
    memcpy(text->bytes + text->used, bytes, count);
    text->used += count;
    return true;
}

/* Adds printf-like text of less than PREFIX_BYTES bytes. */
__attribute__((format(printf, 2, 3))) static bool add_words(struct copy_text *text,
                                                            const char *format, ...)
{
    char words[PREFIX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return bytes >= 0 && add(text, words, (size_t)bytes);
}

/* Adds a field in quotes, inside which a quote is doubled. */
static bool add_quoted(struct copy_text *text, const char *field)
{
    bool added = add(text, "\"", 1);
    for (; added && *field != '\0'; field++) {
        added = add(text, field, 1) && (*field != '"' || add(text, field, 1));
    }
    return added && add(text, "\"", 1);
}

/* Adds bytes as bytea's hexadecimal form. */
static bool add_hexadecimal(struct copy_text *text, const void *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    if (!add(text, "\\x", 2) || !reserve(text, 2 * count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        text->bytes[text->used++] = digits[at[i] >> 4];
        text->bytes[text->used++] = digits[at[i] & 0xF];
    }
    return true;
}

void copy_text_clear(struct copy_text *text)
{
    text->used = 0;
}

void copy_text_free(struct copy_text *text)
{
    free(text->bytes);
    *text = (struct copy_text){.bytes = NULL};
}

/* --------------------------------------------------------------------- rows ---- */

bool copy_text_add_bets(struct copy_text *text, const char *centre,
                        const struct engine_message *message, const struct record *record)
{
    const char *row = record->bytes;
    const char *end = row + record->length;
    for (uint64_t line = 1; row < end; line++) {
        const char *line_end = memchr(row, '\n', (size_t)(end - row)); /* a record ends with one */
        if (!add_words(text, "%s,%" PRIu64 ",%" PRIu64 ",", centre, message->sequence, line) ||
            !add(text, row, (size_t)(line_end + 1 - row))) {
            return false;
        }
        row = line_end + 1;
    }
    return true;
}

static bool add_time(struct copy_text *text, int64_t moment_ms)
{
    time_t moment_s = (time_t)(moment_ms / MS_PER_SECOND);
    struct tm broken_down;
    char date[TIME_BYTES];
    gmtime_r(&moment_s, &broken_down);
    (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &broken_down);
    return add_words(text, ",%s.%03d+00\r\n", date, (int)(moment_ms % MS_PER_SECOND));
}

bool copy_text_add_record(struct copy_text *text, const char *centre,
                          const struct engine_message *message, const struct record *record)
{
    static const char *const kinds[RECORD_KINDS] = {[RECORD_BETS] = "bets",
                                                    [RECORD_DONE] = "done",
                                                    [RECORD_FILE] = "file",
                                                    [RECORD_CLAIM] = "claim"};
    bool has_lines = record->kind == RECORD_BETS || record->kind == RECORD_DONE;
    bool has_content = record->kind != RECORD_BETS && record->length > 0;
    if (!add_words(text, "%s,%" PRIu64 ",%s,%" PRIu64 ",", centre, message->sequence,
                   kinds[record->kind], record->epoch) ||
        !add_quoted(text, record->node) || !add_words(text, ",%s,", record->identity)) {
        return false;
    }
    bool added = has_lines ? add_words(text, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", record->offset,
                                       record->length, record->rows)
                           : add_words(text, ",%" PRIu64 ",,", record->length);
    return added && (record->kind != RECORD_FILE || add_quoted(text, record->name)) &&
           add(text, ",", 1) &&
           (!has_content || add_hexadecimal(text, record->bytes, record->length)) &&
           add_time(text, message->stored_at_ms);
}
