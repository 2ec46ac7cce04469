/*
 * json_text.h - writes text as JSON has it (RFC 8259), and bytes that are no text as base64 (RFC 4648).
 *
 * Used by whatever of a feed prints JSON: rows, and the export.
 */
#ifndef FEED_JSON_TEXT_H
#define FEED_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* True when the bytes are UTF-8 without NUL and without control characters but CR, LF and tab. */
bool json_text_is_printable(const char *text, size_t bytes);

/* Prints the text in quotes; a byte that keeps it from being printable becomes U+FFFD. */
void json_text_print(FILE *output, const char *text, size_t bytes);

/* Prints any bytes in quotes, as base64. */
void json_text_print_base64(FILE *output, const void *bytes, size_t count);

#endif
