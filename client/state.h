/*
 * state.h - the body of the server's answer to STATUS, `stored bets,open|done|drawn`.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state_phase {
    STATE_OPEN, /* more bets may come */
    STATE_DONE, /* the agency has said that it is done */
    STATE_DRAWN /* and so have all the others */
};

struct state {
    uint64_t stored;
    enum state_phase phase;
};

/* False when the body is anything else; *state is then left alone. */
bool state_parse(const char *body, size_t bytes, struct state *state);

/* "open", "done" or "drawn". */
const char *state_phase_name(enum state_phase phase);

#endif
