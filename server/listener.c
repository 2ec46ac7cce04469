/*
 * listener.c - see listener.h.
 */
#include "server/listener.h"

#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_TEXT_BYTES = 8, PORT_ATTEMPTS = 16 };

/* ---------------------------------------------------------------- names ---- */

/* Writes the host of an address, and returns its port. A mapped address is shown as IPv4. */
static unsigned format_host(const struct sockaddr_storage *address, char *host)
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

static uint64_t read_bytes(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* An IPv4 address counts as ffff:a.b.c.d, which no IPv6 network begins with (RFC 4291). */
static uint64_t origin_of(const struct sockaddr_storage *address)
{
    enum { NETWORK_BYTES = 8, MAPPED_AT = 10 };
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    if (address->ss_family == AF_INET) {
        return UINT64_C(0xffff) << 32 | ntohl(v4.sin_addr.s_addr);
    }
    const uint8_t *bytes = v6.sin6_addr.s6_addr;
    return IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)
               ? read_bytes(bytes + MAPPED_AT, sizeof v6.sin6_addr.s6_addr - MAPPED_AT)
               : read_bytes(bytes, NETWORK_BYTES);
}

unsigned listener_describe_address(const struct sockaddr_storage *address,
                                   struct listener_peer *peer)
{
    unsigned port = format_host(address, peer->host);
    peer->origin = origin_of(address);
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
    *port = listener_describe_address(&address, bound);
    return true;
}

/* --------------------------------------------------------------- opening ---- */

/* One attempt to listen on all addresses of a list. */
struct opening {
    struct listeners *listeners;
    struct listeners *given; /* by another process; NULL: none */
    struct failure failure;  /* why the latest address was skipped, or the attempt failed */
    int backlog;
    int only_v6;           /* 1: IPv6 sockets refuse IPv4, which has sockets of its own */
    in_port_t chosen_port; /* by the kernel, in network order; 0: none yet, or none wanted */
};

enum open_result { OPENED, SKIPPED, PORT_TAKEN, NOT_OPENED };

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "the port stands at the same place in both families' addresses");

/* The port of an address of either family, in network order. */
static in_port_t port_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    return v4.sin_port;
}

/* True where the socket is bound to this address; with port 0, to any port of it. */
static bool is_bound_to(int listener, const struct sockaddr_storage *address, int only_v6)
{
    struct sockaddr_storage bound = {0};
    struct listener_peer one;
    struct listener_peer other;
    socklen_t bytes = sizeof bound;
    int is_only_v6 = 0;
    socklen_t flag_bytes = sizeof is_only_v6;
    if (getsockname(listener, (struct sockaddr *)&bound, &bytes) != 0 ||
        bound.ss_family != address->ss_family ||
        (port_of(address) != 0 && port_of(address) != port_of(&bound))) {
        return false;
    }
    (void)listener_describe_address(&bound, &one);
    (void)listener_describe_address(address, &other);
    return strcmp(one.host, other.host) == 0 &&
           (bound.ss_family != AF_INET6 ||
            (getsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &is_only_v6, &flag_bytes) == 0 &&
             (is_only_v6 != 0) == (only_v6 != 0)));
}

/* Takes the socket that was given for this address out of its list; -1: there is none. */
static int take_given(const struct opening *opening, const struct sockaddr_storage *address)
{
    struct listeners *given = opening->given;
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        int listener = given->descriptors[i];
        if (is_bound_to(listener, address, opening->only_v6)) {
            given->descriptors[i] = given->descriptors[--given->count];
            return listener;
        }
    }
    return -1;
}

/* Returns a listening socket, or -1 with errno. */
static int listen_at(const struct opening *opening, const struct addrinfo *at,
                     const struct sockaddr_storage *address)
{
    const int on = 1;
    int listener = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return -1;
    }
    bool is_set = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    if (is_set && at->ai_family == AF_INET6) {
        is_set = setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &opening->only_v6,
                            sizeof opening->only_v6) == 0;
    }
    if (!is_set || bind(listener, (const struct sockaddr *)address, at->ai_addrlen) != 0 ||
        listen(listener, opening->backlog) != 0) {
        int saved_errno = errno;
        (void)close(listener);
        errno = saved_errno;
        return -1;
    }
    return listener;
}

/* Describes an address that could not be listened on, and says whether others may be. */
static enum open_result judge_error(struct opening *opening, const struct sockaddr_storage *address,
                                    int error, bool shares_port)
{
    struct listener_peer tried;
    const char *hint = error == EADDRINUSE
                           ? "; another program listens there: stop it, or choose another port"
                           : "";
    (void)listener_describe_address(address, &tried);
    (void)failure_set(&opening->failure, "listen on %s: %s%s", tried.text, strerror(error), hint);
    if (error == EADDRINUSE && shares_port) {
        return PORT_TAKEN;
    }
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT ? SKIPPED : NOT_OPENED;
}

/* The first socket of a list with port 0 gets a port from the kernel. The others share it. */
static enum open_result open_address(struct opening *opening, const struct addrinfo *at)
{
    struct listeners *listeners = opening->listeners;
    struct sockaddr_storage address = {0};
    memcpy(&address, at->ai_addr, at->ai_addrlen);
    bool any_port = port_of(&address) == 0;
    if (any_port) {
        memcpy((char *)&address + offsetof(struct sockaddr_in, sin_port), &opening->chosen_port,
               sizeof opening->chosen_port);
    }
    int listener = take_given(opening, &address);
    if (listener < 0) {
        listener = listen_at(opening, at, &address);
    }
    if (listener < 0) {
        return judge_error(opening, &address, errno, any_port && opening->chosen_port != 0);
    }
    listeners->descriptors[listeners->count++] = listener;
    socklen_t bytes = sizeof address;
    if (any_port && getsockname(listener, (struct sockaddr *)&address, &bytes) == 0) {
        opening->chosen_port = port_of(&address);
    }
    return OPENED;
}

