/*
 * sealed_draw.h - a small data directory whose draw is closed, sealed and, where wanted, drawn.
 *
 * Made by the store's and the seal's own functions, without a server, so that tests of whoever
 * reads such a directory need none. Called by the test's process; what fails, fails the test.
 */
#ifndef HARNESS_SEALED_DRAW_H
#define HARNESS_SEALED_DRAW_H

#include "seal/seal.h"
#include "store/control.h"

#include <stdbool.h>

enum { SEALED_DRAW_NUMBER = 7574, SEALED_DRAW_ROWS = 8 };

/* Moments of it, ms since 1970. */
#define SEALED_DRAW_OPENED_MS INT64_C(1795784654123)
#define SEALED_DRAW_CLOSED_MS (SEALED_DRAW_OPENED_MS + 1000)
#define SEALED_DRAW_SEALED_MS (SEALED_DRAW_OPENED_MS + 2000)
#define SEALED_DRAW_DRAWN_MS  (SEALED_DRAW_OPENED_MS + 3000)

/* Zeroed: drawn, with the number of the configuration, unsigned. */
struct sealed_draw_plan {
    const char *draw; /* its name; NULL: "2026-W48" */
    enum number_source number_by;
    enum control_state state; /* CONTROL_NEW (zeroed): CONTROL_DRAWN */
    const char *centres;      /* that hold it together; NULL: one alone */
    const char *drawing;      /* what draw.json names of what they said; NULL: nothing */
    const char *key;          /* the path of a private key that signs; NULL: none does */
};

/*
 * Fills the directory, which is there and empty, with control, bets.csv (SEALED_DRAW_ROWS rows of
 * the agencies 1, 2 and 5), done.csv (1 and 2; agencies 3 and 5 are closed out, 3 without a bet),
 * checkpoint, and as far as the state goes seal.json and draw.json, their signatures, winners.csv.
 * The same plan gives the same bytes.
 */
void sealed_draw_make(const char *path, const struct sealed_draw_plan *plan);

#endif
