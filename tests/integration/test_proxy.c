/*
 * test_proxy.c - behind a balancer: whose connection it is, and who may say so.
 *
 * The balancer is 127.0.0.2, and 127.0.0.1 is a stranger.
 */
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define BALANCER      "127.0.0.2"
#define FROM_BALANCER "SERVER_PROXY_FROM=" BALANCER

/* From 192.0.2.7:40123, and from [2001:db8::17]:65535. */
#define LINE      "PROXY TCP4 192.0.2.7 10.0.0.1 40123 12345\r\n"
#define LINE_V6   "PROXY TCP6 2001:db8::17 fd00::1 65535 12345\r\n"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BINARY    SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x9c\xbb\x30\x39"
#define LOCAL     SIGNATURE "\x20\x00\x00\x00"

#define BET    "1:4:Ana,Paz,11111111,1980-01-31,7574\n\r\n"
#define REAPED "action: reap | result: success | role: handler*status 0"

/* Sends a literal, which may have zeros in it. */
#define SEND(peer, literal) peer_send_bytes(peer, literal, sizeof(literal) - 1)

static void expect_bet_is_stored(struct peer *peer)
{
    peer_expect(peer, "server:0\r\n");
}

/* ------------------------------------------------------------ whose it is ---- */

static void a_header_in_one_segment_with_the_first_message_is_taken(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, LINE BET BET);
    expect_bet_is_stored(peer);
    expect_bet_is_stored(peer);
    peer_close(peer);
    peer = peer_connect_from(server, BALANCER);
    SEND(peer, BINARY BET);
    expect_bet_is_stored(peer);
    SEND(peer, "1:7\r\n");
    peer_expect(peer, "server:8:3,open*\r\n");
}

static void a_header_byte_by_byte_is_taken(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    static const char binary[] = BINARY BET;
    struct peer *peer = peer_connect_from(server, BALANCER);
    peer_send_bytewise(peer, LINE_V6 BET);
    expect_bet_is_stored(peer);
    peer = peer_connect_from(server, BALANCER);
    for (size_t i = 0; i < sizeof binary - 1; i++) {
        peer_send_bytes(peer, binary + i, 1);
    }
    expect_bet_is_stored(peer);
}

/* A balancer's own fields follow the addresses, and a message follows them. */
static void fields_after_the_addresses_are_skipped(void **state)
{
    enum { FIXED = 28, FIELDS = 1000 };
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    char header[FIXED + FIELDS] = BINARY;
    memset(header + FIXED, 'x', FIELDS);
    header[14] = (char)((FIELDS + 12) >> 8);
    header[15] = (char)((FIELDS + 12) & 0xff);
    peer_send_bytes(peer, header, sizeof header);
    SEND(peer, BET);
    expect_bet_is_stored(peer);
}

/* What lottery-stat --json says. */
static const char *read_stat(const struct server *server)
{
    const char *data = stage_text(server->stage, "DATA_DIRECTORY=%s", server->directory);
    const struct program_plan plan = {
        .name = "lottery-stat", .arguments = ARGUMENTS("--json"), .environment = ENVIRONMENT(data)};
    struct program_end end;
    struct program *stat = program_run(server->stage, &plan, &end);
    assert_int_equal(end.status, 0);
    return program_log(stat);
}

static void log_and_stat_name_the_real_peer_and_the_balancer(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    struct peer *direct = peer_connect(server);
    SEND(peer, BINARY BET);
    expect_bet_is_stored(peer);
    peer_ask(direct, BET, "server:0\r\n");
    const char *names = stage_text(stage, "ip: 192.0.2.7:40123 | via: " BALANCER ":%u", peer->port);
    (void)server_await_log(server, 1, stage_text(stage, "action: proxy_header*success*%s", names));
    (void)server_await_log(server, 1,
                           stage_text(stage, "action: apuesta_almacenada*success*%s", names));
    const char *json = read_stat(server);
    assert_non_null(strstr(json, "\"peer\": \"192.0.2.7:40123\""));
    assert_non_null(strstr(json, stage_text(stage, "\"via\": \"" BALANCER ":%u\"", peer->port)));
    assert_non_null(strstr(json, stage_text(stage, "\"peer\": \"127.0.0.1:%u\"", direct->port)));
    peer_close(peer);
    (void)server_await_log(server, 1, stage_text(stage, "action: reap*success*%s |", names));
    assert_int_equal(
        server_count_log(server, stage_text(stage, "ip: 127.0.0.1:%u | via", direct->port)), 0);
}

