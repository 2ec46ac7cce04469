/*
 * state.h - the body of the server's answer to STATUS and to PREFIX:
 * `stored bets,open|done|drawn,checksum,identity`.
 *
 * The checksum is of the stored rows as they stand in bets.csv (first_rows.h), 16 hexadecimal
 * digits; the identity is the lottery's, 32 of them. Servers of the first version end
 * behind the phase: of those only the count is known.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_IDENTITY_DIGITS = 32 };

enum state_phase {
    STATE_OPEN, /* more bets may come */
    STATE_DONE, /* the agency has said that it is done */
    STATE_DRAWN /* and so have all the others */
};

struct state {
    uint64_t stored;
    enum state_phase phase;
    bool has_content; /* the two below were told */
    uint64_t checksum;
    char identity[STATE_IDENTITY_DIGITS + 1]; /* "" where it was not told */
};

/* False when the body is anything else; *state is then left alone. */
bool state_parse(const char *body, size_t bytes, struct state *state);

/* "open", "done" or "drawn". */
const char *state_phase_name(enum state_phase phase);

#endif
