/*
 * test_dialects.c - every way to speak to the server, and how messages are cut
 * out of what arrives.
 */
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define ROW_A "Ana,Paz,11111111,1980-01-31,1"
#define ROW_B "Luz,Sol,22222222,1990-12-01,2"

static struct server *start(void **state)
{
    return server_start(*state, ENVIRONMENT("WINNERS_WAIT=0s"));
}

/* ------------------------------------------------------------- dialects ---- */

static void messages_by_code_are_answered_by_code(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "1:4:" ROW_A "\n" ROW_B "\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:2,open*\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:2\r\n");
    peer_ask(peer, "1:9\r\n", "server:1\r\n");
}

static void messages_by_name_in_any_case_are_answered_by_name(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:status\r\n", "server:STATE:0,open*\r\n");
    peer_ask(peer, "1:Bet:" ROW_A "\n\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:BET:" ROW_B "\n\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:sTaTuS\r\n", "server:STATE:2,open*\r\n");
    peer_ask(peer, "1:done\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:Request\r\n", "server:WAIT\r\n");
    peer_ask(peer, "1:ack\r\n", "server:ERROR\r\n");
}

static void the_last_line_feed_of_a_batch_may_be_missing(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" ROW_A "\r\n", "server:0\r\n");
    peer_ask(peer, "1:4:" ROW_A "\n" ROW_B "\r\n", "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:3,open*\r\n");
}

static void a_message_without_a_type_is_a_batch(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:" ROW_A "\n" ROW_B "\n\r\n", "server:0\n");
    peer_ask(peer, "2:" ROW_B "\n\r\n", "server:0\n");
    peer_ask(peer, "2:" ROW_B "\nnonsense\n\r\n", "server:1\n");
    struct reckoning *stored = reckoning_read(*state, server_file(server, "bets.csv"));
    assert_int_equal(stored->count, 3);
    assert_int_equal(reckoning_count_bet(stored, 1, ROW_A), 1);
    assert_int_equal(reckoning_count_bet(stored, 1, ROW_B), 1);
    assert_int_equal(reckoning_count_bet(stored, 2, ROW_B), 1);
}

