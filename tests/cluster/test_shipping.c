/*
 * test_shipping.c - a server that copies its bets to three nodes of NATS: what is acknowledged is in the
 * log, once, whoever is killed meanwhile; and a server that may not write the log says so and ends.
 */
#include "engine/record.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/cluster.h"
#include "tests/harness/deadline.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/server.h"
#include "tests/harness/shipped.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h> /* after what it needs */

enum {
    NODES = 3,
    CALL_MS = 5000,
    AGENCIES = 5,
    BETS = 20000, /* of all agencies together */
    MANY_BETS = 400000,
    KILLS = 100,
    KILL_WITHIN_MS = 40,
    KILLING_MS = 120000,
    SILENCE_MS = 1500, /* in which an acknowledgement would have come */
    EXIT_FENCED = 4
};

#define CENTRE "a"
#define ACK    "server:0\r\n"
#define RIVAL  "rival-00000000"

/* A test's engine and a client of its own. */
struct scene {
    struct stage *stage;
    struct cluster *cluster;
    struct engine *engine;
    char stream[ENGINE_SUBJECT_BYTES];
    const char *servers; /* REPLICATION_SERVERS=... */
};

static struct failure failure;

/* ---- the engine -------------------------------------------------------------- */

static struct scene *open_scene(struct stage *stage)
{
    struct scene *scene = stage_allocate(stage, sizeof *scene);
    scene->stage = stage;
    scene->cluster = cluster_start(stage, NODES, "");
    scene->servers = stage_text(stage, "REPLICATION_SERVERS=%s", scene->cluster->servers);
    record_write_stream(scene->stream, CENTRE);
    scene->engine = engine_client_open(stage, scene->cluster->servers);
    return scene;
}

static struct shipped *read_log(const struct scene *scene)
{
    return shipped_read(scene->stage, scene->engine, CENTRE);
}

static struct shipped *expect_log_is(const struct scene *scene, const struct server *server)
{
    return shipped_expect(scene->stage, scene->engine, CENTRE, server);
}

/* Appends a record after the last one, as any node could. */
static void append(const struct scene *scene, const struct shipped *story, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    char subject[ENGINE_SUBJECT_BYTES];
    uint64_t sequence = 0;
    record_write_subject(subject, CENTRE, record->kind);
    (void)snprintf(record->identity, sizeof record->identity, "%s", story->log.identity);
    assert_true(record_make_nonce(record->nonce, &failure));
    const struct engine_append wanted = {.stream = scene->stream,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = story->log.sequence,
                                         .headers = headers,
                                         .header_count = record_write(record, headers),
                                         .bytes = record->bytes,
                                         .count = (size_t)record->length};
    if (engine_append(scene->engine, &wanted, CALL_MS, &sequence, &failure) != ENGINE_STORED) {
        fail_msg("%s", failure.text);
    }
}

/* Appends a row, by the node that writes the log, which its disk has not. */
static void append_row(const struct scene *scene, const struct shipped *story)
{
    static const char row[] = "1,a,b,1,2000-01-01,7\n";
    struct record more = {.kind = RECORD_BETS,
                          .epoch = story->log.epoch,
                          .offset = story->log.bets_end,
                          .rows = 1,
                          .bytes = row,
                          .length = strlen(row)};
    (void)snprintf(more.node, sizeof more.node, "%s", story->log.node);
    append(scene, story, &more);
}

/* Claims the log for another node, as a standby does that takes over. */
static void claim_for_rival(const struct scene *scene)
{
    const struct shipped *story = read_log(scene);
    struct record claim = {.kind = RECORD_CLAIM,
                           .epoch = story->log.epoch + 1,
                           .node = RIVAL,
                           .bets_end = story->log.bets_end,
                           .done_end = story->log.done_end};
    append(scene, story, &claim);
}

/* ---- the server -------------------------------------------------------------- */

/* In this directory; NULL: the first server's. */
static struct server *start_server_in(const struct scene *scene, const char *directory)
{
    return server_start_with(
        scene->stage, directory, NULL,
        ENVIRONMENT(scene->servers, "REPLICATION_CENTRE=" CENTRE, "ACK_AFTER=replicated"));
}

