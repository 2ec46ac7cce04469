/*
 * keeper.h - keeps a storer alive: forks it, buries it, replaces it, gives it up.
 *
 * Called by the supervisor alone.
 */
#ifndef SERVER_SUPERVISOR_KEEPER_H
#define SERVER_SUPERVISOR_KEEPER_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum keeper_state {
    KEEPER_WORKING,   /* a storer that dies is replaced */
    KEEPER_STOPPING,  /* the storer is asked to end, and is not replaced */
    KEEPER_DRAINED,   /* it has ended, and everything is on the disk */
    KEEPER_UNDRAINED, /* it ended before everything was on the disk */
    KEEPER_GIVEN_UP   /* there will be no storer any more: the server can't go on */
};

/* The supervisor sets the pointer before any call; the rest is zero then. */
struct keeper {
    struct heritage *heritage;
    pid_t storer;              /* 0: there is none */
    unsigned failures, kills;  /* deaths since a storer has stored something, by their kind */
    uint64_t flushes_at_death; /* how much had been stored then */
    int64_t replace_at_ms;     /* without a storer: when to fork the next one, monotonic clock */
    enum keeper_state state;   /* set by keeper.c alone */
};

/* "working", "stopping", ..., as the log has it. */
const char *keeper_state_name(enum keeper_state state);

/* True while the keeper has a storer: forked and not buried. */
bool keeper_has_storer(const struct keeper *keeper);

/* From now on the storer is expected to end, and is not replaced. */
void keeper_expect_end(struct keeper *keeper);

/*
 * Forks the first storer and waits, at most half a minute, until it is ready or
 * the server is asked to stop. False: it did not get ready, and is given up.
 */
bool keeper_start(struct keeper *keeper);

/*
 * Forks another storer when there is none, and it is time for one, or `now`. Does
 * not wait for it: one that can't start is the next to be buried. Where none can be
 * forked, it is tried again later, or given up.
 */
void keeper_replace(struct keeper *keeper, bool now);

/* Milliseconds until keeper_replace has something to do; -1 when a death will tell. */
int64_t keeper_patience_ms(const struct keeper *keeper);

/* Writes the storer's obituary, and decides whether there may be another one. */
void keeper_bury(struct keeper *keeper, int wait_status);

#endif
