/*
 * text.h - which bytes are text: UTF-8 (RFC 3629) without control characters.
 *
 * Control characters are Unicode's category Cc: U+0000 to U+001F, U+007F to
 * U+009F. A pure function; any process may call it.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True when all `bytes` bytes are well-formed UTF-8 without control characters. */
bool text_is_clean(const char *text, size_t bytes);

/* Writes `?` over every byte that keeps the text from being clean: it is clean then. */
void text_make_clean(char *text, size_t bytes);

#endif
