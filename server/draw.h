/*
 * draw.h - holds the draw: one pass over bets.csv, the winning rows by agency.
 *
 * winners.csv is written under another name, synced and renamed into place: it
 * is there whole or not at all, and holding the draw again gives the same
 * bytes. Memory does not grow with the number of bets or of winners.
 */
#ifndef SERVER_DRAW_H
#define SERVER_DRAW_H

#include "lib/failure.h"
#include "server/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

enum draw_end {
    DRAW_HELD,
    DRAW_FAILED,     /* may be tried again; errno says why */
    DRAW_NOT_SYNCED, /* may not: what the disk holds is not known; errno says why */
    DRAW_DAMAGED     /* bets.csv is not what was stored: no winners can be told by it */
};

/* What bets.csv has to hold: its first `bytes` bytes, of so many rows. */
struct draw_stock {
    uint64_t bytes, rows;
};

/*
 * Holds the draw among the bets that were stored. Unless it is
 * held, describes the failure and keeps its errno. Of damage it notices a row that
 * would win and is no valid one, and a number of rows that is another one. Called by the storer, once
 * nothing can be appended any more and all of it is durable.
 */
enum draw_end draw_hold(const struct data_directory *directory, const struct draw_stock *stored,
                        uint32_t winning_number, uint64_t *winners, struct failure *failure);

/*
 * Makes a draw that is in place already as durable as draw_hold leaves one, and
 * removes what a storer that died right after the rename left behind. Sets
 * *winners to the rows of winners.csv. Returns DRAW_HELD; DRAW_NOT_SYNCED where the
 * directory can't be synced, DRAW_FAILED where the file can't be read, with the failure.
 */
enum draw_end draw_adopt(const struct data_directory *directory, uint64_t *winners,
                         struct failure *failure);

#endif
