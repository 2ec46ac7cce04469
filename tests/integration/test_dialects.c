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
    peer_ask(peer, "1:status\r\n", "server:STATE:0,open*,1\r\n");
    peer_ask(peer, "1:Bet:" ROW_A "\n\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:BET:" ROW_B "\n\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:sTaTuS\r\n", "server:STATE:2,open*,1\r\n");
    peer_ask(peer, "1:done\r\n", "server:ACK\r\n");
    peer_ask(peer, "1:Request\r\n", "server:WAIT\r\n");
    peer_ask(peer, "1:ack\r\n", "server:ERROR:the type is the server's\r\n");
}

static void a_batch_without_its_last_line_feed_is_refused_whole(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" ROW_A "\r\n", "server:1\r\n");
    peer_ask(peer, "1:bet:" ROW_A "\n" ROW_B "\r\n", "server:ERROR\r\n");
    peer_ask(peer, "1:" ROW_A "\n" ROW_B "\r\n", "server:1\n");
    peer_ask(peer, "1:" ROW_A "\r\n", "server:1\n");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
    (void)server_await_log(server, 1, "result: fail | cantidad: 1 | agency: 1*not end in LF");
    (void)server_await_log(server, 2, "result: fail | cantidad: 2 | agency: 1*not end in LF");
    (void)server_await_log(server, 1, "result: fail | cantidad: 1*untyped_messages: single?");
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
    peer_ask(peer, "hola\r\n", "hola\r\n"); /* nc -C, telnet */
    peer_ask(peer, "[CLIENT 1] Message N°1\n", "[CLIENT 1] Message N°1\n");
    peer_ask(peer, "netcat test 123456-32767\n", "netcat test 123456-32767\n");
    (void)server_await_log(server, 1, "receive_message | result: success | bytes: 6 | pid: *ip: ");
    assert_int_equal(server_count_log(server, "hola"), 0); /* what it said is nobody's business */
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
    peer_send(peer, "echo\n"
                    "1:4:" ROW_A "\n\r\n"
                    "1:bet:" ROW_A "\n\r\n"
                    "1:" ROW_A "\n\r\n"
                    "1:6\r\n"
                    "1:request\r\n"
                    "1:9\r\n"
                    "1:7\r\n");
    peer_expect(peer, "echo\n"
                      "server:0\r\n"
                      "server:ACK\r\n"
                      "server:0\n"
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
    peer_send(peer, stage_text(stage, "one\ntwo\n%s%s1:7\r\n1:4:bad\n\r\n1:7\r\n1:5\r\n%sthree\n",
                               bets_batch(stage, 1, 0, 3), bets_batch(stage, 1, 3, 4),
                               bets_batch(stage, 1, 7, 1)));
    peer_expect(peer, "one\ntwo\nserver:0\r\nserver:0\r\nserver:8:7,open*\r\nserver:1\r\n"
                      "server:8:7,open*\r\nserver:0\r\nserver:1\r\nserver:1\r\n");
    bets_expect_stored(server, 1, 0, 7);
}

static void messages_in_one_byte_segments_are_put_together(void **state)
{
    struct server *server = start(state);
    struct peer *peer = peer_connect(server);
    peer_send_bytewise(peer, "probe\n1:4:" ROW_A "\n" ROW_B "\n\r\n1:status\r\n1:" ROW_B "\n\r\n");
    peer_expect(peer, "probe\nserver:0\r\nserver:STATE:2,open*,1\r\nserver:0\n");
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

/* What a client of Windows sends: rows that end in CRLF, and an empty line. */
#define WINDOWS_ROWS ROW_A "\r\n" ROW_B "\r\n" ROW_A "\r\n\r\n"

/* Sends it cut in two at every byte, on connections of their own; returns the rows stored. */
static size_t store_cut_anywhere(struct stage *stage, struct server *server, const char *message,
                                 const char *answers)
{
    size_t bytes = strlen(message);
    for (size_t cut = 1; cut < bytes; cut++) {
        struct peer *peer = peer_connect(server);
        peer_send_bytes(peer, message, cut);
        peer_send_bytes(peer, message + cut, bytes - cut);
        peer_expect(peer, answers);
        peer_ask(peer, "9:6\r\n", "server:1\r\n"); /* not one answer more */
        peer_close(peer);
    }
    return reckoning_read(stage, server_file(server, "bets.csv"))->count;
}

static void a_batch_with_windows_line_ends_is_never_taken_half(void **state)
{
    static const char *const settings[] = {"UNTYPED_MESSAGES=batch", "UNTYPED_MESSAGES=single"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct server *server = server_start(*state, ENVIRONMENT(settings[i]));
        assert_int_equal(store_cut_anywhere(*state, server, "1:4:" WINDOWS_ROWS,
                                            "server:1\r\nserver:1\r\nserver:1\r\nserver:1\r\n"),
                         0);
        assert_int_equal(store_cut_anywhere(*state, server, "1:BET:" WINDOWS_ROWS,
                                            "server:ERROR\r\nserver:1\r\nserver:1\r\nserver:1\r\n"),
                         0);
        if (i == 0) {
            assert_int_equal(store_cut_anywhere(*state, server, "1:" WINDOWS_ROWS,
                                                "server:1\nserver:1\r\nserver:1\r\nserver:1\r\n"),
                             0);
        }
        server_stop_well(server);
    }
}

static void a_single_row_may_end_in_crlf_where_single_rows_are_expected(void **state)
{
    static const char row[] = "1:" ROW_A "\r\n";
    struct server *server = server_start(*state, ENVIRONMENT("UNTYPED_MESSAGES=single"));
    assert_int_equal(store_cut_anywhere(*state, server, row, "server:0\n"), sizeof row - 2);
    const struct reckoning *stored = reckoning_read(*state, server_file(server, "bets.csv"));
    assert_int_equal(reckoning_count_bet(stored, 1, ROW_A), stored->count);
}

/* -------------------------------------------------- the wrong dialect for the setting ---- */

static void a_batch_where_single_rows_are_expected_is_refused_behind_its_first_row(void **state)
{
    static const char *const ends[] = {"\n", "\r\n"};
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("UNTYPED_MESSAGES=single"));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_send(peer, stage_text(stage, "1:" ROW_A "%s" ROW_B "%s" ROW_A "%s\r\n", ends[i],
                                   ends[i], ends[i]));
        peer_expect(peer, "server:0\nserver:1\r\nserver:1\r\nserver:1\r\n");
        (void)server_await_log(server, 2 * (i + 1), "WARNING*untyped_messages: batch[?]*pid: ");
    }
    assert_int_equal(reckoning_read(stage, server_file(server, "bets.csv"))->count, 2);
}

