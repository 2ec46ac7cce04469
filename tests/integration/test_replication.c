/*
 * test_replication.c - a server with replication whose engine can't be reached: it stores, waits where it
 * has to, says so, and stops. With an engine: tests/cluster.
 */
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h> /* after what it needs */

enum {
    SILENCE_MS = 700,
    BETS_OVER_THE_LAG = 2000, /* of some 45 bytes: more than 64 KiB */
    BATCH_BETS = 100,
    KILLS = 5
};

/* Nobody listens at port 1. */
#define NO_ENGINE "REPLICATION_SERVERS=nats://127.0.0.1:1", "REPLICATION_CENTRE=a"
#define ACK       "server:0\r\n"

/* Starts a server with these settings, without an engine. */
#define START(stage, ...)                                                                          \
    server_start(stage, ENVIRONMENT(NO_ENGINE, "TIMEOUTS_SHUTDOWN=300ms", __VA_ARGS__))

static pid_t shipper_of(const struct server *server)
{
    pid_t shipper = 0;
    return proc_children(server->program->pid, "lottery-shipper", &shipper, 1) == 1 ? shipper : 0;
}

static pid_t await_shipper(const struct server *server, pid_t other_than)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    pid_t shipper = 0;
    while (((shipper = shipper_of(server)) == 0 || shipper == other_than) &&
           deadline_pause(deadline)) {
    }
    assert_true(shipper != 0 && shipper != other_than);
    return shipper;
}

static void what_is_synced_is_acknowledged_without_an_engine(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=synced");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(*state, 1, 0, 3), ACK);
    peer_close(peer);
    (void)server_await_log(server, 1, "action: replica | result: in_progress");
    assert_int_equal(server_stop(server).status, EXIT_SUCCESS);
    assert_int_equal(server_count_log(server, "action: stop_shipper | result: fail"), 1);
    bets_expect_stored(server, 1, 0, 3);
}

static void what_has_to_be_replicated_waits_on_the_disk(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=replicated");
    struct peer *peer = peer_connect(server);
    peer_send(peer, bets_batch(*state, 1, 0, 3));
    assert_false(peer_has_news(peer, SILENCE_MS));
    server_await_activity(server, peer->port, SLOT_WAITING_FOR_COMMIT);
    peer_close(peer);
    (void)server_stop(server); /* its handler waits, and is killed after timeouts.shutdown */
    bets_expect_stored(server, 1, 0, 3);
}

/* The engine lacks replication.lag_bytes: who acknowledges what is synced waits then, too. */
static void appends_wait_at_the_lag_that_is_allowed(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=synced", "RING_BYTES=64k",
                                  "LIMITS_MESSAGE_BYTES=8k", "REPLICATION_LAG_BYTES=64k");
    struct peer *peer = peer_connect(server);
    unsigned acknowledged = 0;
    peer_send(peer, bets_batch(*state, 1, 0, BATCH_BETS));
    while (peer_has_news(peer, SILENCE_MS) && acknowledged < BETS_OVER_THE_LAG / BATCH_BETS) {
        peer_expect(peer, ACK);
        acknowledged++;
        peer_send(peer, bets_batch(*state, 1, acknowledged * BATCH_BETS, BATCH_BETS));
    }
    assert_true(acknowledged > 0 && acknowledged < BETS_OVER_THE_LAG / BATCH_BETS);
    server_await_activity(server, peer->port, SLOT_WAITING_FOR_LAG);
    assert_true(files_size(server_file(server, "bets.csv")) <= UINT64_C(64) * 1024);
    peer_close(peer);
    (void)server_stop(server);
    bets_expect_stored(server, 1, 0, acknowledged * BATCH_BETS);
}

/* An agency that has sent ahead is told of all that is synced, however long the engine stays away. */
static void a_handler_that_waits_at_the_lag_answers_what_is_synced(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=synced", "RING_BYTES=64k",
                                  "LIMITS_MESSAGE_BYTES=8k", "REPLICATION_LAG_BYTES=64k");
    struct peer *peer = peer_connect(server);
    unsigned acknowledged = 0;
    for (unsigned first = 0; first < BETS_OVER_THE_LAG; first += BATCH_BETS) {
        peer_send(peer, bets_batch(*state, 1, first, BATCH_BETS));
    }
    server_await_activity(server, peer->port, SLOT_WAITING_FOR_LAG);
    while (peer_has_news(peer, SILENCE_MS)) {
        peer_expect(peer, ACK);
        acknowledged++;
    }
    assert_true(acknowledged > 0 && acknowledged < BETS_OVER_THE_LAG / BATCH_BETS);
    peer_close(peer);
    (void)server_stop(server);
    bets_expect_stored(server, 1, 0, acknowledged * BATCH_BETS);
}

static void a_shipper_that_is_killed_is_replaced_and_the_server_goes_on(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=synced");
    struct peer *peer = peer_connect(server);
    pid_t shipper = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        shipper = await_shipper(server, shipper);
        assert_int_equal(kill(shipper, SIGKILL), 0);
        peer_ask(peer, bets_batch(*state, 1, i, 1), ACK);
    }
    (void)await_shipper(server, shipper);
    peer_close(peer);
    assert_int_equal(server_stop(server).status, EXIT_SUCCESS);
    bets_expect_stored(server, 1, 0, KILLS);
}

static void the_copy_is_shown(void **state)
{
    struct server *server = START(*state, "REPLICATION_NODE=here");
    (void)server_await_log(server, 1, "action: replica | result: in_progress");
    const char *shown =
        program_log(operator_run(server, "lottery-stat", ARGUMENTS("--json"), EXIT_SUCCESS));
    assert_non_null(strstr(shown, "\"replica\": {\"role\": \"primary\""));
    assert_non_null(strstr(shown, "\"node\": \"here-"));
    assert_non_null(strstr(shown, "\"connected\": false"));
    shown =
        program_log(operator_run(server, "lottery-stat", ARGUMENTS("--prometheus"), EXIT_SUCCESS));
    assert_non_null(strstr(shown, "\nlottery_replica_state{state=\"connecting\"} 1\n"));
    assert_non_null(strstr(shown, "\nlottery_replica_files_lag "));
    (void)server_stop(server);
}

static void without_an_engine_the_next_draw_is_not_opened(void **state)
{
    struct server *server = START(*state, "ACK_AFTER=synced");
    operator_administer(server, ARGUMENTS("open", "second", "--abandon", "--reason", "x"),
                        EXIT_FAILURE, "the engine did not take the opening");
    assert_int_equal(server_stop(server).status, EXIT_SUCCESS);
}

#define TEST(name) STAGE_TEST(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_synced_is_acknowledged_without_an_engine),
        TEST(what_has_to_be_replicated_waits_on_the_disk),
        TEST(appends_wait_at_the_lag_that_is_allowed),
        TEST(a_handler_that_waits_at_the_lag_answers_what_is_synced),
        TEST(a_shipper_that_is_killed_is_replaced_and_the_server_goes_on),
        TEST(the_copy_is_shown),
        TEST(without_an_engine_the_next_draw_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
