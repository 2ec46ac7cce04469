/*
 * peer.h - a raw connection to the server: says anything, and expects answers.
 *
 * Whatever is expected and does not come within DEADLINE_MS, or comes
 * differently, fails the test at the caller's line and shows the server's log.
 * Closed when the stage is taken down, if not before. Called by the test's process.
 */
#ifndef HARNESS_PEER_H
#define HARNESS_PEER_H

#include "tests/harness/server.h"

#include <stdbool.h>
#include <stddef.h>

struct peer {
    const struct server *server;
    int socket;    /* -1: closed */
    unsigned port; /* at our end, by which the server's log and slots name the connection */
};

struct peer *peer_connect(const struct server *server);

/* The same, from this IPv4 address of the machine: "127.0.0.2". */
struct peer *peer_connect_from(const struct server *server, const char *host);

/* Sends all of it; a server that has closed meanwhile is no error. */
void peer_send(struct peer *peer, const char *text);
void peer_send_bytes(struct peer *peer, const void *bytes, size_t count);

/* Sends each byte in a segment of its own. */
void peer_send_bytewise(struct peer *peer, const char *text);

/*
 * Expects exactly this as the next bytes. "*" stands for any checksum and any identity:
 * "server:8:5,open*\r\n" is STATE as the server tells it, "server:8:5,open,0123...,4567...".
 */
#define peer_expect(peer, text) peer_expect_at(peer, text, __FILE__, __LINE__)
void peer_expect_at(struct peer *peer, const char *text, const char *file, int line);

/* Sends, and expects. */
#define peer_ask(peer, question, answer)                                                           \
    do {                                                                                           \
        peer_send(peer, question);                                                                 \
        peer_expect(peer, answer);                                                                 \
    } while (0)

/* Receives up to and with the next CRLF; the text is the stage's. */
#define peer_receive_message(peer) peer_receive_message_at(peer, __FILE__, __LINE__)
const char *peer_receive_message_at(struct peer *peer, const char *file, int line);

/* Expects that the server closes, without another byte; reset does as well as close. */
#define peer_expect_close(peer) peer_expect_close_at(peer, __FILE__, __LINE__)
void peer_expect_close_at(struct peer *peer, const char *file, int line);

/* Reads until the server closes, and throws it away. Returns the bytes read. */
size_t peer_drain(struct peer *peer);

/* True when there is something to be read, or the end, within so many ms. */
bool peer_has_news(const struct peer *peer, int ms);

/* No more to be sent, answers are still read. */
void peer_half_close(const struct peer *peer);

/* Gone, in order; and gone by a reset (SO_LINGER 0), whatever is on its way. */
void peer_close(struct peer *peer);
void peer_reset(struct peer *peer);

#endif
