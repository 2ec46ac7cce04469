/*
 * tls_peer.c - see tls_peer.h.
 */
#include "tests/harness/tls_peer.h"

#include "tests/harness/deadline.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 };

static bool release(void *thing)
{
    struct tls_peer *peer = thing;
    tls_stream_close(&peer->stream);
    tls_context_close(&peer->context);
    return true;
}

/* Keeps what passes the network. Its type is BIO_callback_fn_ex. */
/* NOLINTBEGIN(readability-non-const-parameter) */
static long keep_bytes(BIO *bio, int operation, const char *bytes, size_t count, int argument,
                       long number, int result, size_t *processed)
{
    struct tls_peer *peer = (struct tls_peer *)BIO_get_callback_arg(bio);
    (void)count;
    (void)argument;
    (void)number;
    bool passed =
        operation == (BIO_CB_READ | BIO_CB_RETURN) || operation == (BIO_CB_WRITE | BIO_CB_RETURN);
    if (passed && result > 0 && *processed <= TLS_PEER_WIRE_BYTES - peer->wire_bytes) {
        memcpy(peer->wire + peer->wire_bytes, bytes, *processed);
        peer->wire_bytes += *processed;
    }
    return result;
}
/* NOLINTEND(readability-non-const-parameter) */

/* Waits for what the stream waits for. Fails the test at the deadline. */
static void await_socket(const struct tls_peer *peer, enum tls_result wanted,
                         struct deadline deadline)
{
    struct pollfd poll_socket = {.fd = peer->peer->socket,
                                 .events = wanted == TLS_WANTS_WRITE ? POLLOUT : POLLIN};
    if (poll(&poll_socket, 1, deadline_left_ms(deadline)) == 0) {
        stage_fail_at(__FILE__, __LINE__, "the server says nothing, encrypted");
    }
}

struct tls_peer *tls_peer_connect(const struct server *server, const struct issuer *authority,
                                  const struct tls_peer_wish *wish)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct tls_peer *peer = stage_allocate(server->stage, sizeof *peer);
    const struct tls_files files = {
        .certificate = wish->identity != NULL ? wish->identity->certificate : "",
        .key = wish->identity != NULL ? wish->identity->key : "",
        .ca = authority->path,
        .crl = "",
        .minimum = TLS_MINIMUM_1_2,
    };
    peer->peer = wish->peer != NULL ? wish->peer : peer_connect(server);
    peer->wire = stage_allocate(server->stage, TLS_PEER_WIRE_BYTES);
    stage_own(server->stage, peer, release);
    (void)fcntl(peer->peer->socket, F_SETFL, fcntl(peer->peer->socket, F_GETFL) | O_NONBLOCK);
    if (!tls_client_context_open(&peer->context, &files, &peer->failure) ||
        !tls_stream_open_client(&peer->stream, &peer->context, peer->peer->socket, "127.0.0.1",
                                &peer->failure)) {
        stage_fail_at(__FILE__, __LINE__, "%s", peer->failure.text);
    }
    BIO_set_callback_ex(SSL_get_rbio(peer->stream.ssl), keep_bytes);
    BIO_set_callback_arg(SSL_get_rbio(peer->stream.ssl), (char *)peer);
    if (wish->maximum_version != 0) {
        (void)SSL_set_max_proto_version(peer->stream.ssl, wish->maximum_version);
    }
    if (wish->session != NULL) {
        (void)SSL_set_session(peer->stream.ssl, wish->session);
    }
    enum tls_result result = TLS_WANTS_READ;
    while ((result = tls_stream_handshake(&peer->stream, &peer->failure)) == TLS_WANTS_READ ||
           result == TLS_WANTS_WRITE) {
        await_socket(peer, result, deadline);
    }
    peer->is_open = result == TLS_DONE;
    return peer;
}

void tls_peer_send(struct tls_peer *peer, const char *text)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    size_t left = strlen(text);
    while (left > 0) {
        size_t written = 0;
        enum tls_result result =
            tls_stream_write(&peer->stream, text, left, &written, &peer->failure);
        if (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE) {
            await_socket(peer, result, deadline);
        } else if (result != TLS_DONE) {
            return; /* it has closed: what is expected of it next will show */
        }
        text += written;
        left -= written;
    }
}

/* Reads one byte; false at the end, whose reason is in peer->failure then. */
static bool read_byte(struct tls_peer *peer, char *byte, struct deadline deadline)
{
    for (;;) {
        size_t got = 0;
        enum tls_result result = tls_stream_read(&peer->stream, byte, 1, &got, &peer->failure);
        if (result == TLS_DONE) {
            return true;
        }
        if (result == TLS_ENDED || result == TLS_FAILED) {
            if (result == TLS_ENDED) {
                peer->failure.text[0] = '\0';
            }
            return false;
        }
        await_socket(peer, result, deadline);
    }
}

void tls_peer_expect_at(struct tls_peer *peer, const char *pattern, const char *file, int line)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char message[MESSAGE_BYTES] = "";
    size_t bytes = 0;
    while (bytes < sizeof message - 1 &&
           (bytes < 2 || memcmp(message + bytes - 2, "\r\n", 2) != 0)) {
        if (!read_byte(peer, message + bytes, deadline)) {
            program_show(peer->peer->server->program);
            stage_fail_at(file, line, "the server has ended the connection (%s) after \"%s\"",
                          peer->failure.text, message);
        }
        bytes++;
    }
    if (fnmatch(pattern, message, 0) != 0) {
        stage_fail_at(file, line, "\"%s\" came, not \"%s\"", message, pattern);
    }
}

const char *tls_peer_await_end(struct tls_peer *peer)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char byte = 0;
    while (read_byte(peer, &byte, deadline)) {
    }
    return peer->failure.text;
}

SSL_SESSION *tls_peer_leave(struct tls_peer *peer)
{
    SSL_SESSION *session = SSL_get1_session(peer->stream.ssl);
    tls_stream_end(&peer->stream);
    peer_close(peer->peer);
    return session;
}
