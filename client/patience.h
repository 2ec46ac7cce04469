/*
 * patience.h - how long an agency goes on without progress, and how long it
 * pauses before it tries again.
 *
 * Progress is a batch acknowledged, DONE acknowledged, or an answer to a look-up. A
 * connection alone is no progress. Otherwise a server that accepts and hangs up would be
 * tried for ever. A look-up that is not answered for a whole lapse counts as progress too
 * (lookup.c), because the server may hold it until the draw. Before the next look-up the
 * server has to answer STATUS and DONE. So an agency gives up a server that is dead or
 * silent, but not one that is slow to draw.
 *
 * The lapse runs from the last progress. When a connection that brought progress is
 * lost, the lapse runs from that moment, so that a server that was silent for a whole
 * lapse may still come back. Pauses double from 100 ms to 2 s. The length of each is
 * random within its upper half, so that agencies that lost their server together do not
 * come back together.
 *
 * Pure functions: the caller gives the time, ms of clock_monotonic_ms(), and the
 * randomness.
 */
#ifndef CLIENT_PATIENCE_H
#define CLIENT_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { PATIENCE_FIRST_PAUSE_MS = 100, PATIENCE_LONGEST_PAUSE_MS = 2000 };

struct patience {
    int64_t lapse_ms;
    int64_t since_ms; /* the lapse runs from here */
    int64_t pause_ms; /* the next pause is at most this long */
    bool progressed;  /* since patience_connected */
};

/* Begins a lapse of `lapse_ms` with the shortest pause. */
void patience_start(struct patience *patience, int64_t lapse_ms, int64_t now_ms);

/* There was progress: the lapse begins again, and pauses are short again. */
void patience_progress(struct patience *patience, int64_t now_ms);

/* There is a connection, which has brought no progress yet. */
void patience_connected(struct patience *patience);

/* The connection is lost. If it brought progress, the lapse begins again. */
void patience_lost(struct patience *patience, int64_t now_ms);

/* Returns when the lapse ends. */
int64_t patience_deadline_ms(const struct patience *patience);

/* Returns the length of the next pause, and doubles the one after it; `random` is any number. */
int64_t patience_next_pause_ms(struct patience *patience, uint32_t random);

#endif
