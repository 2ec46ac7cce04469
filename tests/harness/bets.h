/*
 * bets.h - messages full of bets, for tests that speak to the server themselves.
 *
 * Bet number n is always the same one, and no two are alike: what is stored
 * can be told from what was not. None has the winning number. All text is the
 * stage's.
 */
#ifndef HARNESS_BETS_H
#define HARNESS_BETS_H

#include "tests/harness/server.h"

#include <stdint.h>

/* "first,last,document,birthdate,number" of bet n, without LF. */
const char *bets_row(struct stage *stage, unsigned n);

/* "1:4:row LF row LF CRLF" with `count` bets from number `first`. */
const char *bets_batch(struct stage *stage, uint32_t agency, unsigned first, unsigned count);

/* `answer` as often as `count` says: what a pipeline of batches is answered with. */
const char *bets_repeat(struct stage *stage, const char *answer, unsigned count);

/*
 * Expects that what the server has stored of this agency are the bets `first`
 * to `first + count - 1`, in this order, each once, and nothing else.
 */
#define bets_expect_stored(server, agency, first, count)                                           \
    bets_expect_stored_at(server, agency, first, count, __FILE__, __LINE__)
void bets_expect_stored_at(const struct server *server, uint32_t agency, unsigned first,
                           unsigned count, const char *file, int line);

#endif