static struct server *start_server(const struct scene *scene)
{
    return start_server_in(scene, NULL);
}

/* A server that was stopped when it had shipped the first bet of agency 1. */
static struct server *leave_one_bet(const struct scene *scene)
{
    struct server *server = start_server(scene);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(scene->stage, 1, 0, 1), ACK);
    peer_close(peer);
    server_stop_well(server);
    return server;
}

static struct program **start_agencies(const struct scene *scene, const struct server *server)
{
    struct program **agencies = stage_allocate(scene->stage, AGENCIES * sizeof(struct program *));
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agencies[id - 1] = agency_start(server, id, agency_bets_file(scene->stage, id),
                                        ENVIRONMENT("CLI_LOOP_LAPSE=60s"));
    }
    return agencies;
}

static void expect_success(struct program **agencies)
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agency_expect_success(agencies[id - 1]);
    }
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* ---- lotteries ---------------------------------------------------------------- */

static void a_lottery_is_in_the_log_byte_for_byte(void **state)
{
    struct scene *scene = open_scene(*state);
    agency_generate(scene->stage, AGENCIES, BETS);
    struct server *server = start_server(scene);
    expect_success(start_agencies(scene, server));
    server_stop_well(server);
    assert_int_equal(server_count_log(server, "action: stop_shipper | result: success"), 1);
    struct shipped *story = expect_log_is(scene, server);
    assert_int_equal(story->claims, 1);
    assert_int_equal(story->last.kind, RECORD_FILE);
    assert_string_equal(story->last.name, "control");
}

/* Whatever a shipper was doing when it was killed, the next one goes on where the log ends. */
static void shippers_that_are_killed_leave_each_bet_in_the_log_once(void **state)
{
    struct scene *scene = open_scene(*state);
    unsigned kills = 0;
    unsigned while_shipping = 0;
    agency_generate(scene->stage, AGENCIES, MANY_BETS);
    struct server *server = start_server(scene);
    struct program **agencies = start_agencies(scene, server);
    struct deadline deadline = deadline_in(KILLING_MS);
    struct segment segment = server_attach(server);
    const struct shared_shipper *figures = &segment.shared->shipper;
    pid_t last = 0;
    while (kills < KILLS && deadline_left_ms(deadline) > 0) {
        pid_t shipper = atomic_load(&figures->pid);
        bool is_shipping = shipper != 0 && shipper != last &&
                           atomic_load(&figures->state) == SHIPPER_SHIPPING &&
                           atomic_load(&figures->epoch) != 0;
        /* Two of three once they ship, a little later each time; the third as it begins. */
        if (shipper == 0 || shipper == last || (kills % 3 != 0 && !is_shipping)) {
            (void)deadline_pause(deadline);
            continue;
        }
        pause_ms((long)(kills * 7) % KILL_WITHIN_MS);
        kills += kill(shipper, SIGKILL) == 0;
        while_shipping += is_shipping;
        last = shipper;
    }
    segment_unmap(&segment);
    assert_int_equal(kills, KILLS);
    assert_true(while_shipping > KILLS / 2);
    expect_success(agencies);
    server_stop_well(server);
    struct shipped *story = expect_log_is(scene, server);
    assert_true(story->claims > KILLS / 2);
    print_message("%u shippers killed, %u of them while they shipped, %u claims, %" PRIu64
                  " records\n",
                  kills, while_shipping, story->claims, story->log.sequence);
}

static void a_node_that_is_killed_costs_a_wait_and_no_bet(void **state)
{
    struct scene *scene = open_scene(*state);
    agency_generate(scene->stage, AGENCIES, BETS);
    struct server *server = start_server(scene);
    (void)server_await_log(server, 1, "action: replica | result: success | claimed");
    unsigned leader = cluster_leader_of(scene->cluster, scene->stream);
    struct program **agencies = start_agencies(scene, server);
    cluster_kill_node(scene->cluster, leader);
    expect_success(agencies);
    cluster_start_node(scene->cluster, leader);
    server_stop_well(server);
    (void)expect_log_is(scene, server);
}

