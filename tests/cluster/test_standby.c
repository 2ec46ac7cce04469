/*
 * test_standby.c - two nodes of a centre: what one has acknowledged, the other one serves.
 *
 * The primary's machine is lost by SIGKILL to all of its processes at once. The engine is one node of
 * NATS: what several do is test_engine_nats.c's.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/centre.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SHIPPER_KILLS = 6 };

/* ----------------------------------------------------------------- tests ---- */

static void a_standby_has_the_same_bytes_also_one_that_joins_late(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *early = centre_start_standby(centre, 1, "1h");
    agency_generate(centre->stage, 2, 20000);
    struct program *first = agency_start(primary, 1, agency_bets_file(centre->stage, 1), NULL);
    struct program *second = agency_start(primary, 2, agency_bets_file(centre->stage, 2), NULL);
    agency_expect_success(first);
    agency_expect_success(second);
    centre_await_all_same(primary, early, true);
    struct server *late = centre_start_standby(centre, 2, "1h");
    centre_await_all_same(primary, late, true);
    server_stop_well(late);
    server_stop_well(early);
}

static void agencies_go_on_at_the_standby_and_the_old_primary_follows_it(void **state)
{
    const struct centre *centre = centre_open(*state, "1");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    agency_generate(stage, 1, 200000);
    const char *addresses = stage_text(stage, "CLI_SERVER_ADDRESS=127.0.0.1:%u,127.0.0.1:%u",
                                       primary->port, standby->port);
    struct program *agency = agency_start(primary, 1, agency_bets_file(stage, 1),
                                          ENVIRONMENT(addresses, "CLI_LOOP_LAPSE=30s"));
    (void)server_await_log(primary, 20, "action: apuesta_recibida | result: success");
    server_kill_everything(primary);
    centre_await_takeover(standby);
    agency_expect_success(agency);
    const struct reckoning *stored = reckoning_read(stage, server_file(standby, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
    struct server *returned = centre_start_standby(centre, 0, "1h");
    centre_await_all_same(standby, returned, true);
    server_stop_well(returned);
}

/* The next server of the same node claims the log anew, and the standby goes on following it. */
static void a_primary_that_is_replaced_goes_on_in_the_next_epoch(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    struct server *next =
        server_start_with(centre->stage, centre->directories[0], ARGUMENTS("--replace"),
                          centre_environment(centre, 0, "5s"));
    peer_expect_close(peer);
    assert_int_equal(program_await_end(primary->program).status, 0);
    (void)server_await_log(primary, 1, "action: server_exit | result: success | end: replaced");
    (void)server_await_log(primary, 1, "claimed: epoch 1 *");
    (void)server_await_log(next, 1, "claimed: epoch 2 *");
    struct peer *again = peer_connect(next);
    peer_ask(again, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(again, bets_batch(centre->stage, 1, 10, 5), "server:0\r\n");
    centre_await_same(next, standby, "bets.csv");
    server_stop_well(standby);
}

static void a_standby_answers_a_hangup_and_goes_on_following(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    assert_int_equal(kill(standby->program->pid, SIGHUP), 0);
    (void)server_await_log(standby, 1,
                           "action: reload | result: success | configuration: *standby");
    (void)centre_sell(primary, standby, 3);
    server_stop_well(standby);
}

static void what_the_log_lacks_is_put_aside_and_counted(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *standby = centre_take_over_from_one_with_more(centre, 10, 7);
    struct peer *peer = peer_connect(standby);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    struct server *returned = centre_start_standby(centre, 0, "1h");
    (void)server_await_log(returned, 1, "action: unacknowledged*bets.csv*bets: 7 |*");
    centre_await_all_same(standby, returned, false);
    assert_true(files_size(server_file(returned, "bets.csv.unacknowledged.2")) > 0);
    server_stop_well(returned);
}

static void a_primary_that_was_paused_acknowledges_nothing_more(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, 10);
    pid_t shipper = centre_signal_shipper(primary, SIGSTOP); /* with it the heartbeat stops */
    centre_await_takeover(standby);
    peer_send(peer, bets_batch(stage, 1, 10, 7));
    struct peer *other = peer_connect(standby);
    peer_ask(other, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(other, bets_batch(stage, 1, 10, 5), "server:0\r\n");
    assert_false(peer_has_news(peer, 0));
    assert_int_equal(kill(shipper, SIGCONT), 0);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    peer_expect_close(peer);
    bets_expect_stored(standby, 1, 0, 15);
}

static void an_operator_switches_over(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct program *stat = NULL;
    (void)centre_sell(primary, standby, 10);
    struct deadline deadline = deadline_in(DEADLINE_MS); /* its state is written once a second */
    do {
        assert_true(deadline_pause(deadline));
        stat = operator_run(standby, "lottery-stat", NULL, 0);
    } while (strstr(program_log(stat), "standby: follows") == NULL);
    operator_administer(standby, ARGUMENTS("promote"), 0, "by claim 3 of the log");
    server_await_port(standby); /* which it has written by then */
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    bets_expect_stored(standby, 1, 0, 10);
    /* The fenced one stays out until it follows. */
    struct program_end end;
    (void)server_start_in_vain(stage, centre->directories[0], NULL,
                               centre_environment(centre, 0, "1h"), &end);
    assert_int_equal(end.status, CENTRE_FENCED);
    struct server *returned = centre_start_standby(centre, 0, "1h");
    centre_await_all_same(standby, returned, false);
    server_stop_well(returned);
}

static void of_two_standbys_one_takes_over_and_the_other_follows_it(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *first = centre_start_standby(centre, 1, "1s");
    struct server *second = centre_start_standby(centre, 2, "1s");
    (void)centre_sell(primary, first, 10);
    centre_await_same(primary, second, "bets.csv");
    server_kill_everything(primary);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    static const char *const claimed = "action: takeover | result: success | epoch*node*";
    while (server_count_log(first, claimed) + server_count_log(second, claimed) == 0) {
        assert_true(deadline_pause(deadline));
    }
    bool is_first = server_count_log(first, claimed) > 0;
    struct server *winner = is_first ? first : second;
    struct server *follower = is_first ? second : first;
    server_await_port(winner);
    struct peer *peer = peer_connect(winner);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 10, 5), "server:0\r\n");
    centre_await_all_same(winner, follower, false);
    assert_int_equal(server_count_log(follower, claimed), 0);
    server_stop_well(follower);
}

static void a_shipper_that_is_killed_again_and_again_follows_on(void **state)
{
    const struct centre *centre = centre_open(*state, "1");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    agency_generate(stage, 1, 200000);
    struct program *agency = agency_start(primary, 1, agency_bets_file(stage, 1), NULL);
    for (unsigned kills = 0; kills < SHIPPER_KILLS; kills++) {
        (void)server_await_log(standby, kills + 1, "action: follow | result: success | node: ");
        (void)centre_signal_shipper(standby, SIGKILL);
    }
    agency_expect_success(agency);
    centre_await_all_same(primary, standby, true);
    server_stop_well(standby);
}

/* As on a full disk: each shipper would claim, and end, and standbys would wait for the node to serve. */
static void a_shipper_that_can_not_note_a_claim_makes_none(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    const char *in_the_way = server_file(primary, "replication.tmp");
    assert_int_equal(mkdir(in_the_way, S_IRWXU), 0);
    (void)centre_signal_shipper(primary, SIGKILL);
    (void)server_await_log(primary, 2, "action: replica | result: fail | error: *replication.tmp*");
    assert_int_equal(rmdir(in_the_way), 0);
    (void)server_await_log(primary, 1, "action: replica | result: success | claimed: epoch 2 *");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), "server:0\r\n");
    centre_await_same(primary, standby, "bets.csv");
    server_stop_well(standby);
}

