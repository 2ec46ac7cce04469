/*
 * server_greeting.c - see server_greeting.h.
 */
#include "engine/server_greeting.h"

#include "lib/clock.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A greeting names all servers of its cluster; the version comes before them. */
enum { GREETING_BYTES = 1024, HOST_BYTES = 256, PORT_BYTES = 8, OLDEST_PATCH = 23 };

#define VERSION_FIELD "\"version\":\""

bool server_greeting_read(const char *greeting, char version[SERVER_GREETING_VERSION_BYTES])
{
    const char *at = strstr(greeting, VERSION_FIELD);
    if (strncmp(greeting, "INFO ", strlen("INFO ")) != 0 || at == NULL) {
        return false;
    }
    at += strlen(VERSION_FIELD);
    const size_t bytes = strcspn(at, "\"");
    if (at[bytes] != '"' || bytes == 0 || bytes >= SERVER_GREETING_VERSION_BYTES) {
        return false;
    }
    memcpy(version, at, bytes);
    version[bytes] = '\0';
    return true;
}

/* Reads a number and the dot after it, if there is one. False where there is no number. */
static bool take_number(const char **at, unsigned long *number)
{
    char *end = NULL;
    *number = strtoul(*at, &end, 10);
    const bool taken = end > *at && **at >= '0' && **at <= '9';
    *at = *end == '.' ? end + 1 : end;
    return taken;
}

bool server_greeting_is_sound(const char *version)
{
    unsigned long major = 0;
    unsigned long minor = 0;
    unsigned long patch = 0;
    if (!take_number(&version, &major) || !take_number(&version, &minor) ||
        !take_number(&version, &patch)) {
        return false;
    }
    return major > 2 || (major == 2 && (minor > 10 || (minor == 10 && patch >= OLDEST_PATCH)));
}

/* "tls://user:word@[::1]:4222": ::1 and 4222. */
static bool read_url(const char *url, char host[HOST_BYTES], char port[PORT_BYTES])
{
    const char *at = strstr(url, "://");
    at = at == NULL ? url : at + strlen("://");
    const char *user_end = strrchr(at, '@');
    at = user_end == NULL ? at : user_end + 1;
    const char *colon = strrchr(at, ':');
    if (colon == NULL || colon == at || strlen(colon + 1) >= PORT_BYTES) {
        return false;
    }
    const bool bracketed = *at == '[' && colon[-1] == ']';
    at += bracketed ? 1 : 0;
    const size_t bytes = (size_t)(colon - at) - (bracketed ? 1 : 0);
    if (bytes == 0 || bytes >= HOST_BYTES) {
        return false;
    }
    memcpy(host, at, bytes);
    host[bytes] = '\0';
    (void)snprintf(port, PORT_BYTES, "%s", colon + 1);
    return true;
}

/* Connects to the first address that lets us. Returns the socket, or -1. */
static int connect_to(const struct addrinfo *addresses, int64_t timeout_ms)
{
    const struct timespec interval = clock_interval(timeout_ms);
    const struct timeval timeout = {.tv_sec = interval.tv_sec, .tv_usec = interval.tv_nsec / 1000};
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        const int server = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (server < 0) {
            continue;
        }
        /* On Linux the first one bounds connect(), too (socket(7)). */
        if (setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
            setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
            connect(server, at->ai_addr, at->ai_addrlen) == 0) {
            return server;
        }
        (void)close(server);
    }
    return -1;
}

bool server_greeting_ask(const char *url, int64_t timeout_ms,
                         char version[SERVER_GREETING_VERSION_BYTES], struct failure *failure)
{
    char host[HOST_BYTES];
    char port[PORT_BYTES];
    char greeting[GREETING_BYTES];
    struct addrinfo *addresses = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (!read_url(url, host, port)) {
        return failure_set(failure, "ask %s for its version: it is no URL of a server", url);
    }
    const int error = getaddrinfo(host, port, &hints, &addresses);
    if (error != 0) {
        return failure_set(failure, "ask %s for its version: %s", url, gai_strerror(error));
    }
    const int server = connect_to(addresses, timeout_ms);
    freeaddrinfo(addresses);
    if (server < 0) {
        return failure_set_errno(failure, "ask %s for its version: connect", url);
    }
    const ssize_t count = recv(server, greeting, sizeof greeting - 1, 0);
    (void)close(server);
    greeting[count > 0 ? count : 0] = '\0';
    return server_greeting_read(greeting, version) ||
           failure_set(failure, "ask %s for its version: it does not greet as nats-server does",
                       url);
}
