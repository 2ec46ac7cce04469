/*
 * agency.h - one agency of the benchmark: its connection, what it has sent, what was answered.
 *
 * Nothing here waits. Whoever has an agency watches its socket for edges of both directions
 * (EPOLLIN | EPOLLOUT | EPOLLET), and calls agency_go_on after each.
 */
#ifndef TESTS_BENCH_AGENCY_H
#define TESTS_BENCH_AGENCY_H

#include "tests/bench/histogram.h"
#include "tests/bench/messages.h"
#include "tls/tls_stream.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGENCY_ACK_BYTES = 10 }; /* of "server:0\r\n" */

enum agency_stage {
    AGENCY_AWAY,       /* no connection */
    AGENCY_CONNECTING, /* connect(2) has not ended */
    AGENCY_SHAKING,    /* within the handshake of TLS */
    AGENCY_CONNECTED
};

/* What all agencies of a run have in common. */
struct agency_setting {
    struct sockaddr_in server;
    const struct messages *messages;
    const struct tls_context *tls; /* NULL: plain text */
    unsigned window;               /* unanswered messages at most */
    bool counts_connecting;        /* a latency begins with its connection */
};

struct agency {
    struct messages_header header;
    enum agency_stage stage;
    int socket;               /* -1: none */
    struct tls_stream stream; /* not open in plain text */
    SSL_SESSION *session;     /* owned: for the next connection; NULL: none */
    struct messages_cursor cursor;
    bool is_blocked;         /* the last send left bytes: the socket takes no more now */
    uint64_t sent, answered; /* messages */
    uint64_t send_to;        /* messages that may be sent in all; UINT64_MAX: no end */
    uint64_t *sent_ns;       /* of the unanswered messages, a ring of the window; not owned */
    uint64_t began_ns;       /* of this connection */
    size_t answer_bytes;     /* of an answer of which a part has come */

    uint64_t errors; /* answers other than ACK */
    uint64_t longest_ns;
    struct histogram latency;
};

uint64_t agency_clock_ns(void);

/* Begins to connect. False, with no connection, where that is refused at once. */
bool agency_connect(struct agency *agency, const struct agency_setting *setting);

/*
 * Does all that goes without waiting: connecting, the handshake, taking answers, sending. False when
 * the connection has failed; it has to be closed.
 */
bool agency_go_on(struct agency *agency, const struct agency_setting *setting);

/* True once all that was sent has been answered, and nothing more is to be sent. */
bool agency_is_done(const struct agency *agency);

/*
 * Sends nothing more but the rest of a message of which a part has left; by TLS, the messages of a
 * record that the socket did not take.
 */
void agency_stop(struct agency *agency, const struct agency_setting *setting);

/* Closes the connection. What was not answered is forgotten. */
void agency_close(struct agency *agency);

#endif