static void a_standby_of_other_terms_says_so_before_it_is_needed(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
    centre->agencies = "3";
    struct program_end end;
    struct program *program =
        server_start_in_vain(centre->stage, centre->directories[1], ARGUMENTS("--follow"),
                             centre_environment(centre, 1, "1h"), &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), "of other terms than its configuration"));
}

/* Its directory is of one centre, and its configuration names another one, which has fewer records. */
static void a_standby_of_another_centre_is_told_as_one(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    for (unsigned i = 1; i < 10; i++) {
        peer_ask(peer, bets_batch(centre->stage, 1, 10 * i, 10), "server:0\r\n");
    }
    centre_await_same(primary, standby, "bets.csv");
    server_stop_well(standby);
    centre->name = "south";
    struct server *other = centre_start_primary(centre, 2);
    struct program_end end;
    struct program *program =
        server_start_in_vain(centre->stage, centre->directories[1], ARGUMENTS("--follow"),
                             centre_environment(centre, 1, "1h"), &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_log(program), "replication.centre is another centre's"));
    assert_null(strstr(program_log(program), "the engine has lost"));
    server_stop_well(other);
}

/* Nobody has said which of the two is the primary. */
static void of_two_that_make_a_lottery_each_the_second_ends(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct program_end end;
    struct server *second = server_start_with(centre->stage, centre->directories[1], NULL,
                                              centre_environment(centre, 1, "1h"));
    end = program_await_end(second->program);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_log(second->program), "is another lottery's"));
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_standby_has_the_same_bytes_also_one_that_joins_late),
        STAGE_TEST(agencies_go_on_at_the_standby_and_the_old_primary_follows_it),
        STAGE_TEST(a_primary_that_is_replaced_goes_on_in_the_next_epoch),
        STAGE_TEST(a_standby_answers_a_hangup_and_goes_on_following),
        STAGE_TEST(what_the_log_lacks_is_put_aside_and_counted),
        STAGE_TEST(a_primary_that_was_paused_acknowledges_nothing_more),
        STAGE_TEST(an_operator_switches_over),
        STAGE_TEST(a_standby_of_another_centre_is_told_as_one),
        STAGE_TEST(of_two_that_make_a_lottery_each_the_second_ends),
        STAGE_TEST(of_two_standbys_one_takes_over_and_the_other_follows_it),
        STAGE_TEST(a_shipper_that_is_killed_again_and_again_follows_on),
        STAGE_TEST(a_shipper_that_can_not_note_a_claim_makes_none),
        STAGE_TEST(a_standby_of_other_terms_says_so_before_it_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
