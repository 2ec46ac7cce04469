/*
 * hand_over.h - how a connection gets to a handler that was forked before it came.
 *
 * Each handler that waits has a pair of sockets of its own, which keep messages apart. The
 * supervisor sends the connection's socket over it, and what the handler has to know of it, in one
 * message. A process that dies before it has taken the message takes the connection with it: the
 * kernel closes what was on its way, and the peer sees the connection close, as when any handler
 * dies.
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

#endif
