/*
 * text.h - which bytes are text, and how a long one is laid out for people.
 *
 * Text is UTF-8 (RFC 3629) without control characters: Unicode's category Cc, U+0000 to
 * U+001F and U+007F to U+009F. No function here has state; any process may call them.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Returns the bytes of the well-formed character at the start of the text, of which `left` bytes are
 * there, 1 at least; 0 where there is none, or a control character.
 */
size_t text_character_bytes(const char *text, size_t left);

/* True when all `bytes` bytes are well-formed UTF-8 without control characters. */
bool text_is_clean(const char *text, size_t bytes);

/*
 * True for a name of 1 to `longest` bytes, all of them ASCII letters, digits or among `others`. The bytes
 * need not be terminated.
 */
bool text_is_name(const char *name, size_t bytes, size_t longest, const char *others);

/* Writes `?` over every byte that keeps the text from being clean. The text is clean then. */
void text_make_clean(char *text, size_t bytes);

/*
 * Returns how many columns of a terminal the text takes, and how many bytes its first `columns` columns
 * are. Each character counts as one column, and so does each byte that is no character.
 */
size_t text_columns(const char *text);
size_t text_prefix_bytes(const char *text, size_t columns);

/*
 * Returns how many bytes of the text go into a line of `columns` columns: up to the last space that
 * fits, and where there is none, as many as fit.
 */
size_t text_line_bytes(const char *text, size_t columns);

/*
 * Prints clean text in lines of at most `columns` columns, broken at spaces, and a line end.
 * The first line goes on where the caller has stopped, which has to be column `indent`; the
 * others are indented as far. A word that is longer than a line is broken.
 */
void text_print_wrapped(FILE *file, const char *text, size_t indent, size_t columns);

#endif
