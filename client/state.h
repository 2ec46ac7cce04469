/*
 * state.h - the body of the server's answer to STATUS and to PREFIX:
 * `stored bets,phase,checksum,identity,draw`.
 *
 * The checksum is that of the stored rows as they stand in bets.csv (first_rows.h), 16
 * hexadecimal digits. The identity is the draw's, 32 of them. Servers of the first
 * versions send no draw, or neither checksum nor identity, so that only the count is known.
 * Pure functions.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "bet/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_IDENTITY_DIGITS = 32, STATE_DRAW_BYTES = MESSAGE_DRAW_NAME_BYTES_MAX + 1 };

enum state_phase {
    STATE_OPEN,     /* more bets may come */
    STATE_DONE,     /* the agency has said that it is done */
    STATE_CLOSED,   /* sales are closed, and it had not said so */
    STATE_DRAWN,    /* the draw has been held */
    STATE_ABANDONED /* the draw was given up without being held */
};

struct state {
    uint64_t stored;
    enum state_phase phase;
    bool has_content; /* checksum and identity were sent */
    uint64_t checksum;
    char identity[STATE_IDENTITY_DIGITS + 1]; /* "" where it was not told */
    char draw[STATE_DRAW_BYTES];              /* its name; likewise */
};

/* Reads a body of `bytes` bytes. Returns false for anything else, and leaves *state as it was. */
bool state_parse(const char *body, size_t bytes, struct state *state);

/* "open", "done", "closed", "drawn" or "abandoned". */
const char *state_phase_name(enum state_phase phase);

#endif
