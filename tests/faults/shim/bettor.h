/*
 * bettor.h - agencies of the test's own that never give up, and believe nothing twice.
 *
 * A bettor asks STATUS at every connection, sends what is missing, several
 * batches at a time, then DONE, then asks for the winners until it is told.
 * Whatever it has been promised (an ACK, a STATE, the winners) it remembers, and
 * a server that takes a promise back, after a crash or a power loss, fails the
 * test. A connection that ends is opened again. An ERROR fails the test: nothing
 * that it sends is wrong.
 *
 * Called by the test's process; many bettors are served by one poll loop.
 */
#ifndef SHIM_BETTOR_H
#define SHIM_BETTOR_H

#include "tests/harness/deadline.h"
#include "tests/harness/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BETTOR_FIRST_FACTOR = 7000, /* agency a's bets are number a * 7000 and on, of harness/bets.h */
    BETTOR_DRAW_BETS = 3500,    /* after so many of them begin the bets of its second draw */
    BETTOR_WINNER = 3,          /* the winning number: each agency's fourth bet has it */
    BETTOR_ANSWER_BYTES = 4096
};

#define BETTOR_WINNING_NUMBER "WINNING_NUMBER=3"
#define BETTOR_SECOND_NUMBER  "3503" /* the same in the second draw */

enum bettor_step { BETTOR_ASKS, BETTOR_BETS, BETTOR_ENDS, BETTOR_LOOKS_UP, BETTOR_FINISHED };

struct bettor {
    struct stage *stage;
    uint32_t agency;
    unsigned draw;   /* 0, or 1: the second one, in which it has other bets */
    unsigned total;  /* bets */
    unsigned batch;  /* bets in one */
    unsigned window; /* batches on their way at once */
    int journal;     /* where promises are noted (journal.h); -1: nowhere */
    bool stays_away; /* opens no connection in place of one that has ended */

    /* What was promised. */
    unsigned acknowledged; /* bets */
    bool done;
    const char *told; /* the whole WINNERS message; NULL: not yet */

    int socket; /* -1: none */
    enum bettor_step step;
    unsigned sent; /* bets */
    unsigned connections;
    char in[BETTOR_ANSWER_BYTES];
    size_t in_bytes;
};

enum bettors_end { BETTORS_FINISHED, BETTORS_LEFT_ALONE, BETTORS_OUT_OF_TIME };

/* A bettor that belongs to the stage, and has been promised nothing. */
struct bettor *bettor_new(struct stage *stage, uint32_t agency, unsigned total, unsigned batch,
                          unsigned window);

/*
 * Serves them until all know the winners (BETTORS_FINISHED), the server has
 * ended (BETTORS_LEFT_ALONE), or the deadline has passed. Connections stay open
 * when it ends early, and are used again by the next call.
 */
enum bettors_end bettors_run(struct bettor *const *bettors, size_t count, struct program *server,
                             unsigned port, struct deadline deadline);

/* Closes their connections: the next call opens new ones, towards whatever server. */
void bettors_hang_up(struct bettor *const *bettors, size_t count);

/* Appends a note of the test's own to the journal; false, with errno, when that fails. */
bool bettors_note(int journal, const char *text);

/* Takes back a promise from a note of the journal; false when it is another bettor's. */
bool bettor_remember(struct bettor *bettor, const char *note, size_t bytes);

/*
 * What is stored of them before and after: a prefix with all that was promised; all of it, once.
 * The directory of `server` may be an archive, which no server runs in.
 */
void bettors_expect_promised(struct bettor *const *bettors, size_t count,
                             const struct server *server);
void bettors_expect_stored(struct bettor *const *bettors, size_t count,
                           const struct server *server);

/* The WINNERS message that the agency is to get. */
const char *bettor_winners(const struct bettor *bettor);

#endif
