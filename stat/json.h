/*
 * json.h - a snapshot for programs: one JSON object (RFC 8259) and a newline.
 *
 * A member a section, in it a member a figure, named as --explain has it; lists
 * are arrays. Numbers are exact, in the unit of their name; what is not
 * known is null. Made from the declarations in counters.h.
 */
#ifndef STAT_JSON_H
#define STAT_JSON_H

#include "stat/snapshot.h"

#include <stdio.h>

void json_print(FILE *file, const struct snapshot *snapshot);

/* Writes a text as a JSON string, quoted; bytes that are not UTF-8 become U+FFFD. */
void json_print_string(FILE *file, const char *text);

#endif
