/*
 * chaos_plan.c - see chaos_plan.h.
 */
#include "tests/faults/chaos_plan.h"

#include <stddef.h>
#include <stdio.h>

enum { NUMBER_OF_CONFIGURATION = 7574 };

static const struct {
    const char *name;
    uint32_t weight;
} kinds[CHAOS_KINDS] = {
    [CHAOS_HANDLER] = {"handler", 42},
    [CHAOS_STORER] = {"storer", 22},
    [CHAOS_AGENCY] = {"agency", 10},
    [CHAOS_FAULT_POINT] = {"fault point", 14},
    [CHAOS_SUPERVISOR] = {"supervisor", 3},
    [CHAOS_SUPERVISOR_AND_STORER] = {"supervisor+storer", 1},
    [CHAOS_EVERYTHING] = {"everything", 3},
    [CHAOS_STARTING] = {"starting", 1},
    [CHAOS_OPERATOR] = {"operator", 4},
    [CHAOS_STOP] = {"stop", 4},
};

/* On the way of bets, DONE and the draw. */
static const char *const points_of_sales[] = {
    "append.before",    "append.copied",       "append.noted",      "append.moved",
    "append.counted",   "append.after",        "wait.space",        "wait.commit",
    "wait.done",        "gate.waiting",        "answer.before",     "agencies.adding",
    "done.marked",      "storer.before_write", "storer.unreported", "storer.written",
    "storer.synced",    "storer.reported",     "storer.waking",     "done.before_write",
    "done.written",     "done.synced",         "done.counting",     "draw.closing",
    "draw.begun",       "draw.synced",         "draw.renamed",      "draw.before_gate",
    "agencies.claiming"};

/* From the closing of a draw to the opening of the next one: also the supervisor dies there. */
static const char *const points_of_turnovers[] = {
    "sales.settled", "sales.closed",  "seal.begun",    "seal.noted",     "draw.numbered",
    "draw.noted",    "whole.synced",  "whole.renamed", "control.synced", "control.renamed",
    "archive.made",  "archive.moved", "open.prepared", "open.committed", "archive.complete",
    "storer.born",   "keeper.buried"};

static const char *const ending_names[CHAOS_ENDINGS] = {[CHAOS_BY_AGENCIES] = "agencies",
                                                        [CHAOS_BY_COMMAND] = "command",
                                                        [CHAOS_BY_TIME] = "time",
                                                        [CHAOS_BY_ABANDONING] = "abandoning"};

const char *chaos_ending_name(enum chaos_ending ending)
{
    return ending_names[ending];
}

