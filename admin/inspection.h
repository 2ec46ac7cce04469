/*
 * inspection.h - whether the files of one draw are what they were when they were stored.
 *
 * Why it exists: a start judges the same (server/supervisor/witnesses.h), and then goes on with the
 * files. An inspection reads them and changes nothing, so it may be made of any directory: of one
 * that a server runs on, of a copy, and of an archive.
 *
 * What it promises: a directory that is well is one that a start accepts. It finds a change of
 * bets.csv that somebody has made where a start would; with `full` it reads every row, and holds
 * the files against the seal.
 *
 * Called by lottery-admin, for `check`.
 */
#ifndef ADMIN_INSPECTION_H
#define ADMIN_INSPECTION_H

#include "admin/census.h"
#include "lib/failure.h"
#include "store/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REMARKS_MAX = 24 };

/* Sentences for people. Those beyond REMARKS_MAX are only counted. */
struct remarks {
    char texts[REMARKS_MAX][FAILURE_TEXT_BYTES];
    size_t count;
};

/* Adds a sentence. */
void remarks_add(struct remarks *remarks, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct inspection {
    struct census_place place;
    bool is_archive;        /* the draw is over, and nothing of it changes any more */
    bool full;              /* read every byte */
    struct control control; /* of the draw; read before anything else */
    /* What was found: */
    struct census census;    /* zeros where it could not be taken */
    struct remarks problems; /* why it is not well */
    struct remarks notes;    /* what a start would mend, and what is worth knowing */
    bool unread;             /* a file could not be read, so nothing is known of it */
};

/*
 * Inspects the draw. The caller has filled in the first four members and zeroed the rest, and
 * calls inspection_close.
 */
void inspection_make(struct inspection *inspection);

void inspection_close(struct inspection *inspection);

#endif
