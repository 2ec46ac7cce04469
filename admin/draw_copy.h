/*
 * draw_copy.h - copies the files of one draw into a directory of their own.
 *
 * The order of copying makes the copy of a draw that goes on consistent: control first, then
 * done.csv, checkpoint, seal and draw, bets.csv last. Each of the earlier files names bytes of
 * bets.csv that were durable when it was written, so a bets.csv that is read later holds them.
 *
 * Called by backup.c, in lottery-admin. If that dies, its own comment says what is left.
 */
#ifndef ADMIN_DRAW_COPY_H
#define ADMIN_DRAW_COPY_H

#include "lib/failure.h"
#include "store/control.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

/* The caller sets the first three members, and zeroes the others. */
struct draw_copy {
    const struct data_directory *from, *to;
    struct failure *failure; /* set where a function returns false */
    /* What was copied: */
    struct control control;
    uint64_t bets_bytes; /* of whole rows */
    uint64_t done_bytes; /* of whole lines */
    uint64_t agencies_done;
    uint64_t bets_proven_bytes; /* durable, as control and done.csv say that were copied */
};

/*
 * Copies a draw that a server may be writing. True when the copy holds all that was durable
 * before. Where the next draw is opened meanwhile, it may also be a mixture: the caller compares
 * control afterwards.
 */
bool draw_copy_changing(struct draw_copy *copy);

/* Copies a draw of which nothing changes any more, all of it that is there. */
bool draw_copy_still(struct draw_copy *copy);

/* Removes what was copied into the directory. */
void draw_copy_remove(const struct data_directory *directory);

#endif