const char *chaos_kind_name(enum chaos_kind kind)
{
    return kinds[kind].name;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_number(struct chaos_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t chaos_below(struct chaos_random *random, uint32_t bound)
{
    return (uint32_t)((next_number(random) >> 32) * bound >> 32);
}

static uint32_t between(struct chaos_random *random, uint32_t least, uint32_t most)
{
    return least + chaos_below(random, most - least + 1);
}

static uint32_t one_of(struct chaos_random *random, const uint32_t *values, size_t count)
{
    return values[chaos_below(random, (uint32_t)count)];
}

#define ONE_OF(random, ...)                                                                        \
    one_of(random, (const uint32_t[]){__VA_ARGS__},                                                \
           sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* When an agency comes: most of them at once, some late, and where that holds nothing up, never. */
static uint32_t plan_coming(struct chaos_random *random, enum chaos_ending ending)
{
    uint32_t late = between(random, 5, 90);
    uint32_t chance = chaos_below(random, 8);
    return chance == 0 && ending != CHAOS_BY_AGENCIES ? CHAOS_NEVER : chance <= 2 ? late : 0;
}

/*
 * The first draw's terms are the configuration's, which names no closing time: a server that is
 * started after that time with nothing sold refuses, as it should. After the last one no draw is
 * opened, so it is not abandoned.
 */
static struct chaos_draw plan_draw(struct chaos_random *random, uint32_t agencies, bool is_first,
                                   bool is_last)
{
    enum { NUMBERS = 10000 };
    struct chaos_draw draw = {.ending = (enum chaos_ending)chaos_below(random, CHAOS_ENDINGS)};
    if ((is_first && draw.ending == CHAOS_BY_TIME) ||
        (is_last && draw.ending == CHAOS_BY_ABANDONING)) {
        draw.ending = CHAOS_BY_COMMAND;
    }
    draw.acts_after = between(random, 5, 90);
    draw.number_by_command = chaos_below(random, 2) == 0;
    draw.number = chaos_below(random, NUMBERS);
    if (is_first && !draw.number_by_command) {
        draw.number = NUMBER_OF_CONFIGURATION;
    }
    draw.hasty = chaos_below(random, 2) == 0;
    draw.bets_seed = chaos_below(random, UINT32_MAX);
    for (size_t i = 0; i < CHAOS_AGENCIES_MAX; i++) {
        draw.comes_after[i] = plan_coming(random, draw.ending);
    }
    if (draw.ending == CHAOS_BY_TIME) { /* which would seldom come before the agencies are done */
        draw.comes_after[chaos_below(random, agencies)] = CHAOS_NEVER;
    }
    return draw;
}

/* A third of the rounds have several draws: fewer bets in each, and more kills in all of them. */
static void plan_draws(struct chaos_random *random, struct chaos_plan *plan)
{
    plan->draw_count = 1;
    plan->draws[0] = (struct chaos_draw){.ending = CHAOS_BY_AGENCIES,
                                         .number = NUMBER_OF_CONFIGURATION,
                                         .bets_seed = plan->bets_seed};
    if (chaos_below(random, 3) > 0) {
        return;
    }
    plan->draw_count = between(random, 2, CHAOS_DRAWS_MAX);
    plan->bets = plan->agencies * ONE_OF(random, 1, 10, 100, 1000);
    plan->kills = plan->draw_count * between(random, 15, 45);
    for (uint32_t i = 0; i < plan->draw_count; i++) {
        plan->draws[i] = plan_draw(random, plan->agencies, i == 0, i + 1 == plan->draw_count);
    }
}

struct chaos_plan chaos_plan_round(uint64_t seed, uint32_t round)
{
    struct chaos_random random = {.state = seed + round * UINT64_C(0xd1342543de82ef95)};
    struct chaos_plan plan = {0};
    plan.agencies = between(&random, 2, CHAOS_AGENCIES_MAX);
    plan.bets = plan.agencies * ONE_OF(&random, 10, 100, 1000, 4000);
    plan.bets_seed = chaos_below(&random, UINT32_MAX);
    plan.ring_kib = ONE_OF(&random, 64, 64, 128, 8192);
    plan.batch = ONE_OF(&random, 1, 7, 40, 150);
    plan.in_flight = ONE_OF(&random, 1, 4, 16);
    plan.kills = between(&random, 20, 90);
    plan.pause_max_us = ONE_OF(&random, 4000, 15000, 40000);
    plan.fault_points = chaos_below(&random, 3) > 0;
    plan.ack_after_written = chaos_below(&random, 6) == 0;
    plan_draws(&random, &plan);
    plan.random = random;
    return plan;
}

static enum chaos_kind choose_kind(struct chaos_random *random)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < CHAOS_KINDS; i++) {
        sum += kinds[i].weight;
    }
    uint32_t at = chaos_below(random, sum);
    enum chaos_kind kind = CHAOS_HANDLER;
    while (at >= kinds[kind].weight) {
        at -= kinds[kind].weight;
        kind++;
    }
    return kind;
}

struct chaos_step chaos_next_step(struct chaos_plan *plan)
{
    struct chaos_step step = {.kind = choose_kind(&plan->random)};
    step.pick = chaos_below(&plan->random, UINT32_MAX);
    step.pause_us = chaos_below(&plan->random, plan->pause_max_us);
    return step;
}

/* "point:arrivals:KILL" for one of the points. */
static size_t write_fault(struct chaos_random *random, bool of_turnovers, char *text,
                          size_t capacity)
{
    enum {
        OF_SALES = sizeof points_of_sales / sizeof points_of_sales[0],
        OF_TURNOVERS = sizeof points_of_turnovers / sizeof points_of_turnovers[0]
    };
    const char *point = of_turnovers ? points_of_turnovers[chaos_below(random, OF_TURNOVERS)]
                                     : points_of_sales[chaos_below(random, OF_SALES)];
    uint32_t arrivals = between(random, 1, of_turnovers ? 2 : 4);
    return (size_t)snprintf(text, capacity, "%s:%u:KILL", point, arrivals);
}

/*
 * Not of the steps' numbers: how many servers a round needs is a matter of timing. Points of both
 * kinds are not mixed: somebody would have died over a bet long before the next draw is opened.
 */
void chaos_choose_fault(struct chaos_plan *plan, uint32_t life, char fault[CHAOS_FAULT_BYTES])
{
    struct chaos_random random = {.state = plan->bets_seed + life};
    bool of_turnovers = plan->draw_count > 1 && chaos_below(&random, 2) == 0;
    size_t used = 0;
    fault[0] = '\0';
    for (int i = 0; plan->fault_points && i < CHAOS_POINTS_MAX; i++) {
        if (i > 0) {
            fault[used++] = ' ';
        }
        used += write_fault(&random, of_turnovers, fault + used, CHAOS_FAULT_BYTES - used);
    }
}
