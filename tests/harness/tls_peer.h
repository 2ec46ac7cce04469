/*
 * tls_peer.h - an encrypted connection to the server, as peer.h is a plain one.
 *
 * It shakes hands over a peer's socket. What is expected and does not come within DEADLINE_MS
 * fails the test. All bytes that pass the network are kept, for tests that look for what may not
 * be read there. Freed when the stage is taken down.
 */
#ifndef HARNESS_TLS_PEER_H
#define HARNESS_TLS_PEER_H

#include "tests/harness/certificates.h"
#include "tests/harness/peer.h"
#include "tls/tls_stream.h"

#include <stdbool.h>

enum { TLS_PEER_WIRE_BYTES = 1 << 16 };

struct tls_peer {
    struct peer *peer;
    struct tls_context context;
    struct tls_stream stream;
    struct failure failure; /* of the last call that failed */
    bool is_open;           /* the handshake has succeeded, as far as our end knows */
    char *wire;             /* encrypted bytes, both directions in the order in which they passed */
    size_t wire_bytes;
};

/* How a client shakes hands. Zeroed members have the values that are usual. */
struct tls_peer_wish {
    const struct identity *identity; /* NULL: no certificate is shown */
    struct peer *peer;               /* connected, and nothing was sent; NULL: a new one */
    SSL_SESSION *session;            /* to be resumed; NULL: none */
    int maximum_version;             /* TLS1_2_VERSION for example; 0: the highest */
};

/*
 * Connects and shakes hands. The server's certificate has to be of `authority`, for 127.0.0.1.
 * `is_open` tells whether that succeeded. In TLS 1.3 the server may still refuse the certificate.
 */
struct tls_peer *tls_peer_connect(const struct server *server, const struct issuer *authority,
                                  const struct tls_peer_wish *wish);

void tls_peer_send(struct tls_peer *peer, const char *text);

/* Reads the next message, up to CRLF, and expects that it is like this pattern of fnmatch(3). */
#define tls_peer_expect(peer, pattern) tls_peer_expect_at(peer, pattern, __FILE__, __LINE__)
void tls_peer_expect_at(struct tls_peer *peer, const char *pattern, const char *file, int line);

/* Sends, and expects. */
#define tls_peer_ask(peer, question, answer)                                                       \
    do {                                                                                           \
        tls_peer_send(peer, question);                                                             \
        tls_peer_expect(peer, answer);                                                             \
    } while (0)

/* Reads until the server ends the connection, and returns why: a failure, or "" for its end. */
const char *tls_peer_await_end(struct tls_peer *peer);

/* Goes away in order, and lets its session be resumed; the session is the caller's. */
SSL_SESSION *tls_peer_leave(struct tls_peer *peer);

#endif
