/*
 * json.h - a snapshot for programs: one JSON object (RFC 8259) and a newline.
 *
 * Each section is a member, and each figure is a member of its section, with the name that
 * --explain gives; lists are arrays. Numbers are exact, in the unit that their name ends in;
 * an unknown value is null. Made from the declarations in counters.h. Called by lottery-stat and
 * lottery-web.
 */
#ifndef STAT_JSON_H
#define STAT_JSON_H

#include "stat/snapshot.h"

struct verdicts; /* verdict.h */

#include <stdio.h>

/* Prints the snapshot, and what of it needs a look. Errors stay in `file`. */
void json_print(FILE *file, const struct snapshot *snapshot, const struct verdicts *verdicts);

/* Prints their members alone, without braces, for an object that has others, too. */
void json_print_members(FILE *file, const struct snapshot *snapshot,
                        const struct verdicts *verdicts);

/* Writes a text as a JSON string, quoted; bytes that are not UTF-8 become U+FFFD. */
void json_print_string(FILE *file, const char *text);

#endif
