/*
 * peer.c - see peer.h.
 */
#include "tests/harness/peer.h"

#include "tests/harness/deadline.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHOWN_BYTES = 512, MESSAGE_BYTES_MIN = 256 };

static bool release_peer(void *thing)
{
    peer_close(thing);
    return true;
}

static int connect_to(unsigned port, const char *host)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection >= 0 &&
        (inet_pton(AF_INET, host, &own.sin_addr) != 1 ||
         bind(connection, (const struct sockaddr *)&own, sizeof own) != 0 ||
         connect(connection, (const struct sockaddr *)&address, sizeof address) != 0 ||
         setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)) {
        (void)close(connection);
        return -1;
    }
    return connection;
}

struct peer *peer_connect(const struct server *server)
{
    return peer_connect_from(server, "0.0.0.0");
}

struct peer *peer_connect_from(const struct server *server, const char *host)
{
    struct peer *peer = stage_allocate(server->stage, sizeof *peer);
    *peer = (struct peer){.server = server, .socket = connect_to(server->port, host)};
    if (peer->socket < 0) {
        stage_fail_at(__FILE__, __LINE__, "connect to port %u: %s", server->port, strerror(errno));
    }
    stage_own(server->stage, peer, release_peer);
    struct sockaddr_in address = {0};
    socklen_t bytes = sizeof address;
    if (getsockname(peer->socket, (struct sockaddr *)&address, &bytes) == 0) {
        peer->port = ntohs(address.sin_port);
    }
    return peer;
}

/* -------------------------------------------------------------- sending ---- */

void peer_send_bytes(struct peer *peer, const void *bytes, size_t count)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    const char *at = bytes;
    while (count > 0) {
        struct pollfd ready = {.fd = peer->socket, .events = POLLOUT};
        if (poll(&ready, 1, deadline_left_ms(deadline)) == 0) {
            stage_fail_at(__FILE__, __LINE__, "the server takes no more bytes");
        }
        ssize_t sent = send(peer->socket, at, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return; /* it has closed: what is expected of it next will show */
        }
        at += sent > 0 ? sent : 0;
        count -= sent > 0 ? (size_t)sent : 0;
    }
}

void peer_send(struct peer *peer, const char *text)
{
    peer_send_bytes(peer, text, strlen(text));
}

void peer_send_bytewise(struct peer *peer, const char *text)
{
    for (; *text != '\0'; text++) {
        peer_send_bytes(peer, text, 1);
    }
}

/* ------------------------------------------------------------ receiving ---- */

/* What came so far, for people: line ends and other bytes that can't be seen are spelled out. */
static void make_visible(const char *bytes, size_t count, char shown[SHOWN_BYTES])
{
    enum { ROOM_FOR_ONE = 5 };
    size_t used = 0;
    shown[0] = '\0';
    for (size_t i = 0; i < count && used + ROOM_FOR_ONE < SHOWN_BYTES; i++) {
        const char *format = bytes[i] == '\r'                   ? "\\r"
                             : bytes[i] == '\n'                 ? "\\n"
                             : isprint((unsigned char)bytes[i]) ? "%c"
                                                                : "\\x%02x";
        used += (size_t)snprintf(shown + used, SHOWN_BYTES - used, format,
                                 (unsigned)(unsigned char)bytes[i]);
    }
}

static _Noreturn void fail_expecting(const struct peer *peer, const char *expected,
                                     const char *bytes, size_t count, const char *file, int line)
{
    char wanted[SHOWN_BYTES];
    char came[SHOWN_BYTES];
    make_visible(expected, strlen(expected), wanted);
    make_visible(bytes, count, came);
    program_show(peer->server->program);
    stage_fail_at(file, line, "expected from the server: \"%s\", came: \"%s\"", wanted, came);
}

/* Bytes received; 0 at the end, or when the deadline has passed. */
static size_t receive_some(const struct peer *peer, char *into, size_t room,
                           struct deadline deadline)
{
    struct pollfd ready = {.fd = peer->socket, .events = POLLIN};
    if (poll(&ready, 1, deadline_left_ms(deadline)) <= 0) {
        return 0;
    }
    ssize_t got = recv(peer->socket, into, room, 0);
    return got > 0 ? (size_t)got : 0;
}

