/*
 * faults_bettor.h - an agency of raw connections that keeps the books.
 *
 * It knows which of its bets have been acknowledged, and holds the server to
 * it: whoever died, STATUS must tell at least those, and at most what was sent. It
 * may tell a part of a batch, in whole rows: a write that a SIGKILL interrupts ends
 * between two pages. A connection that is lost is one of the things that happen: the
 * calls say so, and bettor_resume goes on at the row that STATUS tells.
 * Every tenth bet wins. Called by the test's process.
 */
#ifndef HARNESS_FAULTS_BETTOR_H
#define HARNESS_FAULTS_BETTOR_H

#include "tests/harness/faults.h"
#include "tests/harness/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BETTOR_BATCH_ROWS = 10 };

struct bettor {
    struct lottery *lottery;
    struct lottery_agency agency; /* for the judges; its files are the stage's */
    size_t rows;                  /* that it has to send in all; a multiple of BETTOR_BATCH_ROWS */
    struct peer *peer;            /* NULL: not connected */
    size_t sent;                  /* on this connection, from the first row on */
    size_t sent_at_most;          /* on any connection */
    size_t acknowledged;          /* or told by STATUS */
    size_t unanswered;            /* batches on their way */
    unsigned connections;
};

/* Makes a bettor with its file of bets; it does not connect yet. */
struct bettor *bettor_open(struct lottery *lottery, uint32_t id, size_t rows);

/* Connects, asks STATUS, goes on from there; again, when that connection is lost, too. */
void bettor_resume(struct bettor *bettor);

/* Sends the next batches without awaiting answers, as many as there are left. */
void bettor_send(struct bettor *bettor, size_t batches);

/* Awaits the answers, each of which has to be ACK. False when the connection was lost. */
bool bettor_take_answers(struct bettor *bettor);

/* Sends all that is left, a few batches at a time, through whatever happens. */
void bettor_send_all(struct bettor *bettor);

/* Asks until it is answered: DONE with ACK; the winners with WINNERS. */
void bettor_say_done(struct bettor *bettor);
void bettor_take_winners(struct bettor *bettor);

/* Asks for the winners once; true when the answer was WAIT, false when the connection was lost. */
bool bettor_is_told_to_wait(struct bettor *bettor);

/* Says something ("5", "6", "7"), without awaiting the answer. */
void bettor_say(struct bettor *bettor, const char *type);

/* The next message from the server, its CRLF included, the stage's; NULL when the connection is lost. */
const char *bettor_receive(struct bettor *bettor);

/* Gives the connection up. */
void bettor_hang_up(struct bettor *bettor);

/* The handler that serves this connection. */
pid_t bettor_handler(const struct bettor *bettor);

#endif