static void a_single_row_where_batches_are_expected_is_named_when_no_more_comes(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("TIMEOUTS_MESSAGE=100ms"));
    struct peer *waiting = peer_connect(server);
    struct peer *closing = peer_connect(server);
    peer_ask(waiting, "1:" ROW_A "\n", "server:1\r\n");
    peer_expect_close(waiting);
    (void)server_await_log(server, 1, "WARNING*one whole untyped row*untyped_messages: single[?]");
    peer_send(closing, "2:" ROW_A "\n");
    peer_half_close(closing);
    peer_expect(closing, "server:1\r\n");
    peer_expect_close(closing);
    (void)server_await_log(server, 2, "WARNING*one whole untyped row*untyped_messages: single[?]");
    struct peer *batch = peer_connect(server);
    peer_ask(batch, "1:" ROW_A "\n" ROW_B "\n", "server:1\r\n");
    (void)server_await_log(server, 1, "WARNING*did not arrive whole");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
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

/* More than a handler serves in a turn: it goes on without waiting for more to come. */
static void thousands_of_messages_in_one_go_are_all_answered(void **state)
{
    enum { MESSAGES = 5000 };
    struct stage *stage = *state;
    struct peer *peer = peer_connect(start(state));
    peer_send(peer, stage_text(stage, "%s1:6\r\n", bets_repeat(stage, "x:5\r\n", MESSAGES)));
    peer_expect(peer, bets_repeat(stage, "server:1\r\n", MESSAGES));
    peer_expect(peer, "server:2\r\n");
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
        STAGE_TEST(a_batch_without_its_last_line_feed_is_refused_whole),
        STAGE_TEST(a_message_without_a_type_is_a_batch),
        STAGE_TEST(a_message_without_a_type_is_one_bet_where_configured_so),
        STAGE_TEST(a_line_without_a_colon_comes_back_unchanged),
        STAGE_TEST(a_probe_that_half_closes_gets_its_echo_and_the_end),
        STAGE_TEST(dialects_may_change_from_message_to_message),
        STAGE_TEST(many_messages_in_one_segment_are_answered_in_order),
        STAGE_TEST(messages_in_one_byte_segments_are_put_together),
        STAGE_TEST(a_message_may_be_cut_at_any_byte),
        STAGE_TEST(a_batch_with_windows_line_ends_is_never_taken_half),
        STAGE_TEST(a_single_row_may_end_in_crlf_where_single_rows_are_expected),
        STAGE_TEST(a_batch_where_single_rows_are_expected_is_refused_behind_its_first_row),
        STAGE_TEST(a_single_row_where_batches_are_expected_is_named_when_no_more_comes),
        STAGE_TEST(thousands_of_messages_in_one_go_are_all_answered),
        STAGE_TEST(two_hundred_pipelined_batches_are_stored_in_order),
        STAGE_TEST(a_wrong_batch_among_pipelined_ones_fails_alone),
        STAGE_TEST(batches_of_two_agencies_may_share_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
