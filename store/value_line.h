/*
 * value_line.h - files of lines that are a name, a space and a value, with a checksum as the last one.
 *
 *     identity 0123456789abcdef0123456789abcdef
 *     sealed_at -
 *     checksum 6f708966e0e1032c
 *
 * A struct has exactly one text. One table has its lines, in order; writing and reading go through it.
 * Reading is lenient: a value in another spelling is taken. So a reader writes the result again in
 * memory, and refuses the file unless both texts are the same.
 *
 * Pure. Used by control.c and replication.c.
 */
#ifndef STORE_VALUE_LINE_H
#define STORE_VALUE_LINE_H

#include "lib/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VALUE_LINE_BYTES = CONFIG_TEXT_BYTES }; /* of a value, with its NUL */

#define VALUE_LINE_NOTHING "-" /* how an empty value is written */

/* How a value is written. */
enum value_kind {
    VALUE_TEXT,     /* char[room]; empty: VALUE_LINE_NOTHING */
    VALUE_UINT32,   /* uint32_t */
    VALUE_KEY,      /* uint32_t, 8 hexadecimal digits */
    VALUE_UINT64,   /* uint64_t */
    VALUE_CHECKSUM, /* uint64_t, CHECKSUM_FORMAT */
    VALUE_MOMENT,   /* int64_t, ms since 1970; 0: VALUE_LINE_NOTHING */
    VALUE_FLAG,     /* bool, yes or no */
    VALUE_WORD,     /* an enum of `words` */
    VALUE_OTHER     /* what the caller writes and takes by itself */
};

/* The names of an enum's values. */
struct value_words {
    const char *const *names;
    int count;
};

#define VALUE_WORDS(names)                                                                         \
    {                                                                                              \
        (names), (int)(sizeof(names) / sizeof(names)[0])                                           \
    }

struct value_line {
    const char *name;
    enum value_kind kind;
    size_t offset; /* of the value in the struct */
    size_t room;   /* of VALUE_TEXT: bytes, with the NUL */
    struct value_words words;
    int since; /* the version of the file that has brought it */
};

/*
 * Writes the line of a struct's value, of any kind but VALUE_OTHER, to `text`, with its LF and a NUL.
 * Returns its bytes without the NUL. `size` has to suffice.
 */
size_t value_line_write(const struct value_line *line, const void *whole, char *text, size_t size);

/* Writes a line of this value; "" is VALUE_LINE_NOTHING. Else as value_line_write. */
size_t value_line_write_text(const char *name, const char *value, char *text, size_t size);

/* Writes the checksum of the `used` bytes of `text` behind them. Else as value_line_write. */
size_t value_line_write_checksum(char *text, size_t used, size_t size);

/*
 * Takes the value of the line at *text, which has to have this name, and moves *text to the next line.
 * False when it is another line, or the value is too long.
 */
bool value_line_take(const char **text, const char *name, char value[VALUE_LINE_BYTES]);

/* Takes the line at *text into the struct. False as value_line_take, or when it is no such value. */
bool value_line_read(const struct value_line *line, const char **text, void *whole);

#endif
