/*
 * listener.h - the sockets on which agencies arrive: one for each address.
 *
 * A name may stand for several addresses (localhost for 127.0.0.1 and ::1), and
 * an agency may dial any of them. So the server listens on all that its machine
 * has. Used by the supervisor; children close them.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "lib/failure.h"
#include "server/server_config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    LISTENER_HOST_BYTES = INET6_ADDRSTRLEN,
    LISTENER_PEER_BYTES = INET6_ADDRSTRLEN + 8,
    LISTENERS_MAX = 16
};

/* The listening sockets; {0}: none. */
struct listeners {
    size_t count;
    int descriptors[LISTENERS_MAX];
};

/* Who has connected: "10.0.0.7" and "10.0.0.7:40123". */
struct listener_peer {
    char host[LISTENER_HOST_BYTES];
    char text[LISTENER_PEER_BYTES];
};

/*
 * Binds, and listens without blocking, on every address of server.address; with port 0,
 * on the same port that the kernel chooses on all of them. The empty text is all
 * addresses of the machine, `localhost` both loopback addresses, whatever /etc/hosts says
 * (RFC 6761, section 6.3). False, with nothing open, after describing the failure.
 */
bool listeners_open(const struct server_config *config, struct listeners *listeners,
                    struct failure *failure);

/*
 * The same for a list of addresses that all have one port. An address that this machine
 * does not have (EADDRNOTAVAIL), or of a family that its kernel does not know
 * (EAFNOSUPPORT), is left out with a line in the log, as long as one is left. Any other
 * error fails, and names its address. A list with IPv4 addresses keeps IPv6 to IPv6; the
 * socket of a lone `::` takes IPv4 too.
 */
bool listeners_open_addresses(const struct addrinfo *addresses, int backlog,
                              struct listeners *listeners, struct failure *failure);

/* Closes them all; there are none then. */
void listeners_close(struct listeners *listeners);

/* The address and port that the socket is bound to, for the log. */
bool listener_describe(int listener, struct listener_peer *bound, unsigned *port);

/*
 * Accepts one connection, set to send small answers at once (TCP_NODELAY) and
 * to notice a peer that has vanished (SO_KEEPALIVE). Returns its socket, or -1
 * with errno; EAGAIN when nobody waits.
 */
int listener_accept(int listener, struct listener_peer *peer);

#endif