/* Exactly these bytes. */
static void expect_bytes(const struct peer *peer, const char *text, size_t wanted, const char *file,
                         int line)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    size_t count = 0;
    char *bytes = stage_allocate(peer->server->stage, wanted + 1);
    memcpy(bytes, text, count);
    while (count < wanted) {
        size_t got = receive_some(peer, bytes + count, wanted - count, deadline);
        count += got;
        if (got == 0 || memcmp(bytes, text, count) != 0) {
            fail_expecting(peer, text, bytes, count, file, line);
        }
    }
}

/* A comma, and so many hexadecimal digits at least. */
static bool is_field(const char *text, size_t digits)
{
    return text[0] == ',' && strspn(text + 1, "0123456789abcdef") >= digits;
}

/* What STATE says behind the phase: the checksum of what is stored, and the lottery's identity. */
static void expect_checksum_and_identity(const struct peer *peer, const char *text,
                                         const char *file, int line)
{
    enum {
        CHECKSUM_DIGITS = 16,
        IDENTITY_DIGITS = 32,
        FIELDS_BYTES = CHECKSUM_DIGITS + IDENTITY_DIGITS + 2
    };
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char fields[FIELDS_BYTES + 1] = "";
    size_t count = 0;
    while (count < FIELDS_BYTES) {
        size_t got = receive_some(peer, fields + count, FIELDS_BYTES - count, deadline);
        count += got;
        if (got == 0) {
            break;
        }
    }
    if (!is_field(fields, CHECKSUM_DIGITS) ||
        !is_field(fields + 1 + CHECKSUM_DIGITS, IDENTITY_DIGITS)) {
        fail_expecting(peer, text, fields, count, file, line);
    }
}

void peer_expect_at(struct peer *peer, const char *text, const char *file, int line)
{
    for (const char *star = strchr(text, '*'); star != NULL; star = strchr(text, '*')) {
        expect_bytes(peer, text, (size_t)(star - text), file, line);
        expect_checksum_and_identity(peer, text, file, line);
        text = star + 1;
    }
    expect_bytes(peer, text, strlen(text), file, line);
}

/* Room for twice as many bytes; the old room is the stage's for as long as the test runs. */
static char *double_room(struct peer *peer, const char *bytes, size_t *capacity)
{
    char *larger = stage_allocate(peer->server->stage, 2 * *capacity);
    memcpy(larger, bytes, *capacity);
    *capacity *= 2;
    return larger;
}

const char *peer_receive_message_at(struct peer *peer, const char *file, int line)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    size_t capacity = MESSAGE_BYTES_MIN;
    size_t count = 0;
    char *bytes = stage_allocate(peer->server->stage, capacity);
    while (count < 2 || memcmp(bytes + count - 2, "\r\n", 2) != 0) {
        /* one byte at a time: what follows is the next message's */
        if (receive_some(peer, bytes + count, 1, deadline) == 0) {
            fail_expecting(peer, "a message", bytes, count, file, line);
        }
        if (++count + 1 == capacity) {
            bytes = double_room(peer, bytes, &capacity);
        }
    }
    bytes[count] = '\0';
    return bytes;
}

void peer_expect_close_at(struct peer *peer, const char *file, int line)
{
    char byte = 0;
    struct pollfd ready = {.fd = peer->socket, .events = POLLIN};
    if (poll(&ready, 1, deadline_left_ms(deadline_in(DEADLINE_MS))) <= 0) {
        program_show(peer->server->program);
        stage_fail_at(file, line, "the server did not close the connection");
    }
    if (recv(peer->socket, &byte, 1, 0) > 0) {
        fail_expecting(peer, "the end", &byte, 1, file, line);
    }
}

size_t peer_drain(struct peer *peer)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char bytes[SHOWN_BYTES];
    size_t count = 0;
    for (size_t got = 1; got > 0; count += got) {
        got = receive_some(peer, bytes, sizeof bytes, deadline);
    }
    return count;
}

bool peer_has_news(const struct peer *peer, int ms)
{
    struct pollfd ready = {.fd = peer->socket, .events = POLLIN};
    return poll(&ready, 1, ms) > 0;
}

/* -------------------------------------------------------------- leaving ---- */

void peer_half_close(const struct peer *peer)
{
    (void)shutdown(peer->socket, SHUT_WR);
}

void peer_close(struct peer *peer)
{
    if (peer->socket >= 0) {
        (void)close(peer->socket);
        peer->socket = -1;
    }
}

void peer_reset(struct peer *peer)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    peer_close(peer);
}
