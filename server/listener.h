/*
 * listener.h - the socket on which agencies arrive.
 *
 * Used by the supervisor; children close it.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "lib/failure.h"
#include "server/server_config.h"

#include <netinet/in.h>
#include <stdbool.h>

enum { LISTENER_HOST_BYTES = INET6_ADDRSTRLEN, LISTENER_PEER_BYTES = INET6_ADDRSTRLEN + 8 };

/* Who has connected: "10.0.0.7" and "10.0.0.7:40123". */
struct listener_peer {
    char host[LISTENER_HOST_BYTES];
    char text[LISTENER_PEER_BYTES];
};

/* Binds and listens, without blocking; -1 after describing the failure. */
int listener_open(const struct server_config *config, struct failure *failure);

/* The address and port that the socket is bound to, for the log. */
bool listener_describe(int listener, struct listener_peer *bound, unsigned *port);

/*
 * Accepts one connection, set to send small answers at once (TCP_NODELAY) and
 * to notice a peer that has vanished (SO_KEEPALIVE). Returns its socket, or -1
 * with errno; EAGAIN when nobody waits.
 */
int listener_accept(int listener, struct listener_peer *peer);

#endif