static void a_header_that_names_nobody_leaves_the_balancer_as_the_peer(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT(FROM_BALANCER));
    struct peer *local = peer_connect_from(server, BALANCER);
    struct peer *unknown = peer_connect_from(server, BALANCER);
    SEND(local, LOCAL BET);
    expect_bet_is_stored(local);
    SEND(unknown, "PROXY UNKNOWN\r\n" BET);
    expect_bet_is_stored(unknown);
    (void)server_await_log(
        server, 1,
        stage_text(stage, "action: apuesta_almacenada*ip: " BALANCER ":%u", unknown->port));
    assert_int_equal(server_count_log(server, "| via: "), 0);
}

static void health_checks_are_no_error(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *silent = peer_connect_from(server, BALANCER);
    peer_half_close(silent);
    peer_expect_close(silent);
    struct peer *local = peer_connect_from(server, BALANCER);
    SEND(local, LOCAL);
    peer_half_close(local);
    peer_expect_close(local);
    peer_reset(peer_connect_from(server, BALANCER));
    (void)server_await_log(server, 3, REAPED);
    assert_int_equal(server_count_log(server, "WARNING*ip: "), 0);
    assert_int_equal(server_count_log(server, "ERROR*ip: "), 0);
}

/* --------------------------------------------------------------- refused ---- */

static void expect_refused(struct server *server, struct peer *peer, const char *reason)
{
    peer_expect(peer, "server:1\r\n");
    peer_half_close(peer);
    peer_expect_close(peer);
    (void)server_await_log(server, 1,
                           stage_text(server->stage,
                                      "WARNING*action: receive_message | result: fail | reason: "
                                      "%s*ip: *:%u",
                                      reason, peer->port));
}

static void a_stranger_may_not_say_whose_connection_it_is(void **state)
{
    static const char reason[] =
        "a PROXY header from an address that server.proxy_from doesn't name";
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect(server);
    SEND(peer, LINE BET);
    expect_refused(server, peer, reason);
    peer = peer_connect(server);
    SEND(peer, LINE_V6 BET);
    expect_refused(server, peer, reason);
    peer = peer_connect(server);
    SEND(peer, BINARY BET);
    expect_refused(server, peer, reason);
    assert_int_equal(server_count_log(server, "192.0.2.7"), 0);
    assert_int_equal(server_count_log(server, "apuesta_almacenada"), 0);
}

static void with_no_balancer_named_everybody_is_a_stranger(void **state)
{
    struct server *server = server_start(*state, NULL);
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, LINE BET);
    expect_refused(server, peer, "a PROXY header from an address that server.proxy_from doesn't");
}

static void a_balancer_without_a_valid_header_is_refused(void **state)
{
    static const struct {
        const char *sent, *reason;
    } faults[] = {
        {BET, "the connection begins with something else"},
        {"here\n", "the connection begins with something else"},
        {"PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n" BET, "an address of its line"},
        {"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n" BET, "its line does not end in CRLF"},
    };
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct peer *peer = peer_connect_from(server, BALANCER);
        peer_send(peer, faults[i].sent);
        expect_refused(
            server, peer,
            stage_text(*state, "no PROXY header from an address that server.proxy_from names: %s",
                       faults[i].reason));
    }
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, SIGNATURE "\x31\x11\x00\x0c");
    expect_refused(server, peer, "no PROXY header*its version is not 2");
    assert_int_equal(server_count_log(server, "apuesta_almacenada"), 0);
}

