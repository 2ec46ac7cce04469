/*
 * draw.h - holds the draw: one pass over bets.csv, the winning rows by agency.
 *
 * winners.csv is written under another name, synced and renamed into place, so it is there
 * whole or not at all. Holding the draw again gives the same bytes. A draw counts as held once
 * control (control.h) says so. A winners.csv that is there before that comes from a draw that
 * was not finished, or from elsewhere, and is replaced. Memory does not grow with the number of
 * bets or of winners.
 *
 * Called by the storer.
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

/* What was stored: the first `bytes` bytes of bets.csv, their rows and their checksum. */
struct draw_stock {
    uint64_t bytes, rows, checksum;
};

/*
 * Holds the draw among the bets that were stored. After DRAW_HELD winners.csv is in place,
 * durably, and the caller writes *record to control. Any other answer comes with the failure;
 * DRAW_DAMAGED for every change of bets.csv since it was stored. Calls
 * `should_stop` from time to time. Called by the storer when nothing can be appended any more
 * and all bets are durable.
 */
enum draw_end draw_hold(const struct data_directory *directory, const struct draw_stock *stored,
                        uint32_t winning_number, bool (*should_stop)(void),
                        struct draw_record *record, struct failure *failure);

/*
 * Compares winners.csv with the record of a draw that was held, and removes the unfinished
 * files of a storer that died during a draw. Returns DRAW_HELD when they agree, DRAW_DAMAGED
 * when they do not, and DRAW_MISSING when there is no winners.csv; draw_hold then makes it
 * again and gives the same record. Any answer but DRAW_HELD comes with the
 * failure. Called by each storer that finds the state CONTROL_DRAWN.
 */
enum draw_end draw_check(const struct data_directory *directory, const struct draw_record *record,
                         struct failure *failure);

#endif
