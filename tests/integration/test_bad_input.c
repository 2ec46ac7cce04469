/*
 * test_bad_input.c - what is wrong gets ERROR, is named in the log, stores
 * nothing, and harms nobody.
 */
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define GOOD "Ana,Paz,11111111,1980-01-31,1\n"

enum { PATIENCE_MS = 100 };

/* One wrong message, its answer, and what the log has to say. */
struct wrong {
    const char *message;
    const char *answer;
    const char *log;
};

/* A look-up, which changes nothing: the connection goes on. */
static void expect_still_there(struct peer *peer)
{
    peer_ask(peer, "1:6\r\n", "server:2\r\n");
}

static void expect_refusals(struct stage *stage, const struct wrong *wrongs, size_t count)
{
    struct server *server = server_start(stage, ENVIRONMENT("WINNERS_WAIT=0s"));
    for (size_t i = 0; i < count; i++) {
        const char *log = wrongs[i].log;
        struct peer *peer =
            peer_connect(server); /* a connection each: the lines about one are limited */
        size_t before = server_count_log(server, log);
        peer_ask(peer, wrongs[i].message, wrongs[i].answer);
        expect_still_there(peer);
        (void)server_await_log(server, before + 1, log);
        (void)server_await_log(
            server, 1, stage_text(stage, "WARNING*%s*pid: *ip: 127.0.0.1:%u", log, peer->port));
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
    struct peer *good = peer_connect(server);
    peer_ask(good, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 2);
    assert_int_equal(server_count_log(server, "role: handler"), 0);
}

/* ----------------------------------------------------------------- rows ---- */

#define BATCH(row) "1:4:" GOOD row "\n" GOOD "\r\n"
#define ROW_2(why) "apuesta_recibida | result: fail | cantidad: 3 | agency: 1 | row: 2*" why

static void each_wrong_row_refuses_its_batch(void **state)
{
    static const struct wrong wrongs[] = {
        {BATCH("Ana,Paz,11111111,1980-01-31"), "server:1\r\n", ROW_2("five fields")},
        {BATCH("Ana,Paz,11111111,1980-01-31,1,1"), "server:1\r\n", ROW_2("five fields")},
        {BATCH("Ana,Paz,11111111,1980-01-31,1,"), "server:1\r\n", ROW_2("five fields")},
        {BATCH(""), "server:1\r\n", ROW_2("five fields")},
        {BATCH(",Paz,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("name is empty")},
        {BATCH("Ana,,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("name is empty")},
        {BATCH("Ana,Paz,1111111A,1980-01-31,1"), "server:1\r\n", ROW_2("document")},
        {BATCH("Ana,Paz,-1111111,1980-01-31,1"), "server:1\r\n", ROW_2("document")},
        {BATCH("Ana,Paz,,1980-01-31,1"), "server:1\r\n", ROW_2("document")},
        {BATCH("Ana,Paz,11111111,1980-02-30,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,2001-02-29,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,1900-02-29,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,1980-13-01,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,1980-00-01,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,0000-01-01,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,31-01-1980,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,1980-1-31,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,,1"), "server:1\r\n", ROW_2("birthdate")},
        {BATCH("Ana,Paz,11111111,1980-01-31,-1"), "server:1\r\n", ROW_2("number")},
        {BATCH("Ana,Paz,11111111,1980-01-31,4294967296"), "server:1\r\n", ROW_2("number")},
        {BATCH("Ana,Paz,11111111,1980-01-31,12x"), "server:1\r\n", ROW_2("number")},
        {BATCH("Ana,Paz,11111111,1980-01-31,1 "), "server:1\r\n", ROW_2("number")},
        {BATCH("Ana,Paz,11111111,1980-01-31,"), "server:1\r\n", ROW_2("number")},
        {BATCH("An\xff"
               "a,Paz,11111111,1980-01-31,1"),
         "server:1\r\n", ROW_2("UTF-8")},
        {BATCH("\xc0\xaf,Paz,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("UTF-8")},
        {BATCH("\xed\xa0\x80,Paz,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("UTF-8")},
        {BATCH("An\ta,Paz,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("control")},
        {BATCH("An\ra,Paz,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("control")},
        {BATCH("Ana,Paz\x7f,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("control")},
        {BATCH("Ana,Paz\xc2\x85,11111111,1980-01-31,1"), "server:1\r\n", ROW_2("control")},
    };
    expect_refusals(*state, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

static void wrong_rows_without_a_type_refuse_their_batch(void **state)
{
    static const struct wrong wrongs[] = {
        {"1:" GOOD "Ana,Paz,1,1980-02-31,1\n\r\n", "server:1\n", "cantidad: 2*row: 2*birthdate"},
        {"1:,Paz,1,1980-01-31,1\n" GOOD "\r\n", "server:1\n", "cantidad: 2*row: 1*name is empty"},
        {"1:a,b\n\r\n", "server:1\n", "cantidad: 1*row: 1*five fields"},
        {"9:" GOOD "\r\n", "server:1\n", "agency: 9*not allowed"},
    };
    expect_refusals(*state, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

static void a_null_byte_is_a_control_character(void **state)
{
    static const char message[] = "1:4:An\0a,Paz,11111111,1980-01-31,1\n\r\n";
    struct server *server = server_start(*state, NULL);
    struct peer *peer = peer_connect(server);
    peer_send_bytes(peer, message, sizeof message - 1);
    peer_expect(peer, "server:1\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    (void)server_await_log(server, 1, "row: 1*control");
}

/* -------------------------------------------------------------- messages ---- */

static void each_wrong_message_is_refused(void **state)
{
    static const struct wrong wrongs[] = {
        {"1:4:\r\n", "server:1\r\n", "agency: 1*batch is empty"},
        {"1:4\r\n", "server:1\r\n", "agency: 1*batch is empty"},
        {"1:bet:\r\n", "server:ERROR\r\n", "agency: 1*batch is empty"},
        {"1:44\r\n", "server:1\r\n", "type is unknown"},
        {"1:4294967300\r\n", "server:1\r\n", "type is unknown"},
        {"1:apuesta\r\n", "server:ERROR\r\n", "type is unknown"},
        {"1:\r\n", "server:ERROR\r\n", "type is unknown"},
        {"1:5:now\r\n", "server:1\r\n", "takes no body"},
        {"1:0\r\n", "server:1\r\n", "type is the server's"},
        {"1:1\r\n", "server:1\r\n", "type is the server's"},
        {"1:wait\r\n", "server:ERROR\r\n", "type is the server's"},
        {"1:3:1,Ana,Paz,11111111,1980-01-31,1\n\r\n", "server:1\r\n", "type is the server's"},
        {"1:8:0,open\r\n", "server:1\r\n", "type is the server's"},
        {"server:5\r\n", "server:1\r\n", "not allowed"},
        {"0:5\r\n", "server:1\r\n", "agency: 0*not allowed"},
        {"6:5\r\n", "server:1\r\n", "agency: 6*not allowed"},
        {"6:4:" GOOD "\r\n", "server:1\r\n", "agency: 6*not allowed"},
        {"6:7\r\n", "server:1\r\n", "agency: 6*not allowed"},
        {"one:5\r\n", "server:1\r\n", "sender is not a number"},
        {"-1:5\r\n", "server:1\r\n", "sender is not a number"},
        {"4294967297:5\r\n", "server:1\r\n", "sender is not a number"},
        {":5\r\n", "server:1\r\n", "sender is not a number"},
    };
    expect_refusals(*state, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

static void a_line_without_a_colon_is_refused_unless_it_is_a_probe(void **state)
{
    static const struct wrong wrongs[] = {
        {"0123456789012345678901234567890123456789012345678901234567890123x\n", "server:1\r\n",
         "without ':'*too long"},
        {"0123456789012345678901234567890123456789012345678901234567890123x\r\n", "server:1\r\n",
         "without ':'*too long"},
        {"a\tb\n", "server:1\r\n", "without ':'*printable"},
        {"a\rb\n", "server:1\r\n", "without ':'*printable"},
        {"caf\xe9\r\n", "server:1\r\n", "without ':'*printable"},
        {GOOD, "server:1\r\n", "a bet without an agency"},
        {"1," GOOD, "server:1\r\n", "a bet without an agency"},
    };
    expect_refusals(*state, wrongs, sizeof wrongs / sizeof wrongs[0]);
}

static void behind_a_message_no_line_is_a_probe(void **state)
{
    static const char *const messages[] = {"1:6\r\n", "1:44\r\n", "a\tb\n"};
    static const char *const lines[] = {"hola\n", "hola\r\n", "\n", "\r\n", GOOD};
    struct server *server = server_start(*state, ENVIRONMENT("WINNERS_WAIT=0s"));
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "hola\n", "hola\n");
        peer_ask(peer, messages[i], i == 0 ? "server:2\r\n" : "server:1\r\n");
        for (size_t line = 0; line < sizeof lines / sizeof lines[0]; line++) {
            peer_ask(peer, lines[line], "server:1\r\n");
        }
        expect_still_there(peer);
    }
    (void)server_await_log(server, 12, "WARNING*probe only before the first message*pid: *ip: ");
}

static void text_that_ends_without_a_line_end_is_answered(void **state)
{
    static const char *const texts[] = {"1:done",    "1:done\r",         "hola",
                                        "1:4:" GOOD, "1:BET:" GOOD "\r", "1:bet:Ana,Paz"};
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_send(peer, texts[i]);
        peer_half_close(peer);
        peer_expect(peer, "server:1\r\n");
        peer_expect_close(peer);
        (void)server_await_log(server, 1,
                               stage_text(stage,
                                          "WARNING*receive_message | result: fail*ended "
                                          "before*ip: 127.0.0.1:%u",
                                          peer->port));
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n"); /* nobody has said done */
}

static void only_the_allowed_agencies_may_speak(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("AGENCIES_ALLOWED=2-3,7"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n2:7\r\n", "server:1\r\nserver:8:0,open*\r\n");
    peer_ask(peer, "3:7\r\n4:7\r\n", "server:8:0,open*\r\nserver:1\r\n");
    peer_ask(peer, "6:7\r\n7:7\r\n", "server:1\r\nserver:8:0,open*\r\n");
}

static void a_bet_after_done_is_refused(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    struct peer *other = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, bets_batch(stage, 1, 3, 1), "server:1\r\n");
    peer_ask(other, bets_batch(stage, 1, 3, 2), "server:1\r\n");
    (void)server_await_log(server, 2, "apuesta_recibida | result: fail*agency: 1*done");
    peer_ask(peer, bets_batch(stage, 2, 0, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 3);
    bets_expect_stored(server, 2, 0, 1);
}

static void a_bet_after_the_draw_is_refused(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "AGENCIES_ALLOWED=1-2"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:\r\n");
    peer_ask(peer, bets_batch(stage, 2, 0, 1), "server:1\r\n");
    (void)server_await_log(server, 1, "apuesta_recibida | result: fail*agency: 2*sales are closed");
    bets_expect_stored(server, 2, 0, 0);
}

/* --------------------------------------------------------- length and time ---- */

static void a_message_that_is_too_long_gets_error_and_the_connection_is_closed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_MESSAGE_BYTES=1k"));
    struct peer *peer = peer_connect(server);
    const char *batch = bets_batch(stage, 1, 0, 40);
    assert_true(strlen(batch) > 1024);
    peer_send(peer, bets_batch(stage, 1, 0, 3));
    peer_send(peer, batch);
    peer_expect(peer, "server:0\r\nserver:1\r\n");
    peer_expect_close(peer);
    (void)server_await_log(server, 1, "receive_message | result: fail*limits.message_bytes");
    bets_expect_stored(server, 1, 0, 3);
}

static void a_message_without_end_gets_error_and_the_connection_is_closed(void **state)
{
    enum { BYTES = 200000 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_repeat(stage, "x", BYTES));
    peer_expect(peer, "server:1\r\n");
    peer_expect_close(peer);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
}

static void a_message_of_exactly_the_limit_is_taken(void **state)
{
    enum { LIMIT = 1024 };
    static const char head[] = "1:4:";
    static const char tail[] = ",Paz,11111111,1980-01-31,1\n\r\n";
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_MESSAGE_BYTES=1k"));
    struct peer *peer = peer_connect(server);
    unsigned name_bytes = LIMIT - (sizeof head - 1) - (sizeof tail - 1);
    const char *name = bets_repeat(stage, "n", name_bytes);
    peer_ask(peer, stage_text(stage, "%s%s%s", head, name, tail), "server:0\r\n");
    peer_ask(peer, stage_text(stage, "%sn%s%s", head, name, tail), "server:1\r\n");
    peer_expect_close(peer);
}

static void a_message_that_stops_half_way_gets_error_and_the_connection_is_closed(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("TIMEOUTS_MESSAGE=100ms"));
    struct peer *peer = peer_connect(server);
    assert_false(peer_has_news(peer, 2 * PATIENCE_MS)); /* silence alone is no message */
    peer_send(peer, "1:4:" GOOD);
    peer_expect(peer, "server:1\r\n");
    peer_expect_close(peer);
    (void)server_await_log(server, 1, "receive_message | result: fail*timeouts.message");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void a_message_that_trickles_in_is_as_late_as_one_that_stops(void **state)
{
    enum { BETWEEN_BYTES_MS = 10, BYTES_MAX = 1000 };
    struct server *server = server_start(*state, ENVIRONMENT("TIMEOUTS_MESSAGE=100ms"));
    struct peer *peer = peer_connect(server);
    unsigned bytes = 0;
    while (!peer_has_news(peer, BETWEEN_BYTES_MS) && bytes < BYTES_MAX) {
        peer_send(peer, "1");
        bytes++;
    }
    assert_true(bytes < BYTES_MAX);
    peer_expect(peer, "server:1\r\n");
    peer_expect_close(peer);
}

/* ---------------------------------------------------------------------- log ---- */

static void one_wrong_row_makes_one_warning(void **state)
{
    enum { FOLLOWERS = 15, BETS = 2 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_send(peer, "1:7\r\n");
    (void)peer_receive_message(peer);
    peer_send(peer, "1:4:bad\n\r\n");
    peer_send(peer, bets_repeat(stage, bets_batch(stage, 1, 0, BETS), FOLLOWERS));
    peer_send(peer, "1:5\r\n");
    peer_expect(peer, bets_repeat(stage, "server:1\r\n", 1 + FOLLOWERS + 1));
    peer_close(peer);
    (void)server_await_log(server, 1, "action: reap | *role: handler");
    assert_int_equal(server_count_log(server, "WARNING*ip: "), 1);
    assert_int_equal(server_count_log(server, "WARNING*cantidad: 1 | agency: 1 | row: 1"), 1);
    assert_int_equal(server_count_log(server, "result: fail | cantidad: 30 | agency: 1*an earlier "
                                              "message*messages: 16"),
                     1);
}

/* Each connection has lines at once, some a second, and sums of what is left out. */
static void what_a_peer_repeats_is_summed_up_in_the_log(void **state)
{
    enum { REPEATED = 20000, ENOUGH_LINES = 200 };
    static const struct {
        const char *message;
        const char *answer;
    } repeated[] = {
        {"\n", "\n"},
        {"hola\r\n", "hola\r\n"},
        {"x:5\r\n", "server:1\r\n"},
        {"1:4:bad\n\r\n", "server:1\r\n"},
        {"9:7\r\n", "server:1\r\n"},
    };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_REFUSED_PER_SECOND=0"));
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        struct peer *peer = peer_connect(server);
        for (int part = 0; part < 10; part++) {
            peer_send(peer, bets_repeat(stage, repeated[i].message, REPEATED / 10));
            peer_expect(peer, bets_repeat(stage, repeated[i].answer, REPEATED / 10));
        }
        peer_close(peer);
        const char *mine = stage_text(stage, "ip: 127.0.0.1:%u", peer->port);
        (void)server_await_log(server, 1, stage_text(stage, "action: reap*%s", mine));
        assert_in_range(server_count_log(server, mine), 1, ENOUGH_LINES);
        assert_true(server_count_log(server, stage_text(stage, "log_limit*suppressed: *%s", mine)) >
                    0);
    }
}

static void a_peer_that_has_gone_silent_is_still_summed_up(void **state)
{
    enum { REPEATED = 100 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_repeat(stage, "\n", REPEATED));
    peer_expect(peer, bets_repeat(stage, "\n", REPEATED));
    (void)server_await_log(server, 1, "action: log_limit*suppressed: 80 ");
    peer_ask(peer, "\n", "\n");
}

static void stored_bets_are_told_however_many_they_are(void **state)
{
    enum { BATCHES = 300 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_repeat(stage, bets_batch(stage, 1, 0, 1), BATCHES));
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    const char *mine = stage_text(stage, "pid: %d | ip: 127.0.0.1:%u",
                                  (int)server_handler_pid(server, peer->port), peer->port);
    (void)server_await_log(server, BATCHES,
                           stage_text(stage, "apuesta_recibida | result: success*%s", mine));
    (void)server_await_log(server, BATCHES,
                           stage_text(stage, "apuesta_almacenada | result: success*%s", mine));
}

static void documents_in_the_log_can_be_masked(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LOG_PERSONAL=masked"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,30904465,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:4:Ana,Paz,4465,1980-01-31,7575\n\r\n", "server:0\r\n");
    (void)server_await_log(server, 1, "apuesta_almacenada*dni: [*][*][*][*]4465 | numero: 7574 |");
    (void)server_await_log(server, 1, "apuesta_almacenada*dni: [*][*][*][*] | numero: 7575 |");
    assert_int_equal(server_count_log(server, "30904465"), 0);
}

static void a_lotterys_own_rules_refuse_a_batch(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("RULES_NUMBER_MAX=9999", "RULES_BIRTHDATE=past"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:A,B,1,1980-01-31,9999\nA,B,1,1980-01-31,10000\n\r\n", "server:1\r\n");
    (void)server_await_log(server, 1, "WARNING*row: 2 | reason: *rules.number_max*");
    peer_ask(peer, "1:4:A,B,1,9998-01-31,1\n\r\n", "server:1\r\n");
    (void)server_await_log(server, 1, "WARNING*row: 1 | reason: *rules.birthdate*");
    peer_ask(peer, "1:4:A,B,1,1980-01-31,9999\n\r\n", "server:0\r\n");
}

static void garbage_harms_nobody(void **state)
{
    enum { CONNECTIONS = 20, BYTES = 5000 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *good = peer_connect(server);
    uint32_t random = 1;
    for (int i = 0; i < CONNECTIONS; i++) {
        unsigned char garbage[BYTES];
        for (int byte = 0; byte < BYTES; byte++) {
            random = random * 1664525U + 1013904223U; /* Numerical Recipes' generator */
            garbage[byte] = (unsigned char)(random >> 24);
        }
        struct peer *bad = peer_connect(server);
        peer_send_bytes(bad, garbage, sizeof garbage);
        peer_close(bad);
    }
    (void)server_await_log(server, CONNECTIONS, "action: reap | result: success | role: handler");
    peer_ask(good, bets_batch(stage, 1, 0, 5), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(each_wrong_row_refuses_its_batch),
        STAGE_TEST(wrong_rows_without_a_type_refuse_their_batch),
        STAGE_TEST(a_null_byte_is_a_control_character),
        STAGE_TEST(each_wrong_message_is_refused),
        STAGE_TEST(a_line_without_a_colon_is_refused_unless_it_is_a_probe),
        STAGE_TEST(behind_a_message_no_line_is_a_probe),
        STAGE_TEST(text_that_ends_without_a_line_end_is_answered),
        STAGE_TEST(only_the_allowed_agencies_may_speak),
        STAGE_TEST(a_bet_after_done_is_refused),
        STAGE_TEST(a_bet_after_the_draw_is_refused),
        STAGE_TEST(a_message_that_is_too_long_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_without_end_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_of_exactly_the_limit_is_taken),
        STAGE_TEST(a_message_that_stops_half_way_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_that_trickles_in_is_as_late_as_one_that_stops),
        STAGE_TEST(one_wrong_row_makes_one_warning),
        STAGE_TEST(what_a_peer_repeats_is_summed_up_in_the_log),
        STAGE_TEST(a_peer_that_has_gone_silent_is_still_summed_up),
        STAGE_TEST(stored_bets_are_told_however_many_they_are),
        STAGE_TEST(documents_in_the_log_can_be_masked),
        STAGE_TEST(a_lotterys_own_rules_refuse_a_batch),
        STAGE_TEST(garbage_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