/* True where an earlier entry has the same address: glibc lists one twice for some /etc/hosts. */
static bool is_repeated(const struct addrinfo *addresses, const struct addrinfo *at)
{
    for (; addresses != at; addresses = addresses->ai_next) {
        if (addresses->ai_addrlen == at->ai_addrlen &&
            memcmp(addresses->ai_addr, at->ai_addr, at->ai_addrlen) == 0) {
            return true;
        }
    }
    return false;
}

static enum open_result open_each(struct opening *opening, const struct addrinfo *addresses)
{
    const struct listeners *listeners = opening->listeners;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        if (is_repeated(addresses, at)) {
            continue;
        }
        if (listeners->count == LISTENERS_MAX) {
            (void)failure_set(&opening->failure,
                              "listen on more than %d addresses: name fewer in server.address",
                              LISTENERS_MAX);
            return NOT_OPENED;
        }
        enum open_result result = open_address(opening, at);
        if (result == SKIPPED) {
            log_info(LOG_ADDRESS_SKIPPED, "result: success | reason: %s", opening->failure.text);
        } else if (result != OPENED) {
            return result;
        }
    }
    return listeners->count > 0 ? OPENED : NOT_OPENED;
}

/*
 * A port that the kernel chose at one address may be taken at another: then it chooses again. Where
 * sockets were given, there is one attempt, which closes them if it fails.
 */
static bool open_addresses(const struct addrinfo *addresses, int backlog, struct listeners *given,
                           struct listeners *listeners, struct failure *failure)
{
    bool has_v4 = false;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        has_v4 = has_v4 || at->ai_family == AF_INET;
    }
    const int attempts = given == NULL ? PORT_ATTEMPTS : 1;
    enum open_result result = PORT_TAKEN;
    for (int attempt = 0; attempt < attempts && result == PORT_TAKEN; attempt++) {
        struct opening opening = {
            .listeners = listeners, .given = given, .backlog = backlog, .only_v6 = has_v4};
        struct sockaddr_storage bound = {0};
        socklen_t bytes = sizeof bound;
        *listeners = (struct listeners){0};
        if (given != NULL && given->count > 0 && /* all of them have one port */
            getsockname(given->descriptors[0], (struct sockaddr *)&bound, &bytes) == 0) {
            opening.chosen_port = port_of(&bound);
        }
        result = open_each(&opening, addresses);
        if (result != OPENED) {
            listeners_close(listeners);
            *failure = opening.failure;
        }
    }
    return result == OPENED;
}

bool listeners_open_addresses(const struct addrinfo *addresses, int backlog,
                              struct listeners *listeners, struct failure *failure)
{
    return open_addresses(addresses, backlog, NULL, listeners, failure);
}

static bool open_configured(const struct server_config *config, int backlog,
                            struct listeners *given, struct listeners *listeners,
                            struct failure *failure)
{
    const char *name = config->address;
    char port[PORT_TEXT_BYTES];
    (void)snprintf(port, sizeof port, "%u", (unsigned)config->port);
    /* Without a name, getaddrinfo gives all addresses (AI_PASSIVE) or the loopback addresses. */
    bool all = name[0] == '\0';
    bool only_loopback = strcasecmp(name, "localhost") == 0;
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | (all ? AI_PASSIVE : 0),
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(all || only_loopback ? NULL : name, port, &hints, &addresses);
    if (error != 0) {
        return failure_set(failure, "look up the address %s: %s", name,
                           error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    }
    bool opened = open_addresses(addresses, backlog, given, listeners, failure);
    freeaddrinfo(addresses);
    return opened;
}

bool listeners_open(const struct server_config *config, struct listeners *listeners,
                    struct failure *failure)
{
    return open_configured(config, (int)config->listen_backlog, NULL, listeners, failure);
}

/* Logs where a socket that was given is not wanted any more. */
static void log_unwanted(const struct listeners *given)
{
    for (size_t i = 0; i < given->count; i++) {
        struct listener_peer bound;
        unsigned port = 0;
        if (listener_describe(given->descriptors[i], &bound, &port)) {
            log_info(LOG_LISTENER_UNWANTED,
                     "result: success | address: %s | port: %u | reason: the configuration does "
                     "not name it any more",
                     bound.host, port);
        }
    }
}

bool listeners_open_beside(const struct server_config *config, struct listeners *given,
                           struct listeners *listeners, struct failure *failure)
{
    const size_t count = given->count;
    bool opened = open_configured(config, LISTENER_GAP_BACKLOG, given, listeners, failure);
    const size_t kept = count - given->count;
    if (opened) {
        log_unwanted(given);
        listeners_set_backlog(listeners, LISTENER_GAP_BACKLOG);
        log_info(LOG_LISTENERS_INHERITED,
                 "result: success | kept: %zu | opened: %zu | closed: "
                 "%zu",
                 kept, listeners->count - kept, given->count);
    }
    listeners_close(given);
    return opened;
}

void listeners_set_backlog(const struct listeners *listeners, uint32_t backlog)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listen(listeners->descriptors[i], (int)backlog) != 0) {
            log_warning(LOG_LISTEN_BACKLOG_FAILED,
                        "result: fail | error: set the backlog to %" PRIu32 ": %s", backlog,
                        strerror(errno));
        }
    }
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
    (void)listener_describe_address(&address, peer);
    return socket;
}
