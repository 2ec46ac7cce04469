/*
 * test_limits.c - who overdoes it is slowed down or refused, and the others are served.
 */
#include "lib/clock.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static uint64_t refused(const struct server *server, enum refusal_reason reason)
{
    struct segment segment = server_attach(server);
    uint64_t count = atomic_load(&segment.shared->refusals.counts[reason]);
    segment_unmap(&segment);
    return count;
}

/* --------------------------------------------------------------- strangers ---- */

static void a_stranger_gives_its_place_up_and_the_known_keep_theirs(void **state)
{
    enum { KNOWN = 3, NEWCOMERS = 5 };
    struct stage *stage = *state;
    struct server *server = server_start(
        stage, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=8", "LIMITS_UNIDENTIFIED_CONNECTIONS=2"));
    struct peer *known[KNOWN];
    for (unsigned i = 0; i < KNOWN; i++) {
        known[i] = peer_connect(server);
        peer_ask(known[i], bets_batch(stage, i + 1, 0, 1), "server:0\r\n");
    }
    struct peer *first = peer_connect(server);
    peer_ask(first, "here\n", "here\n");
    struct peer *second = peer_connect(server);
    peer_ask(second, "here\n", "here\n");
    struct peer *agency = peer_connect(server);
    peer_ask(agency, bets_batch(stage, 4, 0, 1), "server:0\r\n");
    peer_expect_close(first);
    peer_ask(second, "still here\n", "still here\n");
    for (unsigned i = 0; i < KNOWN; i++) {
        peer_ask(known[i], bets_batch(stage, i + 1, 1, 1), "server:0\r\n");
    }
    peer_ask(agency, bets_batch(stage, 4, 1, 1), "server:0\r\n");
    (void)server_await_log(server, 1, "evict_connection | result: success");
    assert_int_equal(refused(server, REFUSAL_EVICTED), 1);
}

/* A probe says nothing, and neither does an agency that may not bet. */
static void only_an_agency_that_is_allowed_is_known(void **state)
{
    struct server *server = server_start(
        *state, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=8", "LIMITS_UNIDENTIFIED_CONNECTIONS=1"));
    struct peer *unknown = peer_connect(server);
    peer_ask(unknown, "99:7\r\n", "server:1\r\n");
    struct peer *agency = peer_connect(server);
    peer_ask(agency, "1:7\r\n", "server:8:0,open*\r\n");
    peer_expect_close(unknown);
    assert_int_equal(refused(server, REFUSAL_NOT_ALLOWED), 1);
    assert_int_equal(refused(server, REFUSAL_EVICTED), 1);
}

static void an_address_of_many_strangers_is_refused_for_a_while(void **state)
{
    enum { BURST = 6 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_STRANGERS_PER_SECOND=1"));
    struct peer *known = peer_connect(server);
    peer_ask(known, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    for (int i = 0; i < BURST; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "here\n", "here\n");
        peer_close(peer);
    }
    (void)server_await_log(server, BURST, "action: reap | *role: handler");
    peer_expect_close(peer_connect(server));
    assert_int_equal(refused(server, REFUSAL_STRANGERS), 1);
    peer_ask(known, bets_batch(stage, 1, 1, 1), "server:0\r\n");
    /* As long as it takes, and no longer: a connection a second. */
    struct deadline deadline = deadline_in(DEADLINE_MS);
    bool came = false;
    while (!came && deadline_pause(deadline)) {
        peer_close(peer_connect(server));
        came = server_count_log(server, "accept_connections | result: success") == BURST + 2;
    }
    assert_true(came);
}

/* ----------------------------------------------------------------- refusals ---- */

static void a_connection_of_nothing_but_refused_messages_is_closed(void **state)
{
    enum { BURST = 50 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_REFUSED_PER_SECOND=1"));
    struct peer *peer = peer_connect(server);
    struct peer *good = peer_connect(server);
    peer_ask(peer, "1:status\r\n", "server:STATE:0,open*,1\r\n");
    peer_send(peer, bets_repeat(stage, "99:4:x\n\r\n", 2 * BURST));
    for (int i = 0; i < BURST; i++) {
        peer_expect(peer, "server:1:the agency is not allowed\r\n");
    }
    const char *last = peer_receive_message(peer);
    while (strcmp(last, "server:1:the agency is not allowed\r\n") == 0) { /* it took seconds */
        last = peer_receive_message(peer);
    }
    assert_string_equal(last, "server:1:too many refused messages: the connection is closed\r\n");
    peer_expect_close(peer);
    (void)server_await_log(server, 1, "close_connection*too many refused messages");
    assert_int_equal(refused(server, REFUSAL_MESSAGES), 1);
    peer_ask(good, bets_batch(stage, 1, 0, 1), "server:1\r\n"); /* claimed by the other */
    peer_ask(good, bets_batch(stage, 2, 0, 1), "server:0\r\n");
}

static void endless_probes_are_ended(void **state)
{
    enum { BURST = 50 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_REFUSED_PER_SECOND=1"));
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_repeat(stage, "x\n", 4 * BURST));
    size_t bytes = peer_drain(peer);
    assert_in_range(bytes, 2 * BURST, 4 * BURST);
    (void)server_await_log(server, 1, "close_connection*too many probes");
    assert_int_equal(refused(server, REFUSAL_PROBES), 1);
}

/* --------------------------------------------------------------------- bets ---- */

/* A second's worth comes at once. What is more comes as fast as the limit says, on any connection. */
static void an_agency_bets_no_faster_than_its_limit(void **state)
{
    enum { A_SECOND = 100, BATCHES = 15, ROWS = 10, HALF_A_SECOND_MS = 500 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_BETS_PER_SECOND=100"));
    struct peer *first = peer_connect(server);
    struct peer *second = peer_connect(server);
    struct peer *other = peer_connect(server);
    int64_t began_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(i % 2 == 0 ? first : second, bets_batch(stage, 1, i * ROWS, ROWS));
    }
    peer_ask(other, bets_batch(stage, 2, 0, ROWS), "server:0\r\n");
    peer_expect(first, bets_repeat(stage, "server:0\r\n", BATCHES - BATCHES / 2));
    peer_expect(second, bets_repeat(stage, "server:0\r\n", BATCHES / 2));
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    assert_true(took_ms >= HALF_A_SECOND_MS - 1);
    assert_int_equal(refused(server, REFUSAL_BETS), 0);
}

static void a_stop_ends_the_wait_of_an_agency_that_was_too_fast(void **state)
{
    enum { ROWS = 30 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_BETS_PER_SECOND=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, ROWS), "server:0\r\n");
    peer_send(peer, bets_batch(stage, 1, ROWS, 1));
    server_await_activity(server, peer->port, SLOT_WAITING_FOR_TURN);
    server_stop_well(server);
    peer_expect(peer, "server:0\r\n");
}

static void bets_that_would_wait_too_long_are_refused_with_the_reason(void **state)
{
    enum { ROWS = 100 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LIMITS_BETS_PER_SECOND=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7:*\r\n", "server:8:0,open*,1\r\n");
    peer_ask(peer, bets_batch(stage, 1, 0, ROWS), "server:0\r\n");
    peer_ask(peer, bets_batch(stage, 1, ROWS, 1), "server:1:too many bets a second\r\n");
    assert_int_equal(refused(server, REFUSAL_BETS), 1);
    bets_expect_stored(server, 1, 0, ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_stranger_gives_its_place_up_and_the_known_keep_theirs),
        STAGE_TEST(only_an_agency_that_is_allowed_is_known),
        STAGE_TEST(an_address_of_many_strangers_is_refused_for_a_while),
        STAGE_TEST(a_connection_of_nothing_but_refused_messages_is_closed),
        STAGE_TEST(endless_probes_are_ended),
        STAGE_TEST(an_agency_bets_no_faster_than_its_limit),
        STAGE_TEST(a_stop_ends_the_wait_of_an_agency_that_was_too_fast),
        STAGE_TEST(bets_that_would_wait_too_long_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
