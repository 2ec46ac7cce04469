/*
 * test_connections.c - peers come in numbers, and go in every possible way.
 */
#include "bet/message.h"
#include "lib/log_limit.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define REAPED_WELL "action: reap | result: success | role: handler"

enum { A_MOMENT_MS = 100 /* in which something that must not happen would */ };

/* Awaits that so many handlers were reaped, and that the process table agrees. */
static void expect_handlers_gone(const struct server *server, size_t reaped, unsigned left)
{
    (void)server_await_log(server, reaped, "action: reap | *role: handler");
    assert_int_equal(server_count_handlers(server), left);
    assert_int_equal(server_gate(server).handlers, left);
}

/* ----------------------------------------------------------------- limits ---- */

/* Agencies that are known have all places: nobody gives one up. */
static void connections_past_the_limit_wait_and_are_served_then(void **state)
{
    enum { WAITING = 6 };
    struct server *server = server_start(*state, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=2"));
    struct peer *first = peer_connect(server);
    peer_ask(first, "1:7\r\n", "server:8:0,open*\r\n");
    struct peer *second = peer_connect(server);
    peer_ask(second, "2:7\r\n", "server:8:0,open*\r\n");
    struct peer *waiting[WAITING];
    for (int i = 0; i < WAITING; i++) {
        waiting[i] = peer_connect(server);
        peer_send(waiting[i], "waiting\n");
    }
    assert_false(peer_has_news(waiting[0], A_MOMENT_MS));
    assert_int_equal(server_count_handlers(server), 2);
    peer_close(first);
    for (int i = 0; i < WAITING; i++) {
        peer_expect(waiting[i], "waiting\n"); /* in the order in which they came */
        peer_close(waiting[i]);
    }
    peer_ask(second, "2:7\r\n", "server:8:0,open*\r\n");
}

static void a_full_backlog_is_served_one_after_the_other(void **state)
{
    enum { BACKLOG = 8 };
    struct server *server =
        server_start(*state, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=1", "SERVER_LISTEN_BACKLOG=8"));
    struct peer *peers[BACKLOG + 1];
    for (int i = 0; i <= BACKLOG; i++) {
        peers[i] = peer_connect(server);
        peer_send(peers[i], bets_batch(*state, 1, (unsigned)i, 1));
    }
    for (int i = 0; i <= BACKLOG; i++) {
        peer_expect(peers[i], "server:0\r\n");
        peer_close(peers[i]);
    }
    expect_handlers_gone(server, BACKLOG + 1, 0);
    bets_expect_stored(server, 1, 0, BACKLOG + 1);
}

static void an_address_gets_no_more_connections_than_its_limit(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("LIMITS_CONNECTIONS_PER_ADDRESS=2"));
    struct peer *first = peer_connect(server);
    struct peer *second = peer_connect(server);
    peer_ask(first, "here\n", "here\n");
    peer_ask(second, "here\n", "here\n");
    struct peer *third = peer_connect(server);
    peer_expect_close(third);
    (void)server_await_log(server, 1, "accept_connections | result: fail*connections_per_address");
    peer_close(first);
    expect_handlers_gone(server, 1, 1);
    third = peer_connect(server);
    peer_ask(third, "here\n", "here\n");
}

/* Of each refused connection there is a line, or it is in a sum. */
static void a_flood_of_refused_connections_is_summed_up(void **state)
{
    enum { FLOOD = 200, LINES_MAX = LOG_LIMIT_BURST + FLOOD / 4, DECIMAL = 10 };
    static const char summary[] = "result: fail | suppressed: ";
    struct server *server = server_start(*state, ENVIRONMENT("LIMITS_CONNECTIONS_PER_ADDRESS=1"));
    struct peer *only = peer_connect(server);
    peer_ask(only, "here\n", "here\n");
    for (int i = 0; i < FLOOD; i++) {
        struct peer *peer = peer_connect(server);
        peer_expect_close(peer);
        peer_close(peer);
    }
    (void)server_await_log(server, 1, "accept_connections | result: fail | suppressed: ");
    server_stop_well(server);
    size_t lines = server_count_log(server, "result: fail*limits.connections_per_address");
    size_t told = lines;
    for (const char *at = program_log(server->program); (at = strstr(at, summary)) != NULL;) {
        at += sizeof summary - 1;
        told += strtoul(at, NULL, DECIMAL);
    }
    assert_int_equal(told, FLOOD);
    assert_in_range(lines, LOG_LIMIT_BURST, LINES_MAX);
}

/* ----------------------------------------------------------------- leaving ---- */

static void three_hundred_connections_that_come_and_go_leave_no_process(void **state)
{
    enum { CONNECTIONS = 300 };
    struct server *server = server_start(*state, NULL);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct peer *peer = peer_connect(server);
        if (i % 3 == 0) {
            peer_ask(peer, "hello\n", "hello\n");
        } else if (i % 3 == 1) {
            peer_send(peer, "1:7\r\n");
        }
        peer_close(peer);
    }
    expect_handlers_gone(server, CONNECTIONS, 0);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    (void)server_await_log(server, CONNECTIONS + 1, "accept_connections | result: success");
    struct segment segment = server_attach(server);
    struct shared_supervisor *counters = &segment.shared->supervisor;
    assert_int_equal(atomic_load(&counters->connections_accepted), CONNECTIONS + 1);
    assert_int_equal(atomic_load(&counters->connections_open), 1);
    assert_int_equal(atomic_load(&counters->handlers_killed), 0);
    segment_unmap(&segment);
}

