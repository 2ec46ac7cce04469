/*
 * cluster.h - an engine of a test's own: some nats-server on this machine, which it may kill.
 *
 * Each node has ports of 127.0.0.1 and a directory of the stage, syncs every write before it answers
 * (sync_interval: always), and says how it is on a monitoring port. When the stage is taken down they
 * are killed, by their pids, and their files go with the stage's directory.
 *
 * Called by the test's process; what fails, fails the test.
 */
#ifndef HARNESS_CLUSTER_H
#define HARNESS_CLUSTER_H

#include "tests/harness/program.h"
#include "tests/harness/stage.h"

#include <stdbool.h>

enum { CLUSTER_NODES_MAX = 5 };

struct cluster_node {
    struct program *program; /* NULL: it is not running */
    unsigned port;           /* for clients */
    unsigned route_port;     /* for the other nodes */
    unsigned monitor_port;   /* HTTP */
    const char *configuration;
};

struct cluster {
    struct stage *stage;
    unsigned count;
    struct cluster_node nodes[CLUSTER_NODES_MAX];
    const char *servers; /* "nats://127.0.0.1:1,nats://..." */
};

/*
 * Starts a cluster and awaits that each node is ready. A cluster of one is no cluster for NATS, and has
 * streams of one replica. `settings` is added to each node's configuration, in nats-server's language;
 * "" for none.
 */
struct cluster *cluster_start(struct stage *stage, unsigned nodes, const char *settings);

/* Awaits that each node that runs is ready: it is listening, and knows who leads. */
void cluster_await_ready(struct cluster *cluster);

/* Kills a node (SIGKILL), and awaits its end. */
void cluster_kill_node(struct cluster *cluster, unsigned node);

/* Starts a node that was killed, with its ports and files; does not wait until it is ready. */
void cluster_start_node(struct cluster *cluster, unsigned node);

/* Stops a node in the middle of what it does (SIGSTOP), and lets it go on (SIGCONT). */
void cluster_pause_node(struct cluster *cluster, unsigned node);
void cluster_resume_node(struct cluster *cluster, unsigned node);

/* The node that leads the stream; awaits that nodes that run and are not paused name one of them. */
unsigned cluster_leader_of(struct cluster *cluster, const char *stream);

#endif
