/*
 * centre_set.h - the centres that draw together, by name, and their text: "A,B,C".
 *
 * Configuration, the records of stream DRAW and commands name centres this way. Pure functions on
 * the caller's struct; any process may call them.
 */
#ifndef STORE_CENTRE_SET_H
#define STORE_CENTRE_SET_H

#include "lib/config.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CENTRE_NAME_BYTES = 33, /* with its NUL */
    CENTRES_MAX = 32
};

/* Zeroed: no centres. */
struct centre_set {
    uint32_t count;
    char names[CENTRES_MAX][CENTRE_NAME_BYTES]; /* ascending, by their bytes */
};

/*
 * True for 1 to 32 letters, digits and `-` of ASCII, but for a single `-`, by which files and commands
 * say that there is none. So it is a token of a subject, too.
 */
bool centre_set_is_name(const char *name);

/*
 * Reads "A,B,C", in any order; blanks may stand around a name; "" is no centres. Returns false with
 * a failure that begins with `place`, where the text comes from, when a name is none, is named
 * twice, or there are more than CENTRES_MAX.
 */
bool centre_set_parse(const char *text, const char *place, struct centre_set *set,
                      struct failure *failure);

/* Writes the names in ascending order, so that equal sets have equal texts; it always fits. */
void centre_set_write(const struct centre_set *set, char text[CONFIG_TEXT_BYTES]);

/* True when the text is what centre_set_write makes of some set; "" is, too. */
bool centre_set_is_text(const char *text);

/* Returns the place of the name, from 0 on, or -1 where it is not in the set. */
int centre_set_find(const struct centre_set *set, const char *name);

#endif
