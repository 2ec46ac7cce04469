/*
 * table.h - a snapshot as an aligned table for people.
 *
 * First what needs a look, in a line or more each, with its id; then a grid of the sections that have one row, then the lists of agencies
 * and handlers. Made from the declarations in counters.h. Called by lottery-stat.
 */
#ifndef STAT_TABLE_H
#define STAT_TABLE_H

#include "stat/roster.h"
#include "stat/snapshot.h"
#include "stat/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_DEFAULT = 80 };

/* Where a list is that has more rows than lines. */
struct table_scroll {
    size_t first; /* the row that is wanted on top; table_print sets the one that is */
    size_t page;  /* set by table_print: how many rows are shown */
};

/* The window of the table, and the older snapshot that rates are computed from. */
struct table_view {
    unsigned columns;                   /* of the window; 0: there is none, and no list is cut */
    unsigned rows;                      /* lines at most; 0: no limit */
    const struct snapshot *older;       /* of the same server; NULL: no rates are shown */
    const struct verdicts *verdicts;    /* what needs a look; NULL: that is not said */
    bool colored;                       /* and said in colours */
    bool only_missing;                  /* of the agencies; they have to be the first ones then */
    const struct roster_filter *filter; /* of both lists; those that match have to be the first ones
                                         * then; NULL: none */
    struct table_scroll agencies, handlers;
};

/*
 * Prints the table. No line is longer than `columns`: columns of lists that do not fit are
 * left out, from the right. If there are few lines, only the first figures of each section are
 * shown. If a list has more rows than lines, its last line says how many are left out.
 */
void table_print(FILE *file, const struct snapshot *snapshot, struct table_view *view);

#endif
