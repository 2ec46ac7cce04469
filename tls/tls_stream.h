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

/* What kind of failure TLS_FAILED is, for whoever decides whether to connect again. */
enum tls_fault {
    TLS_FAULT_CONNECTION, /* the network failed, or the peer: another connection may do better */
    TLS_FAULT_NO_TLS,     /* what came is no TLS */
    TLS_FAULT_REFUSED     /* one end does not accept the other, and won't the next time either */
};

struct tls_stream {
    SSL *ssl;             /* owned; NULL: not open */
    enum tls_fault fault; /* of the call that has said TLS_FAILED */
    unsigned key_updates; /* server: how often the peer has changed its key */
};

/*
 * Opens the server's end of a connection. The socket must not block (O_NONBLOCK). The stream must
 * not be moved while it is open. Returns false
 * with the failure where there is no memory.
 */
bool tls_stream_open_server(struct tls_stream *stream, const struct tls_context *context,
                            int socket, struct failure *failure);

/*
 * True where a server's certificate can be for it: an IPv4 or IPv6 address without brackets, or a
 * host's name, of labels of letters, digits, '-' and '_'.
 */
bool tls_is_server_name(const char *name);

/*
 * Opens the client's end. The server's certificate has to have `server_name`, for which
 * tls_is_server_name is true, in its subjectAltName: the common name plays no role. Fails as above.
 */
bool tls_stream_open_client(struct tls_stream *stream, const struct tls_context *context,
                            int socket, const char *server_name, struct failure *failure);

/*
 * Client: offers to resume the session of an earlier connection to the same server. Called before
 * the handshake. The server may decline, and then it is a handshake like any other.
 */
void tls_stream_offer(struct tls_stream *stream, SSL_SESSION *session);

/*
 * Client: returns the session, by the ticket that came last, for one later connection. The caller
 * frees it by SSL_SESSION_free. NULL: the server has given no ticket, or there is no memory.
 *
 * In TLS 1.3 tickets come after the handshake, so this is called at the end of a connection, and
 * before tls_stream_end. It is a copy: OpenSSL spoils that of a stream which is closed without an
 * end.
 */
SSL_SESSION *tls_stream_session(const struct tls_stream *stream);

/* Frees it. Tells the peer nothing, and leaves the socket open. Does nothing when it is not open. */
void tls_stream_close(struct tls_stream *stream);

/* Goes on with the handshake, until TLS_DONE. Never TLS_ENDED. */
enum tls_result tls_stream_handshake(struct tls_stream *stream, struct failure *failure);

/* Reads up to `capacity` bytes; *got says how many, with TLS_DONE. */
enum tls_result tls_stream_read(struct tls_stream *stream, char *bytes, size_t capacity,
                                size_t *got, struct failure *failure);

/*
 * Looks whether bytes can be read, and leaves them there: TLS_DONE. Else as a read, of which it is
 * the way to find out an end without taking anything.
 */
enum tls_result tls_stream_peek(struct tls_stream *stream, struct failure *failure);

/*
 * False where nothing stands in the stream, so that poll(2) tells of all that comes. It spares the
 * read that would say TLS_WANTS_READ. True where there may be bytes, or a part of a record.
 */
bool tls_stream_has_pending(const struct tls_stream *stream);

/* Writes up to `count` bytes, more than 0; *written says how many, with TLS_DONE. */
enum tls_result tls_stream_write(struct tls_stream *stream, const char *bytes, size_t count,
                                 size_t *written, struct failure *failure);

/* Tells the peer that nothing more comes (close_notify), as far as that goes without waiting. */
void tls_stream_end(struct tls_stream *stream);

/*
 * Client: the server's certificate, verified; it stays the stream's. A server asks
 * tls_credential_of (tls/tls_credential.h), because its sessions don't keep the certificate.
 */
X509 *tls_stream_peer_certificate(const struct tls_stream *stream);

/* True where the session was resumed, so that the peer's certificate was not verified again. */
bool tls_stream_is_resumed(const struct tls_stream *stream);

/* True where the kernel encrypts what is sent. */
bool tls_stream_uses_kernel(const struct tls_stream *stream);

#endif
