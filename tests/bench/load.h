/*
 * load.h - many agencies in one process, and what became of what they sent.
 *
 * One process with epoll serves all agencies, because a process an agency would measure the kernel's
 * switching among the load's processes, on the same processors as the server.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "tests/bench/histogram.h"
#include "tls/tls_context.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How every agency of one run behaves. */
struct load_plan {
    struct sockaddr_in server;
    unsigned agencies;             /* connections */
    unsigned batch_bets;           /* bets a message */
    unsigned window;               /* unanswered messages at most */
    uint64_t duration_ms;          /* of sending */
    unsigned idle;                 /* connections beside them that say nothing */
    bool churn;                    /* a connection for each message */
    const struct tls_context *tls; /* NULL: plain text */
    bool whole_handshakes;         /* no connection resumes the session of the one before */
};

/* How the agencies fared among each other. All 0 without answers. */
struct load_fairness {
    uint64_t longest_ns;    /* the longest single wait */
    uint64_t median_p50_ns; /* of the agencies' own medians, the middle one */
    uint64_t worst_p50_ns;  /*   and the longest one */
    uint64_t median_p99_ns; /* the same of their 99th hundredths */
    uint64_t worst_p99_ns;
    uint64_t least_batches, most_batches; /* of one agency */
};

struct load_result {
    uint64_t batches, bytes; /* acknowledged */
    uint64_t errors;         /* answers other than ACK, and connections that failed */
    double seconds;          /* to the last answer */
    double cpu_seconds;      /* that this process took in the meantime */
    struct histogram latency;
    struct load_fairness fairness;
};

/*
 * Runs the load. The clock starts when each agency has been answered one message, and with churn at
 * once. False, with a message, where the load could not be set up.
 */
bool load_run(const struct load_plan *plan, struct load_result *result);

#endif
