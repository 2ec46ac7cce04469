/*
 * test_promote.c - what `lottery-admin promote` says to whoever waits for it, by its exit status: the node
 * serves (0), nothing was claimed and all is as before (1), the log is the node's and it does not serve (4).
 *
 * The engine is one node of NATS.
 */
#include "tests/harness/bets.h"
#include "tests/harness/centre.h"
#include "tests/harness/deadline.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SERVES = 0, NOT_CLAIMED = 1, CLAIMED = 4 };

#define PROMOTE ARGUMENTS("promote")

/* Somebody else's socket has the port that a server of this node would take. */
static int occupy(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(taken >= 0);
    assert_int_equal(bind(taken, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(taken, 1), 0);
    return taken;
}

static void a_primary_is_none_to_promote_and_goes_on(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    operator_administer(primary, PROMOTE, NOT_CLAIMED, "ask its standby");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), "server:0\r\n");
    /* The standby, asked next, serves when it has said so; so the one that is none any more says 1 as well. */
    operator_administer(standby, PROMOTE, SERVES, "by claim 3 of the log");
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    operator_administer(primary, PROMOTE, NOT_CLAIMED, "no server listens");
    bets_expect_stored(standby, 1, 0, 15);
}

/* Before a primary has claimed the log there is nothing to take over. */
static void without_a_log_nothing_is_claimed_and_the_standby_follows_on(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *standby = centre_start_standby(centre, 1, "1h");
    operator_administer(standby, PROMOTE, NOT_CLAIMED, "there is nothing to take over");
    struct server *primary = centre_start_primary(centre, 0);
    (void)centre_sell(primary, standby, 10);
    server_stop_well(standby);
}

static void a_node_that_claims_and_can_not_listen_says_so_and_another_start_serves(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    (void)centre_sell(primary, standby, 10);
    int taken = occupy(centre->ports[1]);
    operator_administer(standby, PROMOTE, CLAIMED, "the log is this node's");
    assert_int_not_equal(program_await_end(standby->program).status, SERVES);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    assert_int_equal(close(taken), 0);
    struct server *again = centre_start_primary(centre, 1); /* the log is its own */
    struct peer *peer = peer_connect(again);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), "server:0\r\n");
    bets_expect_stored(again, 1, 0, 15);
}

/* One claims after the other. Whoever claims last serves; the other one says so, or has served a moment. */
static void of_two_that_are_promoted_at_once_one_serves_in_the_end(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *const standbys[] = {centre_start_standby(centre, 1, "1h"),
                                       centre_start_standby(centre, 2, "1h")};
    (void)centre_sell(primary, standbys[0], 10);
    centre_await_same(primary, standbys[1], "bets.csv");
    struct program *const orders[] = {operator_start(standbys[0], PROMOTE),
                                      operator_start(standbys[1], PROMOTE)};
    const int statuses[] = {program_await_end(orders[0]).status,
                            program_await_end(orders[1]).status};
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!program_has_ended(standbys[0]->program) && !program_has_ended(standbys[1]->program)) {
        assert_true(deadline_pause(deadline));
    }
    const int loser = program_has_ended(standbys[0]->program) ? 0 : 1;
    struct server *winner = standbys[1 - loser];
    assert_int_equal(program_await_end(standbys[loser]->program).status, CENTRE_FENCED);
    assert_int_equal(statuses[1 - loser], SERVES);
    if (statuses[loser] != SERVES) {
        assert_int_equal(statuses[loser], CLAIMED);
        assert_non_null(strstr(program_errors(orders[loser]), "another node has claimed"));
    }
    struct peer *peer = peer_connect(winner);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), "server:0\r\n");
    bets_expect_stored(winner, 1, 0, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_primary_is_none_to_promote_and_goes_on),
        STAGE_TEST(without_a_log_nothing_is_claimed_and_the_standby_follows_on),
        STAGE_TEST(a_node_that_claims_and_can_not_listen_says_so_and_another_start_serves),
        STAGE_TEST(of_two_that_are_promoted_at_once_one_serves_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
