/*
 * winners.h - the winners of one agency, read from winners.csv for its handler.
 *
 * Called by handlers; no state.
 */
#ifndef STORE_WINNERS_H
#define STORE_WINNERS_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What winners.csv must be, as the storer has noted it in the segment. */
struct winners_seal {
    uint64_t bytes, checksum;
};

enum winners_end {
    WINNERS_GIVEN,   /* all of them, or as many as were wanted */
    WINNERS_UNREAD,  /* the file can't be read now: another try may succeed */
    WINNERS_CHANGED, /* the file is not the draw's: another try will find the same */
};

/*
 * Calls `each` with every winning bet of the agency, as a row of the wire with its
 * agency in front, `agency,first,last,document,birthdate,number LF`; the text is
 * valid during the call. Stops when `each` returns false. The whole file is compared with
 * the seal before the first call, and again while it is read, so no agency is told a winner
 * of another draw. Any answer but WINNERS_GIVEN comes with the failure. Called once the gate
 * is open.
 */
enum winners_end winners_read(const struct data_directory *directory,
                              const struct winners_seal *seal, uint32_t agency,
                              bool (*each)(void *context, const char *row, size_t bytes),
                              void *context, struct failure *failure);

#endif
