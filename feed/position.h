/*
 * position.h - how far a feed has come, as one word of text.
 *
 * A position names the last record that was delivered, whole, and what the log says up to it: so a
 * feed goes on behind it without reading what comes before, refuses a record that can't come next, and
 * notices a log that is not the one that it has read (another nonce stands at that sequence).
 *
 *     0                               the beginning
 *     4711                            behind message 4711; the log is read and checked from its start
 *     4711/3/4702/98304/51/IDENTITY/NONCE/NODE
 *                                     the same, and the log's state there: epoch, its claim, the ends of
 *                                     bets.csv and done.csv, draw, the message's nonce, the writer
 *
 * Pure.
 */
#ifndef FEED_POSITION_H
#define FEED_POSITION_H

#include "engine/log_state.h"
#include "engine/record.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

enum { POSITION_BYTES = 320 }; /* with its NUL */

struct position {
    struct log_state state;         /* what is known of the log; all zeros: nothing */
    uint64_t delivered;             /* records up to this sequence; not below state.sequence */
    char nonce[RECORD_NONCE_BYTES]; /* of record state.sequence; "" where that is 0 */
};

/* Writes a position whose state is known up to what is delivered, or "0". */
void position_write(char text[POSITION_BYTES], const struct position *position);

/* Reads one. False with the failure, which quotes the text. */
bool position_read(const char *text, struct position *position, struct failure *failure);

#endif
