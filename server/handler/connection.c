/*
 * connection.c - see connection.h. If the handler dies, the kernel closes the socket.
 */
#include "server/handler/connection.h"

#include "lib/clock.h"
#include "server/signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 500,
    LINGER_STOPPING_MS = 100,
    LINGER_BYTES = 4096,
    STOPPING_ANSWER_MS = 200 /* for a peer that does not read while the server stops */
};

size_t connection_arena_bytes(size_t in_capacity)
{
    return arena_part_bytes(in_capacity) + arena_part_bytes(CONNECTION_OUT_BYTES);
}

void connection_open(struct connection *connection, int socket, struct arena *arena,
                     size_t in_capacity, uint64_t answer_ms)
{
    *connection = (struct connection){
        .socket = socket,
        .in = arena_take(arena, in_capacity),
        .out = arena_take(arena, CONNECTION_OUT_BYTES),
        .in_capacity = in_capacity,
        .answer_ms = answer_ms,
    };
}

/* Waits for `events`: > 0 when one came, 0 at the timeout, -1 with errno (EINTR for a signal). */
static int wait_for(const struct connection *connection, short events, int64_t timeout_ms)
{
    struct pollfd poll = {.fd = connection->socket, .events = events};
    struct timespec timeout = clock_interval(timeout_ms < 0 ? 0 : timeout_ms);
    return ppoll(&poll, 1, timeout_ms < 0 ? NULL : &timeout, signals_sleep_mask());
}

/* Reads what the peer still sends and throws it away, until it closes or the time is up. */
static void linger(const struct connection *connection)
{
    char unread[LINGER_BYTES];
    int64_t began_ms = clock_monotonic_ms();
    uint64_t patience_ms = signals_terminate_requested() ? LINGER_STOPPING_MS : LINGER_MS;
    for (;;) {
        uint64_t elapsed_ms = (uint64_t)(clock_monotonic_ms() - began_ms);
        if (elapsed_ms >= patience_ms ||
            wait_for(connection, POLLIN, (int64_t)(patience_ms - elapsed_ms)) <= 0 ||
            recv(connection->socket, unread, sizeof unread, MSG_DONTWAIT) <= 0) {
            return;
        }
    }
}

void connection_close(struct connection *connection)
{
    if (!connection->broken && connection->answered && shutdown(connection->socket, SHUT_WR) == 0) {
        linger(connection);
    }
    close(connection->socket);
}

bool connection_is_broken(const struct connection *connection)
{
    return connection->broken;
}

void connection_give_up(struct connection *connection)
{
    connection->broken = true;
}

/* ------------------------------------------------------------ receiving ---- */

uint64_t connection_received_bytes(const struct connection *connection)
{
    return connection->received;
}

enum receive_result connection_receive_now(struct connection *connection)
{
    for (;;) {
        ssize_t got = recv(connection->socket, connection->in + connection->in_end,
                           connection->in_capacity - connection->in_end, MSG_DONTWAIT);
        if (got > 0) {
            connection->in_end += (size_t)got;
            connection->received += (uint64_t)got;
            return RECEIVED;
        }
        if (got == 0) {
            return RECEIVED_END;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return RECEIVED_NOTHING;
        }
        if (errno != EINTR) {
            connection->broken = true;
            return RECEIVED_ERROR;
        }
    }
}

enum receive_result connection_receive(struct connection *connection, int64_t timeout_ms)
{
    int ready = wait_for(connection, POLLIN, timeout_ms);
    if (ready == 0) {
        return RECEIVED_TIMEOUT;
    }
    if (ready < 0) {
        return errno == EINTR ? RECEIVED_INTERRUPTED : RECEIVED_ERROR;
    }
    return connection_receive_now(connection);
}

const char *connection_bytes(const struct connection *connection, size_t *count)
{
    *count = connection->in_end - connection->in_start;
    return connection->in + connection->in_start;
}

void connection_consume(struct connection *connection, size_t count)
{
    connection->in_start += count;
    if (connection->in_start == connection->in_end) {
        connection->in_start = 0;
        connection->in_end = 0;
    }
}

bool connection_make_room(struct connection *connection)
{
    if (connection->in_start > 0 && connection->in_end > connection->in_capacity / 2) {
        size_t left = connection->in_end - connection->in_start;
        memmove(connection->in, connection->in + connection->in_start, left);
        connection->in_start = 0;
        connection->in_end = left;
    }
    return connection->in_end < connection->in_capacity;
}

/* -------------------------------------------------------------- sending ---- */

/* Waits until the peer reads again. False when its time is up, or the wait has failed. */
static bool wait_until_it_reads(const struct connection *connection, int64_t began_ms)
{
    uint64_t patience_ms = connection->answer_ms;
    if (signals_terminate_requested() && patience_ms > STOPPING_ANSWER_MS) {
        patience_ms = STOPPING_ANSWER_MS;
    }
    uint64_t elapsed_ms = (uint64_t)(clock_monotonic_ms() - began_ms);
    if (elapsed_ms >= patience_ms) {
        return false;
    }
    return wait_for(connection, POLLOUT, (int64_t)(patience_ms - elapsed_ms)) >= 0 ||
           errno == EINTR;
}

static bool send_all(const struct connection *connection, const char *bytes, size_t left)
{
    int64_t began_ms = clock_monotonic_ms();
    while (left > 0) {
        ssize_t sent = send(connection->socket, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            left -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!wait_until_it_reads(connection, began_ms)) {
                return false;
            }
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool connection_flush(struct connection *connection)
{
    if (!connection->broken && connection->out_used > 0 &&
        !send_all(connection, connection->out, connection->out_used)) {
        connection->broken = true;
    }
    connection->answered = connection->answered || connection->out_used > 0;
    connection->out_used = 0;
    return !connection->broken;
}

void connection_send(struct connection *connection, const char *bytes, size_t count)
{
    while (count > 0 && !connection->broken) {
        size_t room = CONNECTION_OUT_BYTES - connection->out_used;
        size_t part = count < room ? count : room;
        memcpy(connection->out + connection->out_used, bytes, part);
        connection->out_used += part;
        bytes += part;
        count -= part;
        if (connection->out_used == CONNECTION_OUT_BYTES) {
            connection_flush(connection);
        }
    }
}
