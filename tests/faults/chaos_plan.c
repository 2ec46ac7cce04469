/*
 * chaos_plan.c - see chaos_plan.h.
 */
#include "tests/faults/chaos_plan.h"

#include <stddef.h>
#include <stdio.h>

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
    [CHAOS_STOP] = {"stop", 4},
};

static const char *const fault_points[] = {
    "append.before",    "append.copied",       "append.noted",      "append.moved",
    "append.counted",   "append.after",        "wait.space",        "wait.commit",
    "wait.done",        "gate.waiting",        "answer.before",     "agencies.adding",
    "done.marked",      "storer.before_write", "storer.unreported", "storer.written",
    "storer.synced",    "storer.reported",     "storer.waking",     "done.before_write",
    "done.written",     "done.synced",         "done.counting",     "draw.closing",
    "draw.begun",       "draw.synced",         "draw.renamed",      "draw.before_gate",
    "agencies.claiming"};

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

/* Not of the steps' numbers: how many servers a round needs is a matter of timing. */
void chaos_choose_fault(struct chaos_plan *plan, uint32_t life, char fault[CHAOS_FAULT_BYTES])
{
    enum { POINTS = sizeof fault_points / sizeof fault_points[0], ARRIVALS_MAX = 4 };
    struct chaos_random random = {.state = plan->bets_seed + life};
    size_t used = 0;
    fault[0] = '\0';
    for (int i = 0; plan->fault_points && i < CHAOS_POINTS_MAX; i++) {
        const char *point = fault_points[chaos_below(&random, POINTS)];
        uint32_t arrivals = between(&random, 1, ARRIVALS_MAX);
        used += (size_t)snprintf(fault + used, CHAOS_FAULT_BYTES - used, "%s%s:%u:KILL",
                                 i == 0 ? "" : " ", point, arrivals);
    }
}
