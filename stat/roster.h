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

/* Sorts the agencies; with `missing_first`, those that are missing before all others. */
void roster_arrange(struct snapshot *snapshot, enum roster_sort sort, bool missing_first);

#endif