static void fifty_connections_at_a_time_are_all_served(void **state)
{
    enum { CONNECTIONS = 50 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=50"));
    struct peer *peers[CONNECTIONS];
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        peers[i] = peer_connect(server);
        peer_send(peers[i], bets_batch(stage, i + 1, 10 * i, 10));
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        peer_expect(peers[i], "server:0\r\n");
    }
    assert_int_equal(server_gate(server).handlers, CONNECTIONS);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        bets_expect_stored(server, i + 1, 10 * i, 10);
    }
}

static void a_peer_that_half_closes_gets_all_its_answers(void **state)
{
    enum { BATCHES = 30 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("WINNERS_WAIT=50ms"));
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1, i * 10, 10));
    }
    peer_send(peer, "1:5\r\n1:6\r\n");
    peer_half_close(peer);
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES + 1));
    peer_expect(peer, "server:2\r\n");
    peer_expect_close(peer);
    bets_expect_stored(server, 1, 0, BATCHES * 10);
    expect_handlers_gone(server, 1, 0);
}

static void a_peer_that_resets_harms_nobody(void **state)
{
    enum { PEERS = 20 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *good = peer_connect(server);
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "here\n", "here\n");
        peer_send(peer, i % 2 == 0 ? bets_batch(stage, 2, i, 1) : "2:4:half a mes");
        peer_reset(peer);
        peer_ask(good, bets_batch(stage, 1, i, 1), "server:0\r\n");
    }
    expect_handlers_gone(server, PEERS, 1);
    assert_int_equal(server_count_log(server, REAPED_WELL), PEERS);
    bets_expect_stored(server, 1, 0, PEERS);
}

static void a_message_cut_short_by_its_peer_stores_nothing(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    const char *batch = bets_batch(stage, 1, 0, 5);
    peer_ask(peer, "here\n", "here\n");
    peer_send_bytes(peer, batch, strlen(batch) - 1);
    peer_close(peer);
    expect_handlers_gone(server, 1, 0);
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void a_peer_that_vanishes_at_the_gate_is_let_go(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("WINNERS_WAIT=500ms"));
    struct peer *peer = peer_connect(server);
    peer_send(peer, "1:6\r\n");
    server_await_waiting(server, 1);
    peer_reset(peer);
    expect_handlers_gone(server, 1, 0);
}

static void a_silent_connection_is_closed_after_its_time(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("TIMEOUTS_IDLE=200ms"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "here\n", "here\n");
    peer_expect_close(peer);
    (void)server_await_log(server, 1, "close_connection*timeouts.idle");
    expect_handlers_gone(server, 1, 0);
}

