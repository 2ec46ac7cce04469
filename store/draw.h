/*
 * draw.h - holds the draw: one pass over bets.csv, the winning rows by agency.
 *
 * winners.csv is written under another name, synced and renamed into place: it
 * is there whole or not at all, and holding the draw again gives the same
 * bytes. A draw has been held once control (control.h) says so; a winners.csv without that
 * is of a draw that was not finished, or of nobody, and is replaced. Memory does not
 * grow with the number of bets or of winners.
 */
#ifndef STORE_DRAW_H
#define STORE_DRAW_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

enum draw_end {
    DRAW_HELD,
    DRAW_FAILED,     /* may be tried again */
    DRAW_NO_ROOM,    /* the disk is full: may be tried again; errno says in which way */
    DRAW_MISSING,    /* of draw_check alone: there is no winners.csv */
    DRAW_NOT_SYNCED, /* may not: what the disk holds is not known */
    DRAW_DAMAGED,    /* a file is not what was stored: no winners can be told by it */
    DRAW_INTERRUPTED /* should_stop said so: the next start holds it */
};

/* What bets.csv has to hold: its first `bytes` bytes, of so many rows and this checksum. */
struct draw_stock {
    uint64_t bytes, rows, checksum;
};

/*
 * Holds the draw among the bets that were stored, which means that winners.csv is in
 * place for good; the caller then writes *record to control. Unless it is
 * held, describes the failure. Notices every change of bets.csv
 * since it was stored. Asks `should_stop` now and then. Called by the storer, once
 * nothing can be appended any more and all of it is durable.
 */
enum draw_end draw_hold(const struct data_directory *directory, const struct draw_stock *stored,
                        uint32_t winning_number, bool (*should_stop)(void),
                        struct draw_record *record, struct failure *failure);

/*
 * Holds winners.csv against the record of a draw that was held, and removes what a storer
 * that died during it left behind. DRAW_HELD; DRAW_MISSING where there is
 * no winners.csv: draw_hold makes it again, and gives the same record; DRAW_DAMAGED where it is
 * another one. With the failure. Called by each storer once control says that the draw was held.
 */
enum draw_end draw_check(const struct data_directory *directory, const struct draw_record *record,
                         struct failure *failure);

#endif
