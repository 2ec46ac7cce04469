/*
 * Tests of client/transport.c, and of client/wire.c over it: plain text and TLS over a socket pair,
 * with a server's end in the same process.
 */
#include "client/wire.h"

#include "lib/clock.h"
#include "tests/harness/certificates.h"
#include "tls/tls_stream.h"

#include <openssl/pem.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 100, ROUNDS_MANY = 10000, SMALL_BYTES = 8192, SOON_MS = 5000 };

/* An agency's transport, and the server's end of its socket. */
struct ends {
    struct issuer *authority;
    struct tls_context server_context;
    struct tls_stream server;
    struct client_config config;
    struct credentials credentials;
    struct servers servers;
    struct transport transport;
    int server_fd;
    struct failure failure;
};

static void open_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

static void open_server(struct ends *ends, const char *crl)
{
    const struct certificate_wish wish = {.names = "DNS:localhost"};
    const struct identity identity = issuer_issue(ends->authority, "server", &wish);
    const struct tls_files files = {
        .certificate = identity.certificate, .ca = ends->authority->path, .crl = crl};
    FILE *file = fopen(identity.key, "re");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (!tls_server_context_open(&ends->server_context, &files, key, true, &ends->failure)) {
        fail_msg("%s", ends->failure.text);
    }
    EVP_PKEY_free(key);
}

static void copy_path(char setting[CONFIG_TEXT_BYTES], const char *path)
{
    (void)snprintf(setting, CONFIG_TEXT_BYTES, "%s", path);
}

static void set_up(struct ends *ends, struct stage *stage, bool is_revoked)
{
    const struct certificate_wish wish = {.names = "URI:urn:lottery:agency:2"};
    *ends = (struct ends){
        .authority = issuer_open(stage, "ca"),
        .config = {.id = 2, .server_address = "localhost:12345", .tls_mode = CLIENT_TLS_REQUIRED}};
    const struct identity agency = issuer_issue(ends->authority, "agency", &wish);
    copy_path(ends->config.tls_certificate, agency.certificate);
    copy_path(ends->config.tls_key, agency.key);
    copy_path(ends->config.tls_ca, ends->authority->path);
    (void)signal(SIGPIPE, SIG_IGN);
    open_server(ends,
                is_revoked ? issuer_revoke(ends->authority, "ca", &agency.serial, 1, 3600) : "");
    if (!credentials_open(&ends->credentials, &ends->config, &ends->failure) ||
        !servers_parse(ends->config.server_address, "here", &ends->servers, &ends->failure)) {
        fail_msg("%s", ends->failure.text);
    }
    credentials_turn_to(&ends->credentials, servers_current(&ends->servers));
}

static void tear_down(struct ends *ends)
{
    credentials_close(&ends->credentials);
    tls_context_close(&ends->server_context);
    issuer_close(ends->authority);
}

/* Begins TLS on `transport`, and shakes hands until neither end has any more to say. */
static void greet(struct ends *ends, struct transport *transport)
{
    bool is_over = false;
    assert_true(transport_begin_tls(transport, &ends->credentials, &ends->failure));
    assert_true(tls_stream_open_server(&ends->server, &ends->server_context, ends->server_fd,
                                       &ends->failure));
    for (int i = 0; i < ROUNDS_MAX; i++) {
        is_over = is_over || transport_handshake(transport, &ends->failure) == TRANSPORT_MOVED;
        (void)tls_stream_handshake(&ends->server, &ends->failure);
    }
    assert_true(is_over);
}

static void connect_ends(struct ends *ends)
{
    int pair[2];
    open_pair(pair);
    ends->server_fd = pair[1];
    transport_open(&ends->transport, pair[0]);
    greet(ends, &ends->transport);
}

static void part(struct ends *ends)
{
    transport_close(&ends->transport);
    tls_stream_close(&ends->server);
    (void)close(ends->server_fd);
}

static void say(struct ends *ends, const char *text)
{
    size_t written = 0;
    assert_int_equal(tls_stream_write(&ends->server, text, strlen(text), &written, &ends->failure),
                     TLS_DONE);
    assert_int_equal(written, strlen(text));
}

/* The next bytes, at most so many, are these. */
static void expect(struct ends *ends, size_t capacity, const char *text)
{
    char bytes[SMALL_BYTES];
    size_t got = 0;
    assert_int_equal(transport_receive(&ends->transport, bytes, capacity, &got, &ends->failure),
                     TRANSPORT_MOVED);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, got);
}

static enum transport_result receive(struct ends *ends)
{
    char byte = 0;
    size_t got = 0;
    return transport_receive(&ends->transport, &byte, 1, &got, &ends->failure);
}

