/*
 * proxied_peer.h - whose connection it is, where it comes from a balancer.
 *
 * A peer that server.proxy_from names has to begin with a PROXY header (proxy_header.h), and nobody
 * else may. The header is read before everything else, and exactly its bytes are taken from the
 * socket, because what follows is the agency's: a message, or a TLS handshake.
 *
 * Called by the handler's process alone, once, before it reads anything else. If it dies, the
 * connection is gone, and the supervisor releases its slot.
 */
#ifndef SERVER_HANDLER_PROXIED_PEER_H
#define SERVER_HANDLER_PROXIED_PEER_H

#include "bet/message.h"
#include "server/handler/connection.h"
#include "server/heritage.h"

#include <stdint.h>

enum proxied_peer {
    PROXIED_PEER_KNOWN,  /* the connection is to be served: the slot and the log have its peer */
    PROXIED_PEER_GONE,   /* it is over: a health check, or the server stops */
    PROXIED_PEER_REFUSED /* it has to get ERROR */
};

/*
 * Waits for the header of a connection from a balancer, at most timeouts.message, and notes in the
 * slot whose connection it is and through whom it comes. A header that names nobody (LOCAL, UNKNOWN)
 * leaves the balancer as the peer. With PROXIED_PEER_REFUSED `reason` is the text for the log and
 * for the ERROR: there is no valid header, or its peer has limits.connections_per_address already,
 * which is counted in the segment.
 */
enum proxied_peer proxied_peer_learn(const struct heritage *heritage, uint32_t slot_index,
                                     struct connection *connection,
                                     char reason[MESSAGE_REASON_BYTES_MAX + 1]);

#endif
