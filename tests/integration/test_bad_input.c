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

static void expect_refusals(struct stage *stage, const struct wrong *wrongs, size_t count)
{
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    for (size_t i = 0; i < count; i++) {
        size_t before = server_count_log(server, wrongs[i].log);
        peer_ask(peer, wrongs[i].message, wrongs[i].answer);
        peer_ask(peer, "still there\n", "still there\n");
        (void)server_await_log(server, before + 1, wrongs[i].log);
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
    peer_ask(peer, bets_batch(stage, 1, 0, 2), "server:0\r\n");
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
        {"1:6:1\r\n", "server:1\r\n", "takes no body"},
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
        {"hello\r\n", "server:1\r\n", "no sender"},
        {"\r\n", "server:1\r\n", "no sender"},
    };
    expect_refusals(*state, wrongs, sizeof wrongs / sizeof wrongs[0]);
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
    (void)server_await_log(server, 1, "apuesta_recibida | result: fail*agency: 2*draw");
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
        STAGE_TEST(only_the_allowed_agencies_may_speak),
        STAGE_TEST(a_bet_after_done_is_refused),
        STAGE_TEST(a_bet_after_the_draw_is_refused),
        STAGE_TEST(a_message_that_is_too_long_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_without_end_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_of_exactly_the_limit_is_taken),
        STAGE_TEST(a_message_that_stops_half_way_gets_error_and_the_connection_is_closed),
        STAGE_TEST(a_message_that_trickles_in_is_as_late_as_one_that_stops),
        STAGE_TEST(garbage_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