/* Sends probes and reads no echo, until the server has had enough of it. */
static void a_peer_that_never_reads_its_answers_is_given_up(void **state)
{
    enum { PROBES_TOGETHER = 1000, ROUNDS_MAX = 2000 };
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("TIMEOUTS_ANSWER=200ms", "LIMITS_REFUSED_PER_SECOND=0"));
    struct peer *deaf = peer_connect(server);
    struct peer *good = peer_connect(server);
    const char *probe = stage_text(stage, "%s\n", bets_repeat(stage, "x", MESSAGE_PROBE_BYTES_MAX));
    const char *probes = bets_repeat(stage, probe, PROBES_TOGETHER);
    for (int i = 0; i < ROUNDS_MAX && server_count_log(server, REAPED_WELL) == 0; i++) {
        peer_send(deaf, probes);
    }
    peer_ask(good, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    expect_handlers_gone(server, 1, 1);
}

/* Each of its look-ups would wait for the draw in turn. */
static void a_peer_that_asked_for_much_and_went_is_let_go(void **state)
{
    enum { LOOK_UPS = 1000 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("WINNERS_WAIT=100ms"));
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_repeat(stage, "1:6\r\n", LOOK_UPS));
    server_await_activity(server, peer->port, SLOT_WAITING_AT_GATE);
    peer_close(peer);
    expect_handlers_gone(server, 1, 0);
}

/* ----------------------------------------------------------------- killing ---- */

static void a_killed_handler_harms_nobody(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *victim = peer_connect(server);
    struct peer *other = peer_connect(server);
    peer_ask(victim, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    peer_ask(other, bets_batch(stage, 2, 0, 3), "server:0\r\n");
    server_kill_handler(server, victim->port);
    peer_expect_close(victim);
    (void)server_await_log(server, 1, "reap | result: fail | role: handler*signal 9");
    expect_handlers_gone(server, 1, 1);
    peer_ask(other, bets_batch(stage, 2, 3, 3), "server:0\r\n");
    victim = peer_connect(server);
    peer_ask(victim, "1:7\r\n", "server:8:3,open*\r\n");
    peer_ask(victim, bets_batch(stage, 1, 3, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
    bets_expect_stored(server, 2, 0, 6);
}

static void a_killed_storer_is_replaced_and_nobody_notices(void **state)
{
    enum { DEATHS = 5 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < DEATHS; i++) {
        peer_send(peer, bets_batch(stage, 1, i * 10, 10));
        server_kill_storer(server);
        peer_expect(peer, "server:0\r\n");
        (void)server_await_log(server, i + 2, "action: storer_start | result: success");
    }
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    bets_expect_stored(server, 1, 0, DEATHS * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(connections_past_the_limit_wait_and_are_served_then),
        STAGE_TEST(a_full_backlog_is_served_one_after_the_other),
        STAGE_TEST(an_address_gets_no_more_connections_than_its_limit),
        STAGE_TEST(a_flood_of_refused_connections_is_summed_up),
        STAGE_TEST(three_hundred_connections_that_come_and_go_leave_no_process),
        STAGE_TEST(fifty_connections_at_a_time_are_all_served),
        STAGE_TEST(a_peer_that_half_closes_gets_all_its_answers),
        STAGE_TEST(a_peer_that_resets_harms_nobody),
        STAGE_TEST(a_message_cut_short_by_its_peer_stores_nothing),
        STAGE_TEST(a_peer_that_vanishes_at_the_gate_is_let_go),
        STAGE_TEST(a_silent_connection_is_closed_after_its_time),
        STAGE_TEST(a_peer_that_never_reads_its_answers_is_given_up),
        STAGE_TEST(a_peer_that_asked_for_much_and_went_is_let_go),
        STAGE_TEST(a_killed_handler_harms_nobody),
        STAGE_TEST(a_killed_storer_is_replaced_and_nobody_notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
