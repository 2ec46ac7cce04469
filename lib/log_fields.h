/*
 * log_fields.h - what a line of the log says: fields, `result: fail | file: bets.csv | position: 17`.
 *
 * Why it exists: programs read the log, and values come from strangers. A call gives a format of
 * printf's, and this is where its fields come about, and where they are taken apart again, for every
 * form that the log has. Only the call's own format makes a field. A `|` of a value becomes `?`, as
 * each byte does that is not UTF-8, or is a control character: so no value can forge a field or a line,
 * and ` | ` stands between fields only.
 *
 * Formats may have %s, %.*s, %c, %d, %i, %u, %x and %X, with lengths, `0` and a width, and %%; anything
 * else ends the line there (tests/scripts looks at all calls). `%-s` is a text of the program itself,
 * which may bring fields along: " | reason: ". It is cleaned, and keeps its `|`.
 *
 * No state, and no call of the system: signal handlers may use it, too.
 */
#ifndef LIB_LOG_FIELDS_H
#define LIB_LOG_FIELDS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_FIELDS_BYTES = 2048 }; /* more of a line is cut off */

struct log_fields {
    char text[LOG_FIELDS_BYTES];
    size_t bytes;
    bool is_cut;         /* nothing is added any more */
    unsigned separators; /* so far */
    uint64_t numbers;    /* bit n: the value of field n, of the first 64, is an integer */
};

/* One field. Where a text has no name before `: `, name_bytes is 0. */
struct log_field {
    const char *name, *value;
    size_t name_bytes, value_bytes;
    bool is_number; /* an integer as JSON writes it */
};

/* Where log_fields_next stands. All zeros at first. */
struct log_fields_place {
    size_t at;
    unsigned index;
};

/* Writes the fields behind those that are there; a struct of zeros has none. */
void log_fields_add(struct log_fields *fields, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_fields_add_list(struct log_fields *fields, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Takes the next field of the first `bytes` bytes. False at their end. */
bool log_fields_next(const struct log_fields *fields, size_t bytes, struct log_fields_place *place,
                     struct log_field *field);

/* True when there is a field of this name. */
bool log_fields_have(const struct log_fields *fields, const char *name);

/* The longest beginning of the text that is no longer than `bytes` and ends in no part of a character. */
size_t log_fields_cut(const char *text, size_t bytes);

#endif
