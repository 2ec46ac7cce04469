/*
 * past_draw.h - what a connection may ask of an earlier draw: what is stored there, and winners.
 *
 * An earlier draw stands in the archive (store/archive.h) and does not change any more, so it is
 * opened for each question and closed again.
 *
 * Called by the handler's process alone. If it dies, nothing is left.
 */
#ifndef SERVER_HANDLER_PAST_DRAW_H
#define SERVER_HANDLER_PAST_DRAW_H

#include "lib/failure.h"
#include "store/archive.h"
#include "store/control.h"
#include "store/winners.h"

#include <stdbool.h>
#include <stdint.h>

/* A draw of the archive that is open. Not to be copied, as struct archive. */
struct past_draw {
    struct archive archive;
    struct control control; /* what became of it */
};

enum past_draw_end {
    PAST_DRAW_OPEN,
    PAST_DRAW_UNKNOWN, /* there is none of this name */
    PAST_DRAW_UNREAD   /* it is there, and can't be read or is damaged */
};

/*
 * Opens the draw of this name, any text. Any answer but PAST_DRAW_OPEN comes with the failure;
 * after PAST_DRAW_OPEN the caller calls past_draw_close.
 */
enum past_draw_end past_draw_open(const struct data_directory *directory, const char *name,
                                  struct past_draw *past, struct failure *failure);

void past_draw_close(struct past_draw *past);

/*
 * Tells how many rows the agency has there, and their checksum: by its line of done.csv, else
 * counted in bets.csv, which takes as long as reading that. False with the failure.
 */
bool past_draw_count(const struct past_draw *past, uint32_t agency, bool (*should_stop)(void),
                     uint64_t *rows, uint64_t *checksum, struct failure *failure);

/* How long its bets.csv has to be; 0 where that is not known, because no draw was held. */
uint64_t past_draw_bets_bytes(const struct past_draw *past);

/* What its winners.csv has to be; of a draw that was held. */
struct winners_seal past_draw_winners(const struct past_draw *past);

#endif