/* ---------------------------------------------------------------- plain text ---- */

static void plain_text_is_sent_and_received_and_ends(void **state)
{
    (void)state;
    struct ends ends = {.server_fd = -1};
    int pair[2];
    char bytes[SMALL_BYTES];
    size_t sent = 0;
    open_pair(pair);
    transport_open(&ends.transport, pair[0]);
    assert_int_equal(receive(&ends), TRANSPORT_WAITS);
    assert_int_equal(transport_events(&ends.transport, false), POLLIN);
    assert_int_equal(transport_events(&ends.transport, true), POLLIN | POLLOUT);
    assert_int_equal(transport_send(&ends.transport, "1:5\r\n", 5, &sent), TRANSPORT_MOVED);
    assert_int_equal(sent, 5);
    assert_int_equal(read(pair[1], bytes, sizeof bytes), 5);
    assert_false(transport_is_closed(&ends.transport));
    assert_int_equal(write(pair[1], "0", 1), 1);
    (void)close(pair[1]);
    assert_false(transport_is_closed(&ends.transport)); /* there is something to be received */
    expect(&ends, sizeof bytes, "0");
    assert_true(transport_is_closed(&ends.transport));
    assert_int_equal(receive(&ends), TRANSPORT_ENDED);
    assert_int_equal(transport_send(&ends.transport, "1", 1, &sent), TRANSPORT_BROKEN);
    transport_close(&ends.transport);
}

/* ----------------------------------------------------------------------- TLS ---- */

static void a_part_of_a_record_leaves_the_rest_pending(void **state)
{
    struct ends ends;
    set_up(&ends, *state, false);
    connect_ends(&ends);
    say(&ends, "server:0\r\n");
    expect(&ends, 4, "serv");
    assert_true(transport_has_pending(&ends.transport));
    expect(&ends, SMALL_BYTES, "er:0\r\n");
    assert_false(transport_has_pending(&ends.transport));
    assert_int_equal(receive(&ends), TRANSPORT_WAITS);
    assert_int_equal(transport_events(&ends.transport, true), POLLIN | POLLOUT);
    part(&ends);
    tear_down(&ends);
}

/* What has not left is sent again from another place in memory, with more after it. */
static void a_send_without_room_goes_on_when_there_is_some(void **state)
{
    enum { MANY_BYTES = 300 * 1000 };
    static char out[2][MANY_BYTES], in[MANY_BYTES];
    static const int buffer_bytes = SMALL_BYTES;
    struct ends ends;
    size_t sent = 0;
    size_t came = 0;
    unsigned waits = 0;
    set_up(&ends, *state, false);
    connect_ends(&ends);
    (void)setsockopt(ends.transport.fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    for (size_t i = 0; i < MANY_BYTES; i++) {
        out[0][i] = out[1][i] = (char)(i % 251);
    }
    for (unsigned i = 0; i < ROUNDS_MANY && came < MANY_BYTES; i++) {
        size_t part_bytes = 0;
        if (sent < MANY_BYTES) {
            enum transport_result result =
                transport_send(&ends.transport, out[i % 2] + sent, MANY_BYTES - sent, &part_bytes);
            sent += result == TRANSPORT_MOVED ? part_bytes : 0;
            waits += result == TRANSPORT_WAITS;
            assert_true(result == TRANSPORT_MOVED || result == TRANSPORT_WAITS);
        }
        if (waits % 2 == 1 && tls_stream_read(&ends.server, in + came, MANY_BYTES - came,
                                              &part_bytes, &ends.failure) == TLS_DONE) {
            came += part_bytes;
        }
        waits += sent == MANY_BYTES && waits % 2 == 0;
    }
    assert_true(waits > 1);
    assert_int_equal(came, MANY_BYTES);
    assert_memory_equal(in, out[0], MANY_BYTES);
    part(&ends);
    tear_down(&ends);
}

/* The ticket that comes after the handshake makes the socket readable, and is no end. */
static void an_end_is_told_from_a_ticket_without_taking_bytes(void **state)
{
    struct ends ends;
    set_up(&ends, *state, false);
    connect_ends(&ends);
    assert_false(transport_is_closed(&ends.transport));
    say(&ends, "0");
    tls_stream_end(&ends.server);
    assert_false(transport_is_closed(&ends.transport));
    assert_true(transport_has_pending(&ends.transport));
    expect(&ends, SMALL_BYTES, "0");
    assert_true(transport_is_closed(&ends.transport));
    assert_int_equal(receive(&ends), TRANSPORT_ENDED);
    part(&ends);
    tear_down(&ends);
}

static void a_session_is_good_for_one_later_connection_however_the_first_one_ended(void **state)
{
    struct ends ends;
    set_up(&ends, *state, false);
    for (int cut_off = 0; cut_off < 2; cut_off++) {
        connect_ends(&ends);
        assert_int_equal(receive(&ends), TRANSPORT_WAITS); /* the ticket */
        if (cut_off == 1) {
            (void)shutdown(ends.server_fd, SHUT_RDWR);
            assert_int_equal(receive(&ends), TRANSPORT_ENDED);
        }
        part(&ends);
        assert_non_null(ends.credentials.session);
        connect_ends(&ends);
        assert_null(ends.credentials.session);
        assert_true(tls_stream_is_resumed(&ends.server));
        assert_true(tls_stream_is_resumed(&ends.transport.stream));
        part(&ends);
        SSL_SESSION_free(ends.credentials.session);
        ends.credentials.session = NULL;
    }
    tear_down(&ends);
}

static void credentials_turn_to_another_server_with_its_name_and_without_the_session(void **state)
{
    struct ends ends;
    struct servers others;
    set_up(&ends, *state, false);
    connect_ends(&ends);
    assert_int_equal(receive(&ends), TRANSPORT_WAITS); /* the ticket */
    part(&ends);
    credentials_turn_to(&ends.credentials, servers_current(&ends.servers));
    assert_non_null(ends.credentials.session);
    assert_string_equal(ends.credentials.server_name, "localhost");
    assert_true(servers_parse("[fe80::1%lo]:1", "here", &others, &ends.failure));
    credentials_turn_to(&ends.credentials, servers_current(&others));
    assert_null(ends.credentials.session);
    assert_string_equal(ends.credentials.server_name, "fe80::1");
    tear_down(&ends);
}

/* In TLS 1.3 this comes after the handshake, to whoever looks first. */
static void a_refusal_is_told_as_often_as_it_is_asked_for(void **state)
{
    struct ends ends;
    set_up(&ends, *state, true);
    connect_ends(&ends);
    assert_false(transport_is_closed(&ends.transport));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(receive(&ends), TRANSPORT_BROKEN);
        assert_true(ends.transport.is_refused);
        assert_string_equal(ends.failure.text,
                            "TLS with localhost:12345: the peer says that our certificate has been "
                            "revoked");
    }
    part(&ends);
    assert_null(ends.credentials.session);
    tear_down(&ends);
}

