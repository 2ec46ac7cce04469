/*
 * listener.c - see listener.h.
 */
#include "server/listener.h"

#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORT_TEXT_BYTES = 8,
    PORT_TRIES = 16 /* a port that the kernel chose for one address may be taken at another */
};

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

/* A list of addresses that is being bound, one after the other. */
struct opening {
    struct listeners *listeners;
    struct failure why; /* an address was left out, or all of it failed */
    int backlog;
    int only_v6;           /* 1: IPv4 has sockets of its own */
    in_port_t chosen_port; /* by the kernel for the first one, as it is sent; 0: none (yet) */
};

enum opened { OPENED, SKIPPED, PORT_TAKEN, NOT_OPENED };

static struct sockaddr_storage address_of(const struct addrinfo *at)
{
    struct sockaddr_storage address = {0};
    memcpy(&address, at->ai_addr, at->ai_addrlen);
    return address;
}

/* The port stands at the same place in both families' addresses. */
static in_port_t port_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    return v4.sin_port;
}

static void set_port(struct sockaddr_storage *address, in_port_t port)
{
    memcpy((char *)address + offsetof(struct sockaddr_in, sin_port), &port, sizeof port);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "the port stands at the same place in both families' addresses");

/* One socket, listening; -1 with errno. */
static int listen_at(const struct opening *opening, const struct addrinfo *at,
                     const struct sockaddr_storage *address)
{
    const int on = 1;
    int listener = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return -1;
    }
    bool bound = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    if (bound && at->ai_family == AF_INET6) {
        bound = setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &opening->only_v6,
                           sizeof opening->only_v6) == 0;
    }
    if (!bound || bind(listener, (const struct sockaddr *)address, at->ai_addrlen) != 0 ||
        listen(listener, opening->backlog) != 0) {
        int saved_errno = errno;
        (void)close(listener);
        errno = saved_errno;
        return -1;
    }
    return listener;
}

/* The machine has no such address: that says nothing of the others. */
static bool is_not_here(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

static void explain(struct opening *opening, const struct sockaddr_storage *address)
{
    struct listener_peer tried;
    const char *hint =
        errno == EADDRINUSE ? "; another program listens there: stop it, or set server.port" : "";
    const char *why = strerror(errno);
    (void)describe_peer(address, &tried);
    (void)failure_set(&opening->why, "listen on %s: %s%s", tried.text, why, hint);
}

/* Once the kernel has chosen a port for one address, the others get it too. */
static void note_port(struct opening *opening, int listener)
{
    struct sockaddr_storage bound = {0};
    socklen_t bytes = sizeof bound;
    if (getsockname(listener, (struct sockaddr *)&bound, &bytes) == 0) {
        opening->chosen_port = port_of(&bound);
    }
}

static enum opened open_address(struct opening *opening, const struct addrinfo *at)
{
    struct listeners *listeners = opening->listeners;
    struct sockaddr_storage address = address_of(at);
    bool is_free_choice = port_of(&address) == 0;
    if (is_free_choice) {
        set_port(&address, opening->chosen_port);
    }
    int listener = listen_at(opening, at, &address);
    if (listener < 0) {
        int error = errno;
        explain(opening, &address);
        bool taken = error == EADDRINUSE && is_free_choice && opening->chosen_port != 0;
        return taken ? PORT_TAKEN : is_not_here(error) ? SKIPPED : NOT_OPENED;
    }
    listeners->descriptors[listeners->count++] = listener;
    if (is_free_choice && opening->chosen_port == 0) {
        note_port(opening, listener);
    }
    return OPENED;
}

/* A name service may name an address twice (glibc does, for some /etc/hosts). */
static bool stood_before(const struct addrinfo *addresses, const struct addrinfo *at)
{
    for (; addresses != at; addresses = addresses->ai_next) {
        if (addresses->ai_addrlen == at->ai_addrlen &&
            memcmp(addresses->ai_addr, at->ai_addr, at->ai_addrlen) == 0) {
            return true;
        }
    }
    return false;
}

static enum opened open_each(struct opening *opening, const struct addrinfo *addresses)
{
    const struct listeners *listeners = opening->listeners;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        if (stood_before(addresses, at)) {
            continue;
        }
        if (listeners->count == LISTENERS_MAX) {
            (void)failure_set(&opening->why, "listen on more than %d addresses: name fewer",
                              LISTENERS_MAX);
            return NOT_OPENED;
        }
        enum opened opened = open_address(opening, at);
        if (opened == SKIPPED) {
            log_info("action: skip_address | result: success | reason: %s", opening->why.text);
        } else if (opened != OPENED) {
            return opened;
        }
    }
    return listeners->count > 0 ? OPENED : NOT_OPENED;
}

static int has_v4(const struct addrinfo *addresses)
{
    for (; addresses != NULL; addresses = addresses->ai_next) {
        if (addresses->ai_family == AF_INET) {
            return 1;
        }
    }
    return 0;
}

bool listeners_open_addresses(const struct addrinfo *addresses, int backlog,
                              struct listeners *listeners, struct failure *failure)
{
    enum opened opened = PORT_TAKEN;
    for (int tries = 0; tries < PORT_TRIES && opened == PORT_TAKEN; tries++) {
        struct opening opening = {
            .listeners = listeners, .backlog = backlog, .only_v6 = has_v4(addresses)};
        *listeners = (struct listeners){0};
        opened = open_each(&opening, addresses);
        if (opened != OPENED) {
            listeners_close(listeners);
            *failure = opening.why;
        }
    }
    return opened == OPENED;
}

/* Without a name, the C library means all addresses (AI_PASSIVE) or the loopback ones. */
static int look_up(const char *name, const char *port, struct addrinfo **addresses)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    if (name[0] == '\0') {
        hints.ai_flags |= AI_PASSIVE;
    }
    bool has_meaning = name[0] != '\0' && strcasecmp(name, "localhost") != 0;
    return getaddrinfo(has_meaning ? name : NULL, port, &hints, addresses);
}

bool listeners_open(const struct server_config *config, struct listeners *listeners,
                    struct failure *failure)
{
    char port[PORT_TEXT_BYTES];
    struct addrinfo *addresses = NULL;
    (void)snprintf(port, sizeof port, "%u", (unsigned)config->port);
    int error = look_up(config->address, port, &addresses);
    if (error != 0) {
        return failure_set(failure, "look up server.address %s: %s", config->address,
                           error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    }
    bool opened =
        listeners_open_addresses(addresses, (int)config->listen_backlog, listeners, failure);
    freeaddrinfo(addresses);
    return opened;
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        (void)close(listeners->descriptors[i]);
    }
    listeners->count = 0;
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
