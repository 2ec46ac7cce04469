/*
 * reserve.h - handlers that were forked before a connection comes.
 *
 * Why it exists: a fork, the confinement and what a library does first in a new process take longer
 * than a short connection itself. A handler of the reserve has all of that behind it. It waits for
 * its connection (hand_over.h), serves that one, and ends.
 *
 * What it promises:
 * - Who is let in is decided before (admission.h). A handler of the reserve is no connection: it has
 *   no slot, is in no book, and counts for no limit.
 * - It is filled while the supervisor has nothing else to do, one at a time. Where it is empty, a
 *   connection gets a process of its own, as without a reserve.
 * - A handler that was forked before the certificates were read again gets no connection: what it
 *   has inherited is of before (heritage->issue).
 * - No call waits for a handler. One that is stopped, or has died, costs its own connection at most.
 *
 * Handlers that wait have nothing to lose, so they are ended by SIGKILL, which also ends one that is
 * stopped. One that ends without having been asked to is replaced, REPLACE_MS later.
 *
 * Called by the supervisor alone. If it dies, the kernel sends SIGTERM to those that wait, and their
 * pairs of sockets close: they end.
 */
#ifndef SERVER_SUPERVISOR_RESERVE_H
#define SERVER_SUPERVISOR_RESERVE_H

#include "server/hand_over.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One handler that was forked ahead. Its end of the pair is in heritage->reserve_ends. */
struct reserve_place {
    pid_t pid;      /* 0: there is none */
    bool is_ending; /* it was killed, and is not reaped yet; it gets no connection */
    uint64_t issue; /* heritage->issue, when it was forked */
};

/* Zeroed but for the pointer: nobody waits. */
struct reserve {
    struct heritage *heritage;
    struct reserve_place places[HERITAGE_RESERVE_MAX];
    unsigned waiting;      /* those that can get a connection */
    unsigned ending;       /* those that are not reaped yet */
    int64_t replace_at_ms; /* not before that; monotonic clock */
};

/* Opens an empty one. The heritage stays the caller's. */
void reserve_open(struct reserve *reserve, struct heritage *heritage);

/*
 * Gives the connection to a handler that waits, and returns its pid, which is the reserve's no
 * longer; the caller still has the socket. Returns 0 where nobody can take it.
 */
pid_t reserve_give(struct reserve *reserve, const struct hand_over *what);

/*
 * Milliseconds until reserve_fill has something to do; -1: only reserve_give, or a death, can
 * change that.
 */
int64_t reserve_patience_ms(const struct reserve *reserve);

/* Forks one handler ahead, if one is missing and it is time. */
void reserve_fill(struct reserve *reserve);

/* Ends those that were forked before what handlers inherit was changed. */
void reserve_renew(struct reserve *reserve);

/* Ends all of them; reserve_is_empty says when they are gone. */
void reserve_end(struct reserve *reserve);
bool reserve_is_empty(const struct reserve *reserve);

/* Takes one that has ended (waitpid's status) out, and logs how. False: it is none of ours. */
bool reserve_bury(struct reserve *reserve, pid_t pid, int wait_status);

#endif
