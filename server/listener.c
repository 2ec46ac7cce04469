/*
 * listener.c - see listener.h.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_TEXT_BYTES = 8 };

/* ---------------------------------------------------------------- names ---- */

/* An IPv4 peer of an IPv6 socket is shown as what it is. */
static unsigned describe(const struct sockaddr_storage *address, char *host)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    if (address->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, LISTENER_HOST_BYTES);
        return ntohs(v4.sin_port);
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        (void)inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, LISTENER_HOST_BYTES);
    } else {
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, LISTENER_HOST_BYTES);
    }
    return ntohs(v6.sin6_port);
}

static unsigned describe_peer(const struct sockaddr_storage *address, struct listener_peer *peer)
{
    unsigned port = describe(address, peer->host);
    bool bracketed = strchr(peer->host, ':') != NULL;
    (void)snprintf(peer->text, sizeof peer->text, bracketed ? "[%s]:%u" : "%s:%u", peer->host,
                   port);
    return port;
}

bool listener_describe(int listener, struct listener_peer *bound, unsigned *port)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        return false;
    }
    *port = describe_peer(&address, bound);
    return true;
}

/* --------------------------------------------------------------- opening ---- */

static int try_address(const struct addrinfo *address, int backlog)
{
    const int on = 1;
    const int off = 0;
    int listener = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          address->ai_protocol);
    if (listener < 0) {
        return -1;
    }
    if (address->ai_family == AF_INET6) {
        (void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, address->ai_addr, address->ai_addrlen) != 0 ||
        listen(listener, backlog) != 0) {
        int saved_errno = errno;
        (void)close(listener);
        errno = saved_errno;
        return -1;
    }
    return listener;
}

/* All addresses: the IPv6 socket takes IPv4 too; where there is no IPv6, IPv4 alone. */
static int try_addresses(const struct addrinfo *addresses, int backlog)
{
    const int families[] = {AF_INET6, AF_INET};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
            if (at->ai_family != families[i]) {
                continue;
            }
            int listener = try_address(at, backlog);
            if (listener >= 0 || errno == EADDRINUSE || errno == EACCES) {
                return listener;
            }
        }
    }
    return -1;
}

int listener_open(const struct server_config *config, struct failure *failure)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    char port[PORT_TEXT_BYTES];
    (void)snprintf(port, sizeof port, "%u", (unsigned)config->port);
    const char *host = config->address[0] == '\0' ? NULL : config->address;
    const char *host_text = host == NULL ? "*" : host;
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(host, port, &hints, &addresses);
    if (error != 0) {
        (void)failure_set(failure, "resolve server.address %s: %s", host_text, gai_strerror(error));
        return -1;
    }
    int listener = try_addresses(addresses, (int)config->listen_backlog);
    if (listener < 0) {
        (void)failure_set_errno(failure, "listen on %s:%s", host_text, port);
    }
    freeaddrinfo(addresses);
    return listener;
}

/* -------------------------------------------------------------- accepting ---- */

int listener_accept(int listener, struct listener_peer *peer)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    const int on = 1;
    int socket = accept4(listener, (struct sockaddr *)&address, &bytes, SOCK_CLOEXEC);
    if (socket < 0) {
        return -1;
    }
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)describe_peer(&address, peer);
    return socket;
}
