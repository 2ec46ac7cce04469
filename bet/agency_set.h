/*
 * agency_set.h - a set of agency numbers, and its text: "1-3,7", or "any".
 *
 * Configuration, control and commands name agencies this way. Pure functions on the caller's
 * struct; any process may call them.
 */
#ifndef BET_AGENCY_SET_H
#define BET_AGENCY_SET_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One inclusive range of agency numbers. */
struct agency_range {
    uint32_t first, last;
};

enum { AGENCY_RANGES_MAX = 64 };

/* Zeroed: the empty set. */
struct agency_set {
    bool any; /* every number is in it; there are no ranges then */
    struct agency_range ranges[AGENCY_RANGES_MAX]; /* they don't overlap, in any order */
    uint32_t count;                                /* of ranges */
};

/*
 * Reads "1-5", "1-3,7" or "any" (in any case); blanks may stand around a range. Returns false with
 * a failure that begins with `place`, where the text comes from, when the text is anything else,
 * an agency is named twice, or there are more than AGENCY_RANGES_MAX ranges.
 */
bool agency_set_parse(const char *text, const char *place, struct agency_set *set,
                      struct failure *failure);

/*
 * Writes the set, ranges in ascending order, those that touch as one, so that equal sets have
 * equal texts: never longer than the text that was parsed. The empty set is "". Cuts the text when
 * `capacity` is too small; returns the bytes that a whole one has.
 */
size_t agency_set_write(const struct agency_set *set, char *text, size_t capacity);

/* Adds one agency. Returns false, and changes nothing, when that needs too many ranges. */
bool agency_set_add(struct agency_set *set, uint32_t agency);

/* True when the agency is in the set. */
bool agency_set_has(const struct agency_set *set, uint32_t agency);

/* Returns how many agencies are in the set; 0 for `any`. */
uint64_t agency_set_size(const struct agency_set *set);

#endif