/* Without a majority nobody is acknowledged, and nothing is refused either. */
static void acknowledgements_wait_for_a_majority(void **state)
{
    struct scene *scene = open_scene(*state);
    struct server *server = start_server(scene);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(scene->stage, 1, 0, 1), ACK);
    cluster_kill_node(scene->cluster, 0);
    cluster_kill_node(scene->cluster, 1);
    peer_send(peer, bets_batch(scene->stage, 1, 1, 3));
    (void)server_await_log(server, 1, "action: replica | result: in_progress");
    assert_false(peer_has_news(peer, SILENCE_MS));
    cluster_start_node(scene->cluster, 0);
    cluster_start_node(scene->cluster, 1);
    peer_expect(peer, ACK);
    (void)server_await_log(server, 1, "the engine answers again");
    peer_close(peer);
    server_stop_well(server);
    bets_expect_stored(server, 1, 0, 4);
    (void)expect_log_is(scene, server);
}

/* All nodes come back with empty disks: the log is made again, of what this disk has. */
static void an_engine_that_has_lost_everything_is_filled_again(void **state)
{
    struct scene *scene = open_scene(*state);
    struct server *server = start_server(scene);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(scene->stage, 1, 0, 3), ACK);
    for (unsigned node = 0; node < NODES; node++) {
        cluster_kill_node(scene->cluster, node);
        files_remove_tree(stage_path(scene->stage, "engine-%u", node));
    }
    for (unsigned node = 0; node < NODES; node++) {
        cluster_start_node(scene->cluster, node);
    }
    peer_ask(peer, bets_batch(scene->stage, 1, 3, 2), ACK);
    (void)server_await_log(server, 1, "the engine has lost what it had acknowledged");
    peer_close(peer);
    assert_int_equal(server_stop(server).status, EXIT_SUCCESS);
    bets_expect_stored(server, 1, 0, 5);
    struct shipped *shipped = expect_log_is(scene, server);
    assert_true(shipped->files >= 1);
}

/* ---- stops -------------------------------------------------------------------- */

/* What could not be copied is on the disk, and the next start of the server copies it. */
static void what_a_stop_could_not_copy_the_next_start_does(void **state)
{
    struct scene *scene = open_scene(*state);
    const char *const settings[] = {scene->servers, "REPLICATION_CENTRE=" CENTRE,
                                    "TIMEOUTS_SHUTDOWN=1s", NULL};
    struct server *server = server_start(scene->stage, settings);
    struct peer *peer = peer_connect(server);
    (void)server_await_log(server, 1, "action: replica | result: success | claimed");
    cluster_kill_node(scene->cluster, 0);
    cluster_kill_node(scene->cluster, 1);
    peer_ask(peer, bets_batch(scene->stage, 1, 0, 3), ACK); /* ack_after: synced */
    peer_close(peer);
    assert_int_equal(server_stop(server).status, EXIT_SUCCESS);
    assert_int_equal(server_count_log(server, "action: stop_shipper | result: fail"), 1);
    cluster_start_node(scene->cluster, 0);
    cluster_start_node(scene->cluster, 1);
    cluster_await_ready(scene->cluster);
    struct server *next = server_start_with(scene->stage, server->directory, NULL, settings);
    (void)server_await_log(next, 1, "action: replica | result: success | claimed");
    assert_int_equal(server_stop(next).status, EXIT_SUCCESS);
    assert_int_equal(server_count_log(next, "action: stop_shipper | result: success"), 1);
    (void)expect_log_is(scene, next);
}

/* ---- fences ------------------------------------------------------------------- */

