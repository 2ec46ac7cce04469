/*
 * connection.c - see connection.h. If the handler dies, the kernel closes the socket.
 */
#include "server/handler/connection.h"

#include "lib/clock.h"
#include "server/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 500,
    LINGER_SHORT_MS = 100,
    LINGER_BYTES = 4096,
    DISCARD_BYTES = 256,
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
    uint64_t patience_ms =
        signals_terminate_requested() || connection->alerted ? LINGER_SHORT_MS : LINGER_MS;
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
    if (connection->tls.ssl != NULL) {
        if (!connection->broken) {
            tls_stream_end(&connection->tls);
        }
        /* The stream is not freed: that would touch its pages once more, and the process ends. */
    }
    bool has_answer = !connection->broken && connection->answered;
    if ((has_answer || connection->alerted) && shutdown(connection->socket, SHUT_WR) == 0) {
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

/* ------------------------------------------------------------- greeting ---- */

/* Waits for what the handshake wants, until `deadline_ms`. False with the failure. */
static bool await_handshake(const struct connection *connection, short events, int64_t deadline_ms,
                            struct failure *failure)
{
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    if (signals_terminate_requested()) {
        return failure_set(failure, "the server stops");
    }
    if (left_ms <= 0) {
        return failure_set(failure, "the handshake was not over in timeouts.message");
    }
    return wait_for(connection, events, left_ms) >= 0 || errno == EINTR ||
           failure_set_errno(failure, "wait for the handshake");
}

/* Shakes hands until that is done, fails, or the time is up. */
static bool shake_hands(struct connection *connection, int64_t deadline_ms, struct failure *failure)
{
    for (;;) {
        enum tls_result result = tls_stream_handshake(&connection->tls, failure);
        if (result == TLS_DONE || result == TLS_FAILED) {
            return result == TLS_DONE;
        }
        short events = result == TLS_WANTS_WRITE ? POLLOUT : POLLIN;
        if (!await_handshake(connection, events, deadline_ms, failure)) {
            return false;
        }
    }
}

bool connection_encrypt(struct connection *connection, const struct tls_context *context,
                        int64_t deadline_ms, struct failure *failure)
{
    int flags = fcntl(connection->socket, F_GETFL);
    bool opened = flags >= 0 && fcntl(connection->socket, F_SETFL, flags | O_NONBLOCK) == 0;
    opened = opened ? tls_stream_open_server(&connection->tls, context, connection->socket, failure)
                    : failure_set_errno(failure, "make a socket not block");
    connection->broken = !opened || !shake_hands(connection, deadline_ms, failure);
    connection->alerted = opened && connection->broken;
    return !connection->broken;
}

/* ------------------------------------------------------------ receiving ---- */

uint64_t connection_received_bytes(const struct connection *connection)
{
    return connection->received;
}

/* Takes what the plain socket has, in one recv. */
static enum receive_result receive_plain(struct connection *connection)
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

/*
 * Takes what the stream has, record by record, until it has nothing more or there is no room: only
 * a stream that is drained may be waited for in poll.
 */
static enum receive_result receive_encrypted(struct connection *connection)
{
    size_t before = connection->in_end;
    enum tls_result result = TLS_DONE;
    struct failure ignored;
    while (result == TLS_DONE && connection->in_end < connection->in_capacity) {
        size_t got = 0;
        result = tls_stream_read(&connection->tls, connection->in + connection->in_end,
                                 connection->in_capacity - connection->in_end, &got, &ignored);
        connection->in_end += result == TLS_DONE ? got : 0;
    }
    connection->received += connection->in_end - before;
    connection->tls_is_drained = result == TLS_WANTS_READ || result == TLS_WANTS_WRITE;
    if (connection->in_end > before) {
        return RECEIVED; /* an end, or a failure, is found again by the next call */
    }
    if (result == TLS_ENDED) {
        return RECEIVED_END;
    }
    if (result == TLS_FAILED) {
        connection->broken = true;
        return RECEIVED_ERROR;
    }
    return RECEIVED_NOTHING;
}

enum receive_result connection_receive_now(struct connection *connection)
{
    return connection->tls.ssl == NULL ? receive_plain(connection) : receive_encrypted(connection);
}

enum receive_result connection_receive(struct connection *connection, int64_t timeout_ms)
{
    if (connection->tls.ssl != NULL && !connection->tls_is_drained) {
        enum receive_result result = receive_encrypted(connection);
        if (result != RECEIVED_NOTHING) {
            return result;
        }
    }
    int ready = wait_for(connection, POLLIN, timeout_ms);
    if (ready == 0) {
        return RECEIVED_TIMEOUT;
    }
    if (ready < 0) {
        return errno == EINTR ? RECEIVED_INTERRUPTED : RECEIVED_ERROR;
    }
    return connection_receive_now(connection);
}

enum receive_result connection_peek(struct connection *connection, char *bytes, size_t capacity,
                                    int64_t timeout_ms, size_t *count)
{
    int ready = wait_for(connection, POLLIN, timeout_ms);
    if (ready <= 0) {
        return ready == 0       ? RECEIVED_TIMEOUT
               : errno == EINTR ? RECEIVED_INTERRUPTED
                                : RECEIVED_ERROR;
    }
    ssize_t shown = recv(connection->socket, bytes, capacity, MSG_DONTWAIT | MSG_PEEK);
    if (shown > 0) {
        *count = (size_t)shown;
        return RECEIVED;
    }
    if (shown == 0) {
        return RECEIVED_END;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return RECEIVED_NOTHING;
    }
    connection->broken = true;
    return RECEIVED_ERROR;
}

void connection_discard(struct connection *connection, size_t count)
{
    char taken[DISCARD_BYTES];
    while (count > 0) {
        size_t part = count < sizeof taken ? count : sizeof taken;
        ssize_t got = recv(connection->socket, taken, part, MSG_DONTWAIT);
        if (got > 0) {
            count -= (size_t)got;
            connection->received += (uint64_t)got;
        } else if (got == 0 || errno != EINTR) {
            connection->broken = true; /* what was shown is gone */
            return;
        }
    }
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
static bool wait_until_it_reads(const struct connection *connection, short events, int64_t began_ms)
{
    uint64_t patience_ms = connection->answer_ms;
    if (signals_terminate_requested() && patience_ms > STOPPING_ANSWER_MS) {
        patience_ms = STOPPING_ANSWER_MS;
    }
    uint64_t elapsed_ms = (uint64_t)(clock_monotonic_ms() - began_ms);
    if (elapsed_ms >= patience_ms) {
        return false;
    }
    return wait_for(connection, events, (int64_t)(patience_ms - elapsed_ms)) >= 0 || errno == EINTR;
}

/* Sends what goes without waiting: how many bytes, or 0 when it has to wait for *events. -1: error. */
static ssize_t send_some(struct connection *connection, const char *bytes, size_t count,
                         short *events)
{
    struct failure ignored;
    size_t written = 0;
    *events = POLLOUT;
    if (connection->tls.ssl == NULL) {
        ssize_t sent = send(connection->socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        bool waits = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        return waits ? 0 : sent;
    }
    switch (tls_stream_write(&connection->tls, bytes, count, &written, &ignored)) {
    case TLS_DONE:
        return (ssize_t)written;
    case TLS_WANTS_READ:
        *events = POLLIN;
        return 0;
    case TLS_WANTS_WRITE:
        return 0;
    case TLS_ENDED:
    case TLS_FAILED:
        break;
    }
    errno = EPIPE;
    return -1;
}

static bool send_all(struct connection *connection, const char *bytes, size_t left)
{
    int64_t began_ms = clock_monotonic_ms();
    while (left > 0) {
        short events = 0;
        ssize_t sent = send_some(connection, bytes, left, &events);
        if (sent > 0) {
            bytes += sent;
            left -= (size_t)sent;
        } else if (sent == 0) {
            if (!wait_until_it_reads(connection, events, began_ms)) {
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
