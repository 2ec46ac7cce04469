/*
 * patience.h - how long an agency goes on without progress, and how long it
 * pauses before it tries again.
 *
 * Progress is something that was not so before: a batch acknowledged, "done"
 * acknowledged, an answer to a look-up. A connection alone is none, or a
 * server that accepts and hangs up would be tried for ever. A look-up that is
 * not answered for a whole lapse counts too (session.c): the server may be
 * holding it until the draw, and has to answer other questions before the next
 * one; so who waits for the draw gives up a server that is dead or says
 * nothing at all, not one that is slow to draw. The clock of the lapse runs from the last progress; when a connection that brought progress
 * is lost, it runs from that moment, so that a server that was silent for a
 * whole lapse may still come back. Pauses double from 100 ms to 2 s, and each is
 * drawn from its upper half, so that agencies that lost their server together
 * do not come back together.
 *
 * Pure: the caller brings the time and the randomness.
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

void patience_start(struct patience *patience, int64_t lapse_ms, int64_t now_ms);

/* Something was achieved: the lapse starts anew, pauses are short again. */
void patience_progress(struct patience *patience, int64_t now_ms);

/* A connection stands; it has brought nothing yet. */
void patience_connected(struct patience *patience);

/* The connection is gone. */
void patience_lost(struct patience *patience, int64_t now_ms);

/* When the lapse will have gone by. */
int64_t patience_deadline_ms(const struct patience *patience);

/* How long to pause now; `random` is any number. */
int64_t patience_next_pause_ms(struct patience *patience, uint32_t random);

#endif
