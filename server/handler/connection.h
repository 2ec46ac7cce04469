/*
 * connection.h - one agency's socket: bytes in, bytes out, and how long either may take.
 *
 * It is plain, or encrypted from connection_encrypt on; whoever reads and writes bytes sees no
 * difference. No call blocks in the socket. Every wait is a ppoll with a deadline, and SIGTERM ends
 * it.
 * Called only by the handler that owns the connection.
 */
#ifndef SERVER_HANDLER_CONNECTION_H
#define SERVER_HANDLER_CONNECTION_H

#include "lib/failure.h"
#include "server/handler/arena.h"
#include "tls/tls_stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONNECTION_OUT_BYTES = 16 * 1024 };

struct connection {
    int socket;
    char *in;              /* bytes received and not consumed yet; in the handler's arena */
    char *out;             /* CONNECTION_OUT_BYTES for answers; in the arena after `in` */
    size_t in_capacity;    /* bytes */
    size_t in_start;       /* of the first byte not consumed */
    size_t in_end;         /* after the last byte received */
    uint64_t answer_ms;    /* how long a peer may refuse to read */
    bool broken;           /* see connection_is_broken */
    bool answered;         /* something was sent */
    bool alerted;          /* the handshake has failed, and its alert says why */
    size_t out_used;       /* bytes in `out` */
    uint64_t received;     /* bytes, since it was opened, as they were read by us */
    struct tls_stream tls; /* open: the connection is encrypted */
    bool tls_is_drained;   /* the stream has no bytes that were not read; see tls_stream.h */
};

/* What a connection takes of its arena. */
size_t connection_arena_bytes(size_t in_capacity);

/* Takes the socket over, with room for `in_capacity` bytes that nobody has consumed. */
void connection_open(struct connection *connection, int socket, struct arena *arena,
                     size_t in_capacity, uint64_t answer_ms);

/*
 * Closes the socket so that the peer can still read what was sent to it. Where bytes of the peer
 * are unread, the kernel resets the connection (RFC 9293, 3.6.1). So they are read and thrown away
 * for a short while. Where nothing was sent, there is nothing to be read.
 */
void connection_close(struct connection *connection);

/* True once sending or receiving has failed, or the connection was given up. Nothing is sent then. */
bool connection_is_broken(const struct connection *connection);

/* Lets nothing more be sent, so that the start of an answer does not look like a whole one. */
void connection_give_up(struct connection *connection);

enum receive_result {
    RECEIVED,
    RECEIVED_NOTHING, /* nothing there now (only without waiting) */
    RECEIVED_END,     /* the peer will send no more */
    RECEIVED_TIMEOUT,
    RECEIVED_INTERRUPTED, /* by a signal */
    RECEIVED_ERROR        /* the connection is gone */
};

/*
 * Shakes hands as the server, by `deadline_ms`, and encrypts from then on. Nothing may have been
 * read or sent. False with the failure; nothing more can be sent or read then.
 */
bool connection_encrypt(struct connection *connection, const struct tls_context *context,
                        int64_t deadline_ms, struct failure *failure);

/* Takes what is there, without waiting. There must be room in `in`. */
enum receive_result connection_receive_now(struct connection *connection);

/* Waits until there is something, at most `timeout_ms` (below 0: for ever), and takes it. */
enum receive_result connection_receive(struct connection *connection, int64_t timeout_ms);

/*
 * Waits as connection_receive does, and shows up to `capacity` bytes, which is not 0, without
 * taking them from the socket: with RECEIVED, *count of them. Called before anything is taken.
 */
enum receive_result connection_peek(struct connection *connection, char *bytes, size_t capacity,
                                    int64_t timeout_ms, size_t *count);

/* Takes the first `count` bytes of those that connection_peek has shown, and throws them away. */
void connection_discard(struct connection *connection, size_t count);

/* How many bytes have been received since the connection was opened. */
uint64_t connection_received_bytes(const struct connection *connection);

/* The bytes that are not consumed yet; *count is how many. */
const char *connection_bytes(const struct connection *connection, size_t *count);

/* Consumes the first `count` of them. */
void connection_consume(struct connection *connection, size_t count);

/* Moves what is left to the front where the buffer is more than half used. True: there is room. */
bool connection_make_room(struct connection *connection);

/* Puts bytes into `out`. They are sent when it is full, or by connection_flush. */
void connection_send(struct connection *connection, const char *bytes, size_t count);

/* Sends what is in `out`. False when the peer is gone or does not read. */
bool connection_flush(struct connection *connection);

#endif