/* ------------------------------------------------------------------ the wire ---- */

static void a_transfer_waits_for_what_is_meant_for_its_caller(void **state)
{
    struct ends ends;
    struct interrupt interrupt;
    struct wire wire;
    struct message answer;
    int pair[2];
    set_up(&ends, *state, false);
    open_pair(pair);
    ends.server_fd = pair[1];
    assert_true(interrupt_open(&interrupt, &ends.failure));
    assert_true(wire_open(&wire, &interrupt, pair[0], &ends.failure));
    greet(&ends, &wire.transport);
    assert_int_equal(wire_transfer(&wire, clock_monotonic_ms(), &ends.failure), WIRE_LAPSED);
    assert_false(wire_is_closed(&wire));
    say(&ends, "server:0\r\n");
    say(&ends, "server:2\r\n");
    int64_t soon_ms = clock_monotonic_ms() + SOON_MS;
    for (int answers = 0; answers < 2; answers++) {
        while (wire_next(&wire, &answer, &ends.failure) != WIRE_ANSWER) {
            assert_int_equal(wire_transfer(&wire, soon_ms, &ends.failure), WIRE_MOVED);
        }
    }
    tls_stream_end(&ends.server);
    assert_true(wire_is_closed(&wire));
    assert_int_equal(wire_transfer(&wire, soon_ms, &ends.failure), WIRE_LOST);
    assert_true(wire.hung_up);
    wire_close(&wire);
    tls_stream_close(&ends.server);
    (void)close(ends.server_fd);
    interrupt_close(&interrupt);
    tear_down(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_sent_and_received_and_ends),
        STAGE_TEST(a_part_of_a_record_leaves_the_rest_pending),
        STAGE_TEST(a_send_without_room_goes_on_when_there_is_some),
        STAGE_TEST(an_end_is_told_from_a_ticket_without_taking_bytes),
        STAGE_TEST(a_session_is_good_for_one_later_connection_however_the_first_one_ended),
        STAGE_TEST(credentials_turn_to_another_server_with_its_name_and_without_the_session),
        STAGE_TEST(a_refusal_is_told_as_often_as_it_is_asked_for),
        STAGE_TEST(a_transfer_waits_for_what_is_meant_for_its_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
