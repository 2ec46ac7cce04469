/*
 * table.h - a snapshot as an aligned table for people.
 *
 * First a grid of the sections that have one row, then the lists of agencies
 * and handlers. Made from the declarations in counters.h.
 */
#ifndef STAT_TABLE_H
#define STAT_TABLE_H

#include "stat/snapshot.h"

#include <stdio.h>

enum { TABLE_COLUMNS_DEFAULT = 80 };

/* What the table has to fit into, and what its rates are computed from. */
struct table_view {
    unsigned columns; /* of the window; 0: there is none, lists may be as wide as they are */
    unsigned rows;    /* lines at most; 0: as many as it takes */
    const struct snapshot *older; /* of the same server; NULL: no rates are shown */
};

/*
 * Prints it. In a window no line is longer than `columns`: columns of lists that
 * do not fit are left out, from the right. Where the window is low only the
 * first figures of each section are shown, and where there are more rows than
 * lines the last line of a list says how many more there are.
 */
void table_print(FILE *file, const struct snapshot *snapshot, const struct table_view *view);

#endif
