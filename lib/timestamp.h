/*
 * timestamp.h - moments as text: RFC 3339, in UTC, to the millisecond.
 *
 * What is written for years (control, seal.json, draw.json) and what people type (closing
 * times) has this form. Pure functions; any process may call them.
 */
#ifndef LIB_TIMESTAMP_H
#define LIB_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-27T13:04:14.123Z" and a NUL. */
enum { TIMESTAMP_BYTES = 25 };

/* The last moment that has this form: 9999-12-31T23:59:59.999Z, in milliseconds since 1970. */
#define TIMESTAMP_MS_MAX INT64_C(253402300799999)

/* Writes the moment, 0 to TIMESTAMP_MS_MAX milliseconds since 1970. */
void timestamp_write(int64_t moment_ms, char text[TIMESTAMP_BYTES]);

/*
 * Reads a moment from 1970 to 9999 (RFC 3339, section 5.6): with or without a fraction of up to
 * three digits, in UTC (`Z`) or with an offset (`+01:00`). Returns false, and leaves *moment_ms
 * alone, when the text is anything else; a date that the calendar lacks, and a leap second, are.
 */
bool timestamp_parse(const char *text, int64_t *moment_ms);

#endif
