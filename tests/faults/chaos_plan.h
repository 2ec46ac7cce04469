/*
 * chaos_plan.h - what a run of chaos is going to do, decided by its seed alone.
 *
 * A round is planned from the seed and its number: its draws, and how each of
 * them is sold, closed and given its number. Its steps follow one
 * another from there. Nothing that happens has a say: which processes live at
 * a step is a matter of timing, what the step does is not. So the same seed
 * gives the same schedule of decisions, and any round can be had again alone.
 */
#ifndef FAULTS_CHAOS_PLAN_H
#define FAULTS_CHAOS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum chaos_kind {
    CHAOS_HANDLER,     /* SIGKILL to a handler */
    CHAOS_STORER,      /* to the storer */
    CHAOS_AGENCY,      /* to an agency, which is started again */
    CHAOS_FAULT_POINT, /* the next process that arrives at a fault point of the server's */
    CHAOS_SUPERVISOR,  /* the next server starts while the children still finish */
    CHAOS_SUPERVISOR_AND_STORER, /* the handlers are left alone */
    CHAOS_EVERYTHING,            /* all of the server's processes at once */
    CHAOS_STARTING,              /* all of them, and then the next server while it starts */
    CHAOS_OPERATOR,              /* the lottery-admin that runs just now */
    CHAOS_STOP,                  /* no kill: a process sleeps (SIGSTOP) until the next step */
    CHAOS_KINDS
};

const char *chaos_kind_name(enum chaos_kind kind);

struct chaos_random {
    uint64_t state;
};

/* The next number below `bound`. */
uint32_t chaos_below(struct chaos_random *random, uint32_t bound);

enum {
    CHAOS_AGENCIES_MAX = 12,
    CHAOS_DRAWS_MAX = 4,
    CHAOS_POINTS_MAX = 4,
    CHAOS_FAULT_BYTES = 160
};

/* What ends a draw's sales. The agencies do so earlier where all of them are done. */
enum chaos_ending {
    CHAOS_BY_AGENCIES,
    CHAOS_BY_COMMAND, /* lottery-admin close --without */
    CHAOS_BY_TIME,    /* the closing time is a second after the opening */
    CHAOS_BY_ABANDONING,
    CHAOS_ENDINGS
};

const char *chaos_ending_name(enum chaos_ending ending);

#define CHAOS_NEVER UINT32_MAX

/* One of a round's draws. Steps are counted from its opening. */
struct chaos_draw {
    enum chaos_ending ending;
    uint32_t acts_after; /* steps; the operator closes or abandons */
    bool number_by_command;
    uint32_t number;
    bool hasty; /* the next draw is opened while agencies still ask for their winners */
    uint32_t bets_seed;
    uint32_t comes_after[CHAOS_AGENCIES_MAX]; /* steps; CHAOS_NEVER: the agency does not come */
};

/* How a round is set up. */
struct chaos_plan {
    uint32_t draw_count; /* 1: by the configuration and the agencies alone */
    struct chaos_draw draws[CHAOS_DRAWS_MAX];
    uint32_t agencies;
    uint32_t bets; /* of all agencies together, in each draw */
    uint32_t bets_seed;
    uint32_t ring_kib;
    uint32_t batch, in_flight; /* of the agencies */
    uint32_t kills;            /* afterwards the round is left in peace until it ends */
    uint32_t pause_max_us;     /* between two steps */
    bool fault_points;
    bool ack_after_written;
    struct chaos_random random; /* of the steps */
};

struct chaos_plan chaos_plan_round(uint64_t seed, uint32_t round);

struct chaos_step {
    enum chaos_kind kind;
    uint32_t pick;     /* which one of those that live, modulo their number */
    uint32_t pause_us; /* before the step */
};

struct chaos_step chaos_next_step(struct chaos_plan *plan);

/* LOTTERY_FAULT of the round's next server; empty where the round has no fault points. */
void chaos_choose_fault(struct chaos_plan *plan, uint32_t life, char fault[CHAOS_FAULT_BYTES]);

#endif
