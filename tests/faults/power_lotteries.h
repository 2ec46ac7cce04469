/*
 * power_lotteries.h - the lotteries in which test_power_loss.c cuts the power.
 *
 * Each is held to its end once, behind the shim. It has one draw, or two with an opening between
 * them; and some servers are killed on the way, or start on what an earlier cut has left. What the
 * disk was told and what the agencies were promised stands in its journal.
 *
 * Called by the test's process. Everything belongs to the stage.
 */
#ifndef FAULTS_POWER_LOTTERIES_H
#define FAULTS_POWER_LOTTERIES_H

#include "tests/faults/shim/bettor.h"
#include "tests/faults/shim/cut.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POWER_BETTORS = 4,
    POWER_AGENCIES = POWER_BETTORS + 1, /* the program lottery-agency is one more */
    POWER_DRAWS = 2,
    POWER_RECORDINGS_OF_ONE_DRAW = 8,
    POWER_RECORDINGS = 13
};

#define POWER_FIRST_DRAW  "1"
#define POWER_SECOND_DRAW "W2"

/* What is noted in the journal beside the promises. */
#define POWER_NOTE_OPENING "opening"
#define POWER_NOTE_OPENED  "opened" /* the operator was told so, or a start has shown it */

#define POWER_SETTINGS                                                                             \
    ENVIRONMENT("NUMBER_OF_AGENCIES=5", BETTOR_WINNING_NUMBER, "RING_BYTES=64k",                   \
                "LIMITS_MESSAGE_BYTES=2k", "WINNERS_WAIT=5s")

enum second_draw { NO_SECOND_DRAW, AFTER_A_HELD_ONE, AFTER_AN_ABANDONED_ONE };

/* One lottery, held to its end. */
struct recording {
    const char *name;
    const char *base;  /* what was on the disk when it began; may be missing */
    const char *rules; /* of the shim, until a server dies of them; NULL: none */
    bool overlaps;     /* several syncs have to run at once */
    bool restarted;    /* by a graceful stop, in the middle */
    bool arms_rule;    /* KILL_BEFORE_SYNC_OF_COMMIT is to strike in the opening */
    enum second_draw second;
    const struct recording *before; /* of which `base` is what a cut left; NULL: of none */
    size_t before_point;
    struct cut_journal *journal;
};

struct recordings {
    struct stage *stage; /* which they belong to */
    struct recording all[POWER_RECORDINGS];
    uint64_t seed;
};

/* Holds all of them; recordings->stage and seed are set. */
void power_record_all(struct recordings *recordings);

/* The first record from `point` on that is this note; or the end. */
size_t power_find_note(const struct cut_journal *journal, size_t point, const char *text);

/* A point in the opening of the second draw, or right after it: half of the time among the moves. */
size_t power_find_opening(const struct cut_journal *journal, uint64_t *seed);

/* A bettor in each agency's place, for draw 0 or 1. They have been promised nothing. */
struct bettor *const *power_bettors(struct stage *stage, unsigned draw);

/* What was promised to them before a point of the recording, or before it, is all they know. */
void power_remember(struct bettor *const *bettors, const struct recording *recording, size_t point);

/* Serves the first `count` of them: see bettors_run. */
enum bettors_end power_serve(const struct server *server, struct bettor *const *bettors,
                             size_t count, int64_t ms);

/* Starts the program lottery-agency in the last agency's place. */
struct program *power_start_agency(const struct server *server, unsigned draw);

/* The operator opens the second draw; fails the test unless it is opened. */
void power_open_second(const struct server *server, enum second_draw second);

/*
 * True when a server that has started has the second draw as its current one. Fails the test when
 * it has neither, or an archive is half-made.
 */
bool power_is_second_open(const struct server *server);

#endif
