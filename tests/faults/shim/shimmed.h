/*
 * shimmed.h - a real lottery-server with the shim between it and libc.
 *
 * Unlike server_start it takes it as it comes when such a server does not
 * start, or ends: that may be what the test is after. Called by the test's
 * process; everything is the stage's, and is taken down with it.
 */
#ifndef SHIM_SHIMMED_H
#define SHIM_SHIMMED_H

#include "tests/faults/shim/journal.h"
#include "tests/harness/server.h"

#include <stdbool.h>

struct shimmed {
    struct server server;       /* its port is 0 where it did not come to listen */
    struct shim_counts *counts; /* shared with all of its processes */
};

struct shimmed_plan {
    const char *directory;       /* of the data */
    const char *rules;           /* see shim.c; NULL: no faults */
    const char *journal;         /* a file, made where there is none; NULL: none */
    const char *const *settings; /* environment of the server */
};

/* Starts it and awaits that it listens, or has ended. */
struct shimmed *shimmed_start(struct stage *stage, const struct shimmed_plan *plan);

/* The name of a call. */
const char *shimmed_call_name(enum shim_call call);

/* How many calls there were so far. */
uint64_t shimmed_calls(const struct shimmed *shimmed, enum shim_call call);

/* Expects that no process of a server that has ended is left, and nothing that it shared. */
void shimmed_expect_gone(const struct shimmed *shimmed);

/*
 * Expects that there is neither a segment nor a semaphore set of this data
 * directory's server, with or without the shim. Looks for nobody else's, so
 * that other tests may run, and kill their servers, at the same time.
 */
void shimmed_expect_nothing_shared(const char *directory);

/* True when the log, or standard error, has a line of level ERROR or CRITICAL that says why. */
bool shimmed_complained(const struct shimmed *shimmed);

#endif
