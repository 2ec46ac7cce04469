/*
 * listener.h - the sockets that agencies connect to: one for each address.
 *
 * A name may stand for several addresses (localhost stands for 127.0.0.1 and ::1), and an
 * agency may connect to any of them. So the server listens on each one that its machine has.
 * The supervisor opens the sockets and accepts on them. A child closes its copies, so the
 * sockets are closed when the supervisor ends.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "lib/failure.h"
#include "server/server_config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

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

/*
 * One end of a connection: its host, "10.0.0.7", and its text, "10.0.0.7:40123". `origin` is what
 * limits count by: an IPv4 address, or the first 64 bits of an IPv6 address, of which one customer
 * has at least all that follow (RFC 6177).
 */
struct listener_peer {
    uint64_t origin;
    char host[LISTENER_HOST_BYTES];
    char text[LISTENER_PEER_BYTES];
};

/*
 * Listens on every address of server.address, with sockets that don't block. With port 0,
 * the kernel chooses one port for all of them. The empty text stands for all addresses of
 * the machine. `localhost` stands for both loopback addresses, whatever /etc/hosts says
 * (RFC 6761, section 6.3). Returns false with *failure set and no socket open.
 */
bool listeners_open(const struct server_config *config, struct listeners *listeners,
                    struct failure *failure);

/*
 * The same for a list of addresses, which all have one port. An address is skipped, with a
 * line in the log, where this machine does not have it (EADDRNOTAVAIL) or its kernel does not
 * know the family (EAFNOSUPPORT). It is a failure if no address is left. Every other error is
 * a failure, which names the address. Where the list has an IPv4 address, the IPv6 sockets
 * take IPv6 only. Otherwise the socket of `::` takes IPv4 too.
 */
bool listeners_open_addresses(const struct addrinfo *addresses, int backlog,
                              struct listeners *listeners, struct failure *failure);

/*
 * The same as listeners_open, where another process has given sockets that it listens on: those at an
 * address that is wanted are kept, and with port 0 whatever their port is; the others are closed, and
 * what is missing is opened. `given` is empty afterwards. Their backlog is LISTENER_GAP_BACKLOG, until
 * listeners_set_backlog. Returns false with the failure, and all are closed.
 */
bool listeners_open_beside(const struct server_config *config, struct listeners *given,
                           struct listeners *listeners, struct failure *failure);

/* How many connections wait while one server has stopped and the next one does not serve yet. */
enum { LISTENER_GAP_BACKLOG = 4096 };

/* Sets for all of them how many connections may wait. */
void listeners_set_backlog(const struct listeners *listeners, uint32_t backlog);

/* Closes all sockets, and sets the count to 0. */
void listeners_close(struct listeners *listeners);

/*
 * Writes an IPv4 or IPv6 address as the peer that it is, and returns its port. An IPv4-mapped one is
 * shown as IPv4. Any process may call.
 */
unsigned listener_describe_address(const struct sockaddr_storage *address,
                                   struct listener_peer *peer);

/* The address and port that the socket is bound to. Returns false with errno. */
bool listener_describe(int listener, struct listener_peer *bound, unsigned *port);

/*
 * Accepts one connection. Its socket sends small answers at once (TCP_NODELAY) and notices
 * a peer that has vanished (SO_KEEPALIVE). The caller closes it. Returns -1 with errno on
 * failure; EAGAIN where no connection is waiting.
 */
int listener_accept(int listener, struct listener_peer *peer);

#endif
