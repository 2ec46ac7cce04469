/*
 * keeper.h - keeps a storer alive: forks it, buries it, replaces it, gives it up.
 *
 * Why it exists: what the handlers append is acknowledged only when a storer has written it.
 *
 * What it promises: a storer that dies is replaced as long as another one can do better. Once the
 * keeper has given up, nobody waits for a storer any more.
 *
 * Called by the supervisor alone. If the supervisor dies, nobody replaces a storer any more, and
 * the kernel sends SIGTERM to the last one.
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

/* Before any call the supervisor sets the pointer, and everything else to zero. */
struct keeper {
    struct heritage *heritage;
    pid_t storer;              /* 0: there is none */
    unsigned failures, kills;  /* deaths since a storer last stored something, by their kind */
    uint64_t flushes_at_death; /* flushes of all storers at the last death */
    int64_t replace_at_ms;     /* without a storer: when to fork the next one, monotonic clock */
    enum keeper_state state;   /* set by keeper.c alone */
};

/* Returns "working", "stopping", ..., as the log has it. */
const char *keeper_state_name(enum keeper_state state);

/* True while the keeper has a storer: forked and not buried. */
bool keeper_has_storer(const struct keeper *keeper);

/* From now on the storer is expected to end, and is not replaced. */
void keeper_expect_end(struct keeper *keeper);

/*
 * Forks a draw's first storer and waits, at most half a minute, until it is ready or the server is
 * asked to stop. One that is killed meanwhile is replaced. Returns false when none got ready; the
 * keeper has given up then.
 */
bool keeper_start(struct keeper *keeper);

/*
 * Forks another storer if there is none and it is time for one; `now` says that it is time. Does
 * not wait until it is ready: a storer that can't start dies and is buried. If none can be forked,
 * the next calls try again, until the keeper gives up.
 */
void keeper_replace(struct keeper *keeper, bool now);

/* Milliseconds until keeper_replace has something to do; -1 when only a death can change that. */
int64_t keeper_patience_ms(const struct keeper *keeper);

/* Logs how the storer has ended (waitpid's status), and decides whether there may be another. */
void keeper_bury(struct keeper *keeper, int wait_status);

#endif
