/*
 * agency_set.c - see agency_set.h.
 */
#include "bet/agency_set.h"

#include "bet/bet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANY "any"

/* Reads one id, or "first-last", and moves *text behind it. */
static bool take_range(const char **text, struct agency_range *range)
{
    const char *at = *text + strspn(*text, " ");
    size_t digits = strspn(at, "0123456789");
    if (!bet_parse_uint32(at, digits, &range->first)) {
        return false;
    }
    range->last = range->first;
    at += digits;
    if (*at == '-') {
        at++;
        digits = strspn(at, "0123456789");
        if (!bet_parse_uint32(at, digits, &range->last)) {
            return false;
        }
        at += digits;
    }
    *text = at + strspn(at, " ");
    return range->first <= range->last;
}

static bool add_range(struct agency_set *set, struct agency_range range, const char *place,
                      struct failure *failure)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (range.first <= set->ranges[i].last && set->ranges[i].first <= range.last) {
            return failure_set(failure, "%s: agency %" PRIu32 " is named twice", place,
                               range.first > set->ranges[i].first ? range.first
                                                                  : set->ranges[i].first);
        }
    }
    if (set->count == AGENCY_RANGES_MAX) {
        return failure_set(failure, "%s: more than %d ranges; join some", place, AGENCY_RANGES_MAX);
    }
    set->ranges[set->count++] = range;
    return true;
}

bool agency_set_parse(const char *text, const char *place, struct agency_set *set,
                      struct failure *failure)
{
    const char *at = text;
    *set = (struct agency_set){.any = strcasecmp(text, ANY) == 0};
    for (bool more = !set->any; more; at++) {
        struct agency_range range;
        if (!take_range(&at, &range) || (*at != ',' && *at != '\0')) {
            return failure_set(failure, "%s: \"%.60s\" is not like 1-5, or 1-3,7, or " ANY, place,
                               text);
        }
        if (!add_range(set, range, place, failure)) {
            return false;
        }
        more = *at == ',';
    }
    return true;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct agency_range *a = left;
    const struct agency_range *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

size_t agency_set_write(const struct agency_set *set, char *text, size_t capacity)
{
    struct agency_range sorted[AGENCY_RANGES_MAX];
    memcpy(sorted, set->ranges, sizeof sorted);
    qsort(sorted, set->count, sizeof sorted[0], compare_ranges);
    size_t used = (size_t)snprintf(text, capacity, "%s", set->any ? ANY : "");
    for (uint32_t i = 0; i < set->count && !set->any;) {
        struct agency_range range = sorted[i++];
        while (i < set->count && sorted[i].first == range.last + 1) {
            range.last = sorted[i++].last;
        }
        char piece[sizeof ",4294967295-4294967295"];
        int bytes = snprintf(piece, sizeof piece, "%s%" PRIu32, used > 0 ? "," : "", range.first);
        if (range.last > range.first) {
            (void)snprintf(piece + bytes, sizeof piece - (size_t)bytes, "-%" PRIu32, range.last);
        }
        if (used < capacity) {
            (void)snprintf(text + used, capacity - used, "%s", piece);
        }
        used += strlen(piece);
    }
    return used;
}

bool agency_set_add(struct agency_set *set, uint32_t agency)
{
    if (agency_set_has(set, agency)) {
        return true;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (agency > 0 && set->ranges[i].last == agency - 1) {
            set->ranges[i].last = agency;
            return true;
        }
    }
    if (set->count == AGENCY_RANGES_MAX) {
        return false;
    }
    set->ranges[set->count++] = (struct agency_range){.first = agency, .last = agency};
    return true;
}

bool agency_set_has(const struct agency_set *set, uint32_t agency)
{
    for (uint32_t i = 0; i < set->count && !set->any; i++) {
        if (set->ranges[i].first <= agency && agency <= set->ranges[i].last) {
            return true;
        }
    }
    return set->any;
}

uint64_t agency_set_size(const struct agency_set *set)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    }
    return size;
}
