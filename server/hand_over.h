/*
 * hand_over.h - how a connection gets to a handler that was forked before it came.
 *
 * Each handler that waits has a pair of sockets of its own, which keep messages apart. The
 * supervisor sends the connection's socket over it, and what the handler has to know of it, in one
 * message. A process that dies before it has taken the message takes the connection with it: the
 * kernel closes what was on its way, and the peer sees the connection close, as when any handler
 * dies.
 *
 * With limits.connections_per_handler above 1, a handler whose connection has ended well says so over
 * the same pair, and waits again.
 *
 * Neither end waits for the other one's process: the supervisor's call does not block, and a handler
 * that waits is ended by SIGTERM, and by the end of the supervisor, which closes the pair.
 */
#ifndef SERVER_HAND_OVER_H
#define SERVER_HAND_OVER_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* What a connection is to its handler. */
struct hand_over {
    int socket;          /* the connection */
    uint32_t slot_index; /* its slot */
    bool from_balancer;  /* server.proxy_from names its peer */
    bool may_return;     /* the handler may wait for another connection after this one */
};

/* The two ends. */
struct hand_over_pair {
    int give; /* the supervisor's */
    int take; /* the handler's */
};

/* Makes a pair. Returns false with the failure. Called by the supervisor. */
bool hand_over_open(struct hand_over_pair *pair, struct failure *failure);

/*
 * Sends a connection; the caller still has its socket, and closes it. Returns false with errno
 * where it can't be sent now: the handler has died, or takes nothing. Called by the supervisor.
 */
bool hand_over_give(int give, const struct hand_over *what);

/*
 * Waits for a connection, and takes it: its socket is the caller's. Returns false when none will
 * come: this process is asked to end, the supervisor has closed its end, or what came was no
 * connection, of which the log tells. Called by a handler.
 */
bool hand_over_take(int take, struct hand_over *what);

/*
 * Says that the connection has ended, and that nothing of it is left in this process: its socket is
 * closed, and its slot is not touched any more. False with errno. Called by a handler that may
 * return.
 */
bool hand_over_return(int take);

enum hand_over_news {
    HAND_OVER_NOTHING,  /* the handler has not said anything */
    HAND_OVER_RETURNED, /* it has said that its connection has ended */
    HAND_OVER_CLOSED    /* it does not come back */
};

/* What a handler that may return has said; does not wait. Called by the supervisor. */
enum hand_over_news hand_over_look(int give);

#endif
