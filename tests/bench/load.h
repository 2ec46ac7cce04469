/*
 * load.h - what an agency of the benchmark sends, and what became of it.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "tests/bench/histogram.h"
#include "tls/tls_stream.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How every agency of one run behaves. */
struct load_plan {
    struct sockaddr_in server;
    unsigned agencies;             /* processes */
    unsigned batch_bets;           /* bets a message */
    unsigned window;               /* unanswered messages at most */
    uint64_t duration_ms;          /* of sending */
    unsigned idle;                 /* connections beside them that say nothing */
    bool churn;                    /* a connection for each message */
    const struct tls_context *tls; /* NULL: plain text */
    bool whole_handshakes;         /* no connection resumes the session of the one before */
};

/* One connection, in plain text or by TLS. */
struct load_connection {
    int socket;               /* -1: not open */
    struct tls_stream stream; /* not open in plain text */
    bool has_pending;         /* answers may stand in the stream while the socket has none */
};

/* What one agency measured; in memory shared with the process that reports. */
struct load_result {
    uint64_t batches, bytes; /* acknowledged */
    uint64_t errors;         /* answers other than ACK, and connections that failed */
    uint64_t ended_ns;       /* when its last answer had come, load_clock_ns */
    struct histogram latency;
};

/* Messages made before the clock starts, one behind the other, to be sent again and again. */
struct load_messages {
    char *bytes;     /* owned */
    size_t *offsets; /* owned: of message i; offsets[count] is the end */
    size_t count;
};

/* Makes about `bytes_wanted` bytes of messages of this agency. False without memory. */
bool load_make_messages(struct load_messages *messages, unsigned agency, unsigned batch_bets,
                        size_t bytes_wanted);
void load_free_messages(struct load_messages *messages);

/* Connects, without a delay for small packets; -1 with errno. */
int load_connect(const struct sockaddr_in *server);

/*
 * Connects, and shakes hands where the plan has TLS. *session (owned by the caller; NULL: none) is
 * offered to the server and used up. Returns false with nothing open.
 */
bool load_open(struct load_connection *connection, const struct load_plan *plan,
               SSL_SESSION **session);

/* Closes it; *session is one for the next connection, where the server has given a ticket. */
void load_close(struct load_connection *connection, SSL_SESSION **session);

uint64_t load_clock_ns(void);

/* Sends one message on the connection and takes its ACK: from then on it is being served. */
bool load_say_hello(struct load_connection *connection, const struct load_messages *messages);

/* Sends on the connection until the time is up, and waits for the last answers. */
void load_bet(struct load_connection *connection, const struct load_plan *plan,
              const struct load_messages *messages, struct load_result *result);

/* Connects, sends one message, awaits its answer and closes, again and again. */
void load_churn(const struct load_plan *plan, const struct load_messages *messages,
                struct load_result *result);

#endif
