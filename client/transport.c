/*
 * transport.c - see transport.h.
 */
#include "client/transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void transport_open(struct transport *transport, int fd)
{
    *transport = (struct transport){
        .fd = fd, .receive_events = POLLIN, .send_events = POLLOUT, .over = TRANSPORT_WAITS};
}

bool transport_begin_tls(struct transport *transport, struct credentials *credentials,
                         struct failure *failure)
{
    if (!tls_stream_open_client(&transport->stream, &credentials->context, transport->fd,
                                credentials->server_name, failure)) {
        return false;
    }
    transport->credentials = credentials;
    if (credentials->session != NULL) {
        tls_stream_offer(&transport->stream, credentials->session);
        SSL_SESSION_free(credentials->session);
        credentials->session = NULL;
    }
    return true;
}

/* -------------------------------------------------------------- failures ---- */

/* Notes for good that the connection is of no use, and why. */
static enum transport_result break_off(struct transport *transport, const struct failure *reason)
{
    const char *server = transport->credentials->server->text;
    transport->over = TRANSPORT_BROKEN;
    transport->is_refused = transport->stream.fault != TLS_FAULT_CONNECTION;
    if (transport->stream.fault == TLS_FAULT_NO_TLS) {
        failure_set(
            &transport->why,
            "the server at %s does not speak TLS: set tls.mode to required there; or to off "
            "here, where the bets may cross the network in the clear",
            server);
    } else {
        failure_set(&transport->why, "TLS with %s: %.400s", server, reason->text);
    }
    return TRANSPORT_BROKEN;
}

/* What a call of the stream means that waits, by its turn, for *events. */
static enum transport_result judge(struct transport *transport, enum tls_result result,
                                   short *events, const struct failure *reason)
{
    switch (result) {
    case TLS_DONE:
        return TRANSPORT_MOVED;
    case TLS_WANTS_READ:
        *events = POLLIN;
        return TRANSPORT_WAITS;
    case TLS_WANTS_WRITE:
        *events = POLLOUT;
        return TRANSPORT_WAITS;
    case TLS_ENDED:
        transport->over = TRANSPORT_ENDED;
        return TRANSPORT_ENDED;
    case TLS_FAILED:
        break;
    }
    return break_off(transport, reason);
}

/* What came to the end of the connection once stays so. */
static enum transport_result repeat_end(const struct transport *transport, struct failure *failure)
{
    *failure = transport->why;
    return transport->over;
}

/* -------------------------------------------------------------- transfer ---- */

enum transport_result transport_handshake(struct transport *transport, struct failure *failure)
{
    struct failure reason;
    enum tls_result result = tls_stream_handshake(&transport->stream, &reason);
    enum transport_result end = judge(transport, result, &transport->receive_events, &reason);
    if (end == TRANSPORT_BROKEN) {
        return repeat_end(transport, failure);
    }
    if (end == TRANSPORT_MOVED) {
        transport->receive_events = POLLIN;
        transport->has_pending = tls_stream_has_pending(&transport->stream);
    }
    return end;
}

enum transport_result transport_send(struct transport *transport, const char *bytes, size_t count,
                                     size_t *sent)
{
    if (transport->credentials != NULL) {
        struct failure ignored; /* a receive says it, and what the server said before */
        enum tls_result result = tls_stream_write(&transport->stream, bytes, count, sent, &ignored);
        transport->send_events = result == TLS_WANTS_READ ? POLLIN : POLLOUT;
        return result == TLS_DONE                                      ? TRANSPORT_MOVED
               : result == TLS_WANTS_READ || result == TLS_WANTS_WRITE ? TRANSPORT_WAITS
                                                                       : TRANSPORT_BROKEN;
    }
    ssize_t moved = 0;
    do {
        moved = send(transport->fd, bytes, count, MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    if (moved < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? TRANSPORT_WAITS : TRANSPORT_BROKEN;
    }
    *sent = (size_t)moved;
    return TRANSPORT_MOVED;
}

static enum transport_result receive_by_tls(struct transport *transport, char *bytes,
                                            size_t capacity, size_t *got, struct failure *failure)
{
    struct failure reason;
    if (transport->over != TRANSPORT_WAITS) {
        return repeat_end(transport, failure);
    }
    enum tls_result result = tls_stream_read(&transport->stream, bytes, capacity, got, &reason);
    transport->has_pending = result == TLS_DONE && tls_stream_has_pending(&transport->stream);
    transport->receive_events = POLLIN;
    enum transport_result end = judge(transport, result, &transport->receive_events, &reason);
    return end == TRANSPORT_BROKEN ? repeat_end(transport, failure) : end;
}

enum transport_result transport_receive(struct transport *transport, char *bytes, size_t capacity,
                                        size_t *got, struct failure *failure)
{
    if (transport->credentials != NULL) {
        return receive_by_tls(transport, bytes, capacity, got, failure);
    }
    ssize_t moved = recv(transport->fd, bytes, capacity, 0);
    if (moved > 0) {
        *got = (size_t)moved;
        return TRANSPORT_MOVED;
    }
    if (moved == 0) {
        return TRANSPORT_ENDED;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return TRANSPORT_WAITS;
    }
    failure_set_errno(failure, "reading from the server");
    return TRANSPORT_BROKEN;
}

short transport_events(const struct transport *transport, bool sends)
{
    return (short)(transport->receive_events | (sends ? transport->send_events : 0));
}

bool transport_has_pending(const struct transport *transport)
{
    return transport->has_pending || transport->over != TRANSPORT_WAITS;
}

/* A ticket, or the server's close_notify, makes the socket readable, and is no answer. */
bool transport_is_closed(struct transport *transport)
{
    if (transport->credentials == NULL) {
        char byte = 0;
        return recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    }
    if (transport->over == TRANSPORT_WAITS) {
        struct failure reason;
        enum tls_result result = tls_stream_peek(&transport->stream, &reason);
        transport->has_pending = result == TLS_DONE;
        transport->receive_events = POLLIN;
        (void)judge(transport, result, &transport->receive_events, &reason);
    }
    return transport->over == TRANSPORT_ENDED;
}

void transport_close(struct transport *transport)
{
    if (transport->credentials != NULL) {
        transport->credentials->session = tls_stream_session(&transport->stream);
        tls_stream_end(&transport->stream);
        tls_stream_close(&transport->stream);
    }
    close(transport->fd);
    *transport = (struct transport){.fd = -1};
}
