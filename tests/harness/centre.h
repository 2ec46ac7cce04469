/*
 * centre.h - the nodes of one centre, primary and standbys, for the tests of what happens between them.
 *
 * Each node has a directory of the stage and a port that stays its own, so that it can be started again.
 * The engine is one node of NATS.
 *
 * Called by the test's process; what fails, fails the test.
 */
#ifndef HARNESS_CENTRE_H
#define HARNESS_CENTRE_H

#include "tests/harness/cluster.h"
#include "tests/harness/peer.h"
#include "tests/harness/server.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    CENTRE_NODES_MAX = 3,
    CENTRE_FENCED = 4 /* the exit status of a primary that is none any more */
};

struct centre {
    struct stage *stage;
    struct cluster *engine;
    const char *directories[CENTRE_NODES_MAX];
    unsigned ports[CENTRE_NODES_MAX];
    const char *name;     /* "north" */
    const char *agencies; /* expected */
    const char *fault;    /* LOTTERY_FAULT of nodes that are started from now on; NULL: none */
    const char *token;    /* its token */
};

/* Starts the engine. `agencies`: how many are expected. */
struct centre *centre_open(struct stage *stage, const char *agencies);

/* A node's environment; `patience` is REPLICATION_TAKEOVER_AFTER. The texts are the stage's. */
const char *const *centre_environment(const struct centre *centre, unsigned node,
                                      const char *patience);

/* Starts a primary, and awaits that it listens and has claimed the log. */
struct server *centre_start_primary(const struct centre *centre, unsigned node);

/* Starts a standby, and awaits that it follows. */
struct server *centre_start_standby(const struct centre *centre, unsigned node,
                                    const char *patience);

/* Sells the bets 0 to `count - 1` of agency 1, and awaits that the standby has their bytes. */
struct peer *centre_sell(const struct server *primary, const struct server *standby,
                         unsigned count);

/* Sends this signal to the one shipper that the server has; returns its pid. */
pid_t centre_signal_shipper(const struct server *server, int signal_number);

/* Awaits that a standby has taken over, and listens. */
void centre_await_takeover(struct server *server);

/*
 * Node 0 sells `acknowledged` bets of agency 1, and stores `more` that are in no log and that nobody
 * acknowledges; then its machine is lost. Returns node 1, which has taken over.
 */
struct server *centre_take_over_from_one_with_more(const struct centre *centre,
                                                   unsigned acknowledged, unsigned more);

/* Awaits that a file is the same in both, byte for byte. */
void centre_await_same(const struct server *one, const struct server *other, const char *name);

/* The same of all files that are about bets, and of the draw where one was held. */
void centre_await_all_same(const struct server *one, const struct server *other, bool drawn);

/* From now on nodes are started with this fault, which is armed; awaits that it has struck. */
void centre_arm(struct centre *centre, const char *fault);
void centre_await_fault(struct centre *centre);

#endif
