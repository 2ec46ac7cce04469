/*
 * roster.h - in which order --watch shows the agencies, and which of them.
 *
 * Sorts the snapshot's agencies in place; nothing is removed, so that rates find the older row.
 * Pure functions. Called by lottery-stat alone.
 */
#ifndef STAT_ROSTER_H
#define STAT_ROSTER_H

#include "stat/snapshot.h"

#include <stdbool.h>

enum roster_sort {
    ROSTER_BY_STATE, /* the missing ones first, as snapshot_take leaves them */
    ROSTER_BY_ID,
    ROSTER_BY_BETS,   /* the most first */
    ROSTER_BY_SILENCE /* of those that are missing, the longest silent first; then the others */
};

/* Returns "state", "id", "bets" or "silent". */
const char *roster_sort_name(enum roster_sort sort);

enum { ROSTER_FILTER_BYTES = 32 };

/* What a user has typed to see fewer rows; "" shows all. In lower case. */
struct roster_filter {
    char text[ROSTER_FILTER_BYTES];
};

/*
 * True when the agency is to be shown: its number begins with the text, or its phase has it, or
 * roster_arrange found that the peer of one of its connections has it. True when
 * the handler is: its agency's number begins with the text, or its peer or activity has it.
 */
bool roster_shows_agency(const struct roster_filter *filter, const struct snapshot_agency *agency);
bool roster_shows_handler(const struct roster_filter *filter,
                          const struct snapshot_handler *handler);

/* How roster_arrange sorts. Zeroed: as snapshot_take leaves them. */
struct roster_order {
    enum roster_sort sort;
    bool missing_first;                 /* those that are missing before all others */
    const struct roster_filter *filter; /* those that it shows before all of that; NULL: none */
};

/* Sorts the agencies; and, where there is a filter, the handlers: the oldest connection first. */
void roster_arrange(struct snapshot *snapshot, const struct roster_order *order);

#endif