static void a_header_cut_short_is_refused(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, "PROXY TCP4 192.0.2.7");
    peer_half_close(peer);
    expect_refused(server, peer, "no PROXY header*the connection ended within it");
}

static void a_header_that_does_not_come_in_its_time_is_refused(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT(FROM_BALANCER, "TIMEOUTS_MESSAGE=200ms"));
    struct peer *silent = peer_connect_from(server, BALANCER);
    struct peer *slow = peer_connect_from(server, BALANCER);
    SEND(slow, "PROXY TCP4 192.0.2.7");
    expect_refused(server, silent, "no PROXY header*timeouts.message");
    expect_refused(server, slow, "no PROXY header*timeouts.message");
}

static void a_second_header_is_refused(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, LINE LINE BET);
    peer_expect(peer, "server:1\r\n");
    peer_half_close(peer);
    peer_expect_close(peer);
    (void)server_await_log(server, 1, "WARNING*a second PROXY header on one connection*via: ");
    peer = peer_connect_from(server, BALANCER);
    SEND(peer, BINARY BET);
    expect_bet_is_stored(peer);
    SEND(peer, BINARY);
    peer_expect(peer, "server:1\r\n");
}

static void a_stop_does_not_wait_for_a_header(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT(FROM_BALANCER));
    struct peer *peer = peer_connect_from(server, BALANCER);
    SEND(peer, "PROXY ");
    server_await_activity(server, peer->port, SLOT_RECEIVING);
    server_stop_well(server);
    peer_expect_close(peer);
}

/* ---------------------------------------------------------------- limits ---- */

static struct peer *forward(struct server *server, const char *host)
{
    struct peer *peer = peer_connect_from(server, BALANCER);
    peer_send(peer,
              stage_text(server->stage, "PROXY TCP4 %s 10.0.0.1 40123 12345\r\nhere\n", host));
    return peer;
}

static void connections_per_address_counts_the_real_peers(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT(FROM_BALANCER, "LIMITS_CONNECTIONS_PER_ADDRESS=2"));
    struct peer *first = forward(server, "192.0.2.7");
    peer_expect(first, "here\n");
    peer_expect(forward(server, "192.0.2.7"), "here\n");
    struct peer *third = forward(server, "192.0.2.7");
    peer_expect(third, "server:1\r\n");
    (void)server_await_log(server, 1,
                           "WARNING*more than limits.connections_per_address*ip: "
                           "192.0.2.7:40123 | via: " BALANCER);
    for (int i = 0; i < 4; i++) { /* the balancer itself has no limit */
        peer_expect(forward(server, stage_text(*state, "192.0.2.%d", 70 + i)), "here\n");
        peer_expect(forward(server, BALANCER), "here\n");
    }
    struct segment segment = server_attach(server);
    assert_int_equal(atomic_load(&segment.shared->supervisor.connections_refused), 1);
    segment_unmap(&segment);
    peer_close(third);
    peer_close(first);
    (void)server_await_log(server, 2, REAPED);
    peer_expect(forward(server, "192.0.2.7"), "here\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_header_in_one_segment_with_the_first_message_is_taken),
        STAGE_TEST(a_header_byte_by_byte_is_taken),
        STAGE_TEST(fields_after_the_addresses_are_skipped),
        STAGE_TEST(log_and_stat_name_the_real_peer_and_the_balancer),
        STAGE_TEST(a_header_that_names_nobody_leaves_the_balancer_as_the_peer),
        STAGE_TEST(health_checks_are_no_error),
        STAGE_TEST(a_stranger_may_not_say_whose_connection_it_is),
        STAGE_TEST(with_no_balancer_named_everybody_is_a_stranger),
        STAGE_TEST(a_balancer_without_a_valid_header_is_refused),
        STAGE_TEST(a_header_cut_short_is_refused),
        STAGE_TEST(a_header_that_does_not_come_in_its_time_is_refused),
        STAGE_TEST(a_second_header_is_refused),
        STAGE_TEST(a_stop_does_not_wait_for_a_header),
        STAGE_TEST(connections_per_address_counts_the_real_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
