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
 * - It takes nothing that the server needs more: where no process can be had, or one that must be
 *   there is missing, those that wait are ended (reserve_yield).
 * - No call waits for a handler. One that is stopped, or has died, costs its own connection at most.
 *
 * With limits.connections_per_handler above 1, a handler whose connection has ended well waits again,
 * and gets connections of the same address alone: whoever takes a handler over has no other
 * address's connections by it. One that has served another address is ended where its place is
 * wanted.
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

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum reserve_state {
    RESERVE_NOBODY,
    RESERVE_WAITING, /* it can get a connection */
    RESERVE_SERVING, /* it has one, and may return */
    RESERVE_ENDING,  /* it was killed, and is not reaped yet */
    RESERVE_STATES
};

/* One handler that was forked ahead. Its end of the pair is in heritage->reserve_ends. */
struct reserve_place {
    enum reserve_state state;
    pid_t pid;
    uint64_t issue;       /* heritage->issue, when it was forked */
    uint32_t connections; /* that it was given */
    uint64_t origin;      /* whose they were (listener.h), once there was one */
};

/* Zeroed but for the pointer: nobody waits. */
struct reserve {
    struct heritage *heritage;
    struct reserve_place places[HERITAGE_RESERVE_MAX];
    unsigned counts[RESERVE_STATES]; /* how many there are of each state */
    int64_t replace_at_ms;           /* not before that; monotonic clock */
};

/* Opens an empty one. The heritage stays the caller's. */
void reserve_open(struct reserve *reserve, struct heritage *heritage);

/*
 * Gives the connection, whose peer is of this origin (listener.h), to a handler that waits, and
 * returns its pid; the caller still has the socket. Unless it may return, the handler is the
 * reserve's no longer. Returns 0 where nobody can take it.
 */
pid_t reserve_give(struct reserve *reserve, struct hand_over what, uint64_t origin);

/*
 * Has poll(2) wait for those that may return: fills in `polls`, at most HERITAGE_RESERVE_MAX of
 * them, and returns how many.
 */
unsigned reserve_watch(const struct reserve *reserve, struct pollfd *polls);

/*
 * Returns the pid of a handler that has said that its connection has ended, and is looked at once;
 * 0: there is none any more. The caller settles that connection, and then calls reserve_keep, or
 * kills the handler.
 */
pid_t reserve_next_returned(struct reserve *reserve);

/* Lets the handler wait again, for connections of the same origin. */
void reserve_keep(struct reserve *reserve, pid_t pid);

/* Notes that a handler that may return has ended; it is buried as any other. */
void reserve_forget(struct reserve *reserve, pid_t pid);

/*
 * Milliseconds until reserve_fill has something to do; -1: only reserve_give, or a death, can
 * change that.
 */
int64_t reserve_patience_ms(const struct reserve *reserve);

/*
 * Forks one handler ahead, if one is missing and it is time. Where that fails, the machine has no
 * more to give, and the reserve yields.
 */
void reserve_fill(struct reserve *reserve);

/*
 * Ends all that wait, so that others can have what they take: processes, descriptors, memory. None is
 * forked again for YIELD_MS.
 */
void reserve_yield(struct reserve *reserve);

/* Ends those that were forked before what handlers inherit was changed. */
void reserve_renew(struct reserve *reserve);

/* Ends all that wait; reserve_is_empty says when they are gone. */
void reserve_end(struct reserve *reserve);
bool reserve_is_empty(const struct reserve *reserve);

/*
 * Takes one that waited, and has ended (waitpid's status), out, and logs how. True where it ended
 * without having been ended here: the caller counts that as a handler's death. False also where it
 * is none of ours.
 */
bool reserve_bury(struct reserve *reserve, pid_t pid, int wait_status);

#endif
