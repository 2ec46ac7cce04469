/*
 * chaos_operator.h - who leads a round of several draws, by lottery-admin alone.
 *
 * Works as a person would while servers die: looks at `status`, gives the command that is due by
 * the plan, and looks again. An answer that was lost is asked for again after that. A refusal is
 * taken only where the server had reason to; any other one fails the test. One lottery-admin runs
 * at a time, and nobody waits for it: operator_look is called again and again, by the test's
 * process.
 */
#ifndef FAULTS_CHAOS_OPERATOR_H
#define FAULTS_CHAOS_OPERATOR_H

#include "tests/faults/chaos_judge.h"
#include "tests/faults/chaos_plan.h"
#include "tests/harness/faults.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHAOS_NAME_BYTES = 16 };

/* What the operator was told of a draw. */
struct operator_record {
    char name[CHAOS_NAME_BYTES];
    char seal[CHAOS_SEAL_BYTES]; /* "" while none was told; never another one afterwards */
    bool drawn;
};

struct chaos_operator {
    struct lottery *lottery;
    const struct chaos_plan *plan;
    struct operator_record records[CHAOS_DRAWS_MAX];
    uint32_t current;      /* the index of the draw that was last told to be the current one */
    uint32_t asked_for;    /* the index of the last draw that was asked for */
    uint32_t steps;        /* since the current one was */
    uint32_t next_look;    /* steps */
    struct program *admin; /* NULL: none runs */
    const char *command;   /* that it carries out: "close", "draw", "open"; NULL: it is status */
    bool killed;
    unsigned long commands; /* that were given, status not counted */
};

/* Names the draws. The lottery is set before the first look. */
void operator_begin(struct chaos_operator *self, const struct chaos_plan *plan);

/*
 * Takes the answer that has come, and gives the next command that is due. The next draw is opened
 * when the agencies have ended, at once where the plan is hasty. Returns true when the current draw has
 * just been told to be drawn.
 */
bool operator_look(struct chaos_operator *self, bool agencies_have_ended);

/* True when the last draw was told to be drawn. */
bool operator_is_done(const struct chaos_operator *self);

/* SIGKILL to the lottery-admin; false where none runs. */
bool operator_kill(struct chaos_operator *self);

#endif
