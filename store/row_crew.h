/*
 * row_crew.h - goes through a file of CRLF rows on all processors, in the file's order.
 *
 * Each thread reads a piece of whole rows and looks at it alone, which is what takes time. What it has found is then taken in the order of the file, by one thread
 * at a time. So the result is that of one thread that goes from piece to piece. Memory is that of a
 * few pieces, whatever the file has.
 *
 * The threads have all signals blocked. They have ended when row_crew_run returns. A file of one
 * piece, or one processor, needs none but the caller's.
 *
 * Any process may call, from one thread. If it dies, its threads do.
 */
#ifndef STORE_ROW_CREW_H
#define STORE_ROW_CREW_H

#include "store/csv_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some whole rows. */
struct row_piece {
    const char *rows;
    size_t bytes;
    uint64_t position; /* of the rows in the file */
    void *findings;    /* what `look` leaves for `take`: findings_bytes, of any content at first */
};

struct row_work {
    void *context; /* of all three */
    size_t findings_bytes;
    /* Looks at a piece. Called by any thread, at the same time as for other pieces. */
    void (*look)(void *context, const struct row_piece *piece);
    /*
     * Takes a piece that has been looked at. Called in the order of the file, by any thread, by one
     * at a time. Returns false where no other piece is wanted.
     */
    bool (*take)(void *context, const struct row_piece *piece);
    /* Called before each piece of the caller's thread, in that one alone. False ends the work. */
    bool (*may_go_on)(void *context);
};

/*
 * Goes through the rows of `file` from `position` on. About `bytes` bytes are to be read: the number
 * of threads is chosen by them. Returns CSV_END after the last row, or after take or may_go_on have
 * said so, and CSV_FAILED with errno where a piece that would have been taken can't be read, its rows
 * do not follow those before them (EIO: the file is being changed), or there is no memory. The descriptor stays open.
 */
enum csv_read row_crew_run(int file, uint64_t position, uint64_t bytes,
                           const struct row_work *work);

#endif
