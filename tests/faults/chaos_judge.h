/*
 * chaos_judge.h - is a draw that chaos went over what its agencies and its operator were told?
 *
 * Reads the files of one draw, in the data directory or in its archive, once nobody writes them any
 * more. It shares no code with the server. Called by the test's process; what is wrong fails the
 * test.
 */
#ifndef FAULTS_CHAOS_JUDGE_H
#define FAULTS_CHAOS_JUDGE_H

#include "tests/faults/chaos_plan.h"
#include "tests/harness/stage.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHAOS_SEAL_BYTES = 65, CHAOS_OTHER_DRAW = 4 /* how an agency ends that came too late */ };

/* An agency of the draw, and what it was told. */
struct chaos_witness {
    uint32_t id;
    const char *bets;      /* the file of its bets */
    const char *winners;   /* the file of its winners */
    uint64_t acknowledged; /* bets, by its own log */
    bool has_ended;
    int status; /* its exit status, once it has ended */
};

struct chaos_verdict {
    uint64_t bets;
    enum chaos_ending ending; /* as it came */
    uint32_t too_late;        /* agencies whose draw was over without all of their bets */
};

/* A draw, and what the operator was told of it. */
struct chaos_case {
    const char *directory; /* of its files */
    const char *name;
    uint32_t number;  /* by which it was to be drawn */
    const char *seal; /* its hash; "" where the operator was told none */
    bool was_drawn;   /* the operator was told so */
    const struct chaos_witness *witnesses;
    uint32_t witness_count;
};

/*
 * Expects of a draw: the rows of bets.csv are the agencies' first bets, in order, each exactly once,
 * at least those that were acknowledged, and all of them of an agency that got its winners; its
 * winners are those that are found again in its bets; seal, number and state are what was told.
 */
struct chaos_verdict chaos_judge(struct stage *stage, const struct chaos_case *draw);

#endif
