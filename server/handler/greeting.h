/*
 * greeting.h - what comes on a connection before its first message: whether it is TLS, the
 * handshake, and whose certificate it is.
 *
 * The first byte tells TLS from plain text: a TLS connection begins with a handshake record, whose
 * type is 22 (RFC 8446, 5.1), and no message begins with that byte.
 *
 * Called by the handler's process, once. If it dies, the peer sees the connection close.
 */
#ifndef SERVER_HANDLER_GREETING_H
#define SERVER_HANDLER_GREETING_H

#include "server/handler/connection.h"
#include "server/handler/identity.h"
#include "server/handler/peer_log.h"
#include "server/heritage.h"
#include "shm/layout.h"

#include <stdbool.h>

/* What a greeting works with. */
struct greeting {
    const struct heritage *heritage;
    struct slot *slot; /* told what the connection is */
    struct connection *connection;
    struct peer_log *log;
};

/*
 * Waits for the first byte, at most timeouts.idle, and where it is TLS, shakes hands, at most
 * timeouts.message. Returns true when the connection may be served; *identity says for whom. Else
 * it is to be closed: the peer has left, or a signal has come, or the peer was refused; then it has
 * been told why, as far as it can be, and so has the log.
 */
bool greeting_exchange(const struct greeting *greeting, struct identity *identity);

/*
 * True where what has come, and was not consumed, begins as TLS does: where tls.mode is off, such a
 * connection can only be told so.
 */
bool greeting_is_tls(const struct connection *connection);

#endif
