/*
 * tls_stream.h - one encrypted connection over a socket that does not block.
 *
 * Each call does what it can without waiting, and says what it waits for where it can't go on. The
 * caller waits, in its own way, and calls again. A read that says TLS_WANTS_READ has given all
 * that has come: until then, bytes may stand in the stream while the socket has none, and poll(2)
 * would not tell of them.
 *
 * The caller owns the socket and closes it. Called by the one process that has the connection.
 */
#ifndef TLS_TLS_STREAM_H
#define TLS_TLS_STREAM_H

#include "lib/failure.h"
#include "tls/tls_context.h"

#include <stdbool.h>
#include <stddef.h>

enum tls_result {
    TLS_DONE,        /* the handshake is over; or some bytes were read or written */
    TLS_WANTS_READ,  /* call again when the socket can be read */
    TLS_WANTS_WRITE, /* call again when it can be written */
    TLS_ENDED,       /* the peer has closed the connection */
    TLS_FAILED       /* the connection is of no use any more; `failure` says why */
};

struct tls_stream {
    SSL *ssl; /* owned; NULL: not open */
};

/*
 * Opens the server's end of a connection. The socket must not block (O_NONBLOCK). Returns false
 * with the failure where there is no memory.
 */
bool tls_stream_open_server(struct tls_stream *stream, const struct tls_context *context,
                            int socket, struct failure *failure);

/*
 * Opens the client's end. The server's certificate has to be for `server_name`, a name or an
 * address. Fails as above, or where the name can't be one.
 */
bool tls_stream_open_client(struct tls_stream *stream, const struct tls_context *context,
                            int socket, const char *server_name, struct failure *failure);

/* Frees it. Tells the peer nothing, and leaves the socket open. Does nothing when it is not open. */
void tls_stream_close(struct tls_stream *stream);

/* Goes on with the handshake, until TLS_DONE. Never TLS_ENDED. */
enum tls_result tls_stream_handshake(struct tls_stream *stream, struct failure *failure);

/* Reads up to `capacity` bytes; *got says how many, with TLS_DONE. */
enum tls_result tls_stream_read(struct tls_stream *stream, char *bytes, size_t capacity,
                                size_t *got, struct failure *failure);

/* Writes up to `count` bytes, more than 0; *written says how many, with TLS_DONE. */
enum tls_result tls_stream_write(struct tls_stream *stream, const char *bytes, size_t count,
                                 size_t *written, struct failure *failure);

/* Tells the peer that nothing more comes (close_notify), as far as that goes without waiting. */
void tls_stream_end(struct tls_stream *stream);

/* The peer's certificate, verified; NULL: it has shown none. It stays the stream's. */
X509 *tls_stream_peer_certificate(const struct tls_stream *stream);

/* True where the session was resumed, so that the peer's certificate was not verified again. */
bool tls_stream_is_resumed(const struct tls_stream *stream);

/* True where the kernel encrypts what is sent. */
bool tls_stream_uses_kernel(const struct tls_stream *stream);

#endif
