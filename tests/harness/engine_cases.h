/*
 * engine_cases.h - what any engine has to do: the same tests for the one in memory and for NATS.
 *
 * Each case has a stream of its own, so that all run on one engine. Called by a test program, which
 * gives the group's state.
 */
#ifndef HARNESS_ENGINE_CASES_H
#define HARNESS_ENGINE_CASES_H

#include "engine/engine.h"

/* The group's state: how to get a client. */
struct engine_cases {
    struct engine *(*open_client)(void *context); /* the case closes it */
    void *context;
    unsigned replicas;
};

/* Runs all cases as a group of cmocka's; its result is main's. */
int engine_cases_run(const char *name, struct engine_cases *cases);

#endif