static void a_message_without_a_type_is_one_bet_where_configured_so(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("UNTYPED_MESSAGES=single"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:" ROW_A "\n", "server:0\n");
    peer_ask(peer, "2:" ROW_A "\n3:" ROW_B "\n3:nonsense,\n", "server:0\nserver:0\nserver:1\n");
    peer_ask(peer, "1:4:" ROW_A "\n" ROW_B "\n\r\n", "server:0\r\n");
    struct reckoning *stored = reckoning_read(*state, server_file(server, "bets.csv"));
    assert_int_equal(stored->count, 5);
    assert_int_equal(reckoning_count(stored, 1), 3);
    assert_int_equal(reckoning_count_bet(stored, 2, ROW_A), 1);
    assert_int_equal(reckoning_count_bet(stored, 3, ROW_B), 1);
    (void)server_await_log(server, 1, "apuesta_almacenada | result: success*dni: 11111111*numero");
}

static void a_line_without_a_colon_comes_back_unchanged(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "test\n", "test\n");
    peer_ask(peer, "\n", "\n");
    peer_ask(peer, "  ¿hola, qué tal? \n", "  ¿hola, qué tal? \n");
    (void)server_await_log(server, 1, "action: receive_message | result: success*msg: test");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void a_probe_that_half_closes_gets_its_echo_and_the_end(void **state)
{
    struct peer *peer = peer_connect(start(state));
    peer_send(peer, "test\n");
    peer_half_close(peer);
    peer_expect(peer, "test\n");
    peer_expect_close(peer);
}

static void dialects_may_change_from_message_to_message(void **state)
{
    struct peer *peer = peer_connect(start(state));
    peer_send(peer, "1:4:" ROW_A "\n\r\n"
                    "1:bet:" ROW_A "\n\r\n"
                    "1:" ROW_A "\n\r\n"
                    "echo\n"
                    "1:6\r\n"
                    "1:request\r\n"
                    "1:9\r\n"
                    "1:7\r\n");
    peer_expect(peer, "server:0\r\n"
                      "server:ACK\r\n"
                      "server:0\n"
                      "echo\n"
                      "server:2\r\n"
                      "server:WAIT\r\n"
                      "server:1\r\n"
                      "server:8:3,open*\r\n");
}

/* -------------------------------------------------------------- framing ---- */

static void many_messages_in_one_segment_are_answered_in_order(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_send(peer, stage_text(stage, "one\n%s%s1:7\r\ntwo\n1:4:bad\n\r\n1:7\r\n1:5\r\n%sthree\n",
                               bets_batch(stage, 1, 0, 3), bets_batch(stage, 1, 3, 4),
                               bets_batch(stage, 1, 7, 1)));
    peer_expect(peer, "one\nserver:0\r\nserver:0\r\nserver:8:7,open*\r\ntwo\nserver:1\r\n"
                      "server:8:7,open*\r\nserver:0\r\nserver:1\r\nthree\n");
    bets_expect_stored(server, 1, 0, 7);
}

static void messages_in_one_byte_segments_are_put_together(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_send_bytewise(peer, "1:4:" ROW_A "\n" ROW_B "\n\r\n1:status\r\nprobe\n1:" ROW_B "\n\r\n");
    peer_expect(peer, "server:0\r\nserver:STATE:2,open*\r\nprobe\nserver:0\n");
    struct reckoning *stored = reckoning_read(*state, server_file(server, "bets.csv"));
    assert_int_equal(stored->count, 3);
    assert_int_equal(reckoning_count_bet(stored, 1, ROW_A), 1);
    assert_int_equal(reckoning_count_bet(stored, 1, ROW_B), 2);
}

static void a_message_may_be_cut_at_any_byte(void **state)
{
    static const char message[] = "1:4:" ROW_A "\n\r\n1:7\r\n";
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    for (size_t cut = 1; cut < sizeof message - 1; cut++) {
        peer_send_bytes(peer, message, cut);
        peer_send_bytes(peer, message + cut, sizeof message - 1 - cut);
        peer_expect(peer, stage_text(*state, "server:0\r\nserver:8:%zu,open*\r\n", cut));
    }
}

static void two_hundred_pipelined_batches_are_stored_in_order(void **state)
{
    enum { BATCHES = 200, BETS = 50 };
    struct stage *stage = *state;
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1, i * BETS, BETS));
    }
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    bets_expect_stored(server, 1, 0, BATCHES * BETS);
}

static void a_wrong_batch_among_pipelined_ones_fails_alone(void **state)
{
    enum { BATCHES = 100 };
    struct stage *stage = *state;
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1, i, 1));
    }
    peer_send(peer, "1:4:" ROW_A "\n" ROW_B ",\n\r\n");
    for (unsigned i = BATCHES; i < 2 * BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1, i, 1));
    }
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    peer_expect(peer, "server:1\r\n");
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    bets_expect_stored(server, 1, 0, 2 * BATCHES);
}

static void batches_of_two_agencies_may_share_a_connection(void **state)
{
    enum { BATCHES = 40 };
    struct stage *stage = *state;
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1 + i % 2, i / 2, 1));
    }
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    bets_expect_stored(server, 1, 0, BATCHES / 2);
    bets_expect_stored(server, 2, 0, BATCHES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(messages_by_code_are_answered_by_code),
        STAGE_TEST(messages_by_name_in_any_case_are_answered_by_name),
        STAGE_TEST(the_last_line_feed_of_a_batch_may_be_missing),
        STAGE_TEST(a_message_without_a_type_is_a_batch),
        STAGE_TEST(a_message_without_a_type_is_one_bet_where_configured_so),
        STAGE_TEST(a_line_without_a_colon_comes_back_unchanged),
        STAGE_TEST(a_probe_that_half_closes_gets_its_echo_and_the_end),
        STAGE_TEST(dialects_may_change_from_message_to_message),
        STAGE_TEST(many_messages_in_one_segment_are_answered_in_order),
        STAGE_TEST(messages_in_one_byte_segments_are_put_together),
        STAGE_TEST(a_message_may_be_cut_at_any_byte),
        STAGE_TEST(two_hundred_pipelined_batches_are_stored_in_order),
        STAGE_TEST(a_wrong_batch_among_pipelined_ones_fails_alone),
        STAGE_TEST(batches_of_two_agencies_may_share_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