static void a_claim_of_another_node_ends_the_server_without_an_acknowledgement(void **state)
{
    struct scene *scene = open_scene(*state);
    struct server *server = start_server(scene);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(scene->stage, 1, 0, 1), ACK);
    claim_for_rival(scene);
    peer_send(peer, bets_batch(scene->stage, 1, 1, 1));
    peer_expect_close(peer);
    assert_int_equal(program_await_end(server->program).status, EXIT_FENCED);
    assert_int_equal(server_count_log(server, "reason: another node has claimed the log"), 1);
    assert_int_equal(server_count_log(server, "action: server_exit | result: fail | end: fenced"),
                     1);
    assert_string_equal(read_log(scene)->log.node, RIVAL);
}

static void a_server_does_not_start_on_a_log_that_another_node_has_claimed(void **state)
{
    struct scene *scene = open_scene(*state);
    struct server *server = start_server(scene);
    (void)server_await_log(server, 1, "action: replica | result: success | claimed");
    server_stop_well(server);
    claim_for_rival(scene);
    struct server *again = start_server_in(scene, server->directory);
    assert_int_equal(program_await_end(again->program).status, EXIT_FENCED);
    assert_int_equal(server_count_log(again, "node " RIVAL " has claimed the log in epoch 2"), 1);
}

static void a_log_of_another_lottery_is_left_alone(void **state)
{
    struct scene *scene = open_scene(*state);
    struct server *server = start_server(scene);
    (void)server_await_log(server, 1, "action: replica | result: success | claimed");
    struct server *other = start_server_in(scene, stage_path(scene->stage, "other"));
    assert_int_equal(program_await_end(other->program).status, EXIT_FAILURE);
    assert_int_equal(server_count_log(other, "and this directory holds"), 1);
    assert_int_equal(server_count_log(other, "the log of centre a is another lottery's"), 1);
    server_stop_well(server);
    assert_int_equal(read_log(scene)->claims, 1);
}

/* The same node, whose disk has lost something: it says so, and ends. */
static void a_disk_that_is_behind_the_log_does_not_serve(void **state)
{
    struct scene *scene = open_scene(*state);
    const struct server *server = leave_one_bet(scene);
    const struct shipped *story = read_log(scene);
    append_row(scene, story);
    struct server *again = start_server_in(scene, server->directory);
    assert_int_equal(program_await_end(again->program).status, EXIT_FENCED);
    assert_int_equal(server_count_log(again, "reason: the log of the centre has more than"), 1);
}

/* The log and the disk have gone apart: nobody can say which one is right but a person. */
static void a_disk_with_other_bytes_than_the_log_is_not_copied(void **state)
{
    struct scene *scene = open_scene(*state);
    const struct server *server = leave_one_bet(scene);
    const struct shipped *story = read_log(scene);
    append_row(scene, story);
    struct server *alone = server_start_with(scene->stage, server->directory, NULL, NULL);
    struct peer *peer = peer_connect(alone);
    peer_ask(peer, bets_batch(scene->stage, 1, 1, 3), ACK);
    peer_close(peer);
    server_stop_well(alone);
    struct server *again = start_server_in(scene, server->directory);
    (void)server_await_log(again, 1, "are others than this node's");
    assert_false(program_has_ended(again->program));
    (void)server_stop(again);
    assert_int_equal(read_log(scene)->log.sequence, story->log.sequence + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_lottery_is_in_the_log_byte_for_byte),
        STAGE_TEST(shippers_that_are_killed_leave_each_bet_in_the_log_once),
        STAGE_TEST(a_node_that_is_killed_costs_a_wait_and_no_bet),
        STAGE_TEST(acknowledgements_wait_for_a_majority),
        STAGE_TEST(an_engine_that_has_lost_everything_is_filled_again),
        STAGE_TEST(what_a_stop_could_not_copy_the_next_start_does),
        STAGE_TEST(a_claim_of_another_node_ends_the_server_without_an_acknowledgement),
        STAGE_TEST(a_server_does_not_start_on_a_log_that_another_node_has_claimed),
        STAGE_TEST(a_log_of_another_lottery_is_left_alone),
        STAGE_TEST(a_disk_that_is_behind_the_log_does_not_serve),
        STAGE_TEST(a_disk_with_other_bytes_than_the_log_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
