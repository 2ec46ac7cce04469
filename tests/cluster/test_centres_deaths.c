/*
 * test_centres_deaths.c - two centres hold one draw, and one dies at a point of its part in it.
 *
 * Each case has centres of its own on one engine. A has the fault; whoever arrives at the point first,
 * its shipper or its storer, dies there once and is replaced. In the end both centres have drawn the
 * same number, each among its own bets, and the stream has each record once.
 */
#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h> /* after what it needs */

enum { ONE_NODE = 1, CENTRES = 2 };

#define WINNER "Ana,Paz,1,1980-01-31,7574"

/* A point, and at which arrival there. */
struct death {
    const char *point;
    unsigned arrival;
};

static const struct death deaths[] = {
    {"centre.appending", 1}, /* nothing is said yet */
    {"centre.appended", 1},  /* A is closed, and its shipper has not read that */
    {"centre.appending", 2}, /* all are closed; nobody has said the draw */
    {"centre.appended", 2},  /* the draw is said, and A has not read that */
    {"centre.drawn", 1},     /* read, and not released to the storer */
    {"draw.numbered", 1},    /* the number is in control, and the draw is not held */
    {"draw.noted", 1},       /* held, and not told */
};

enum { DEATHS = sizeof deaths / sizeof deaths[0] };

static struct server *start(struct cluster *cluster, int number, char letter,
                            const struct death *death)
{
    struct stage *stage = cluster->stage;
    const char *token = stage_path(stage, "token-%d", number);
    if (death != NULL) {
        files_write(token, "");
    }
    const char *const environment[] = {
        stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers),
        stage_text(stage, "REPLICATION_CENTRE=%c%d", letter, number),
        stage_text(stage, "CENTRES_EXPECTED=A%d,B%d", number, number),
        stage_text(stage, "LOTTERY_NAME=draw-%d", number),
        "REPLICATION_REPLICAS=1",
        "ACK_AFTER=replicated",
        "LOTTERY_DRAW=command",
        "NUMBER_OF_AGENCIES=1",
        "WINNERS_WAIT=30s",
        stage_text(stage, "LOTTERY_FAULT_TOKEN=%s", token),
        death == NULL ? NULL
                      : stage_text(stage, "LOTTERY_FAULT=%s:%u:KILL", death->point, death->arrival),
        NULL};
    return server_start_with(stage, stage_path(stage, "centre-%c%d", letter, number), NULL,
                             environment);
}

static struct peer *sell(struct server *server)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\nEva,Paz,9,1980-01-31,1\n\r\n1:5\r\n",
             "server:0\r\nserver:0\r\n");
    return peer;
}

static void die_at(struct cluster *cluster, int number)
{
    struct stage *stage = cluster->stage;
    struct server *servers[CENTRES] = {start(cluster, number, 'A', &deaths[number]),
                                       start(cluster, number, 'B', NULL)};
    struct peer *peers[CENTRES] = {sell(servers[0]), sell(servers[1])};
    for (int i = 0; i < CENTRES; i++) {
        (void)server_await_log(servers[i], 1, "action: centros*the number is awaited");
    }
    /* It is answered all the same where the process that it needs dies over it. */
    operator_draw(servers[0], "7574", operator_read_seal(servers[0]), 0, "number 7574, 1 winners");
    for (int i = 0; i < CENTRES; i++) {
        peer_ask(peers[i], "1:6\r\n", "server:3:1," WINNER "\n\r\n");
        assert_string_equal(operator_read_drawing(servers[i]), operator_read_drawing(servers[0]));
        assert_int_equal(server_count_log(servers[i], "action: centros | result: fail"), 0);
        peer_close(peers[i]);
    }
    if (files_exist(stage_path(stage, "token-%d", number))) {
        fail_msg("nobody arrived at %s", deaths[number].point);
    }
    for (int i = 0; i < CENTRES; i++) {
        server_stop_well(servers[i]);
    }
}

static void whoever_dies_at_a_point_of_a_draw_of_two_centres_changes_nothing(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    for (int i = 0; i < DEATHS; i++) {
        print_message("  %s, arrival %u\n", deaths[i].point, deaths[i].arrival);
        die_at(cluster, i);
    }
}

/* The order stands, and the next shipper finds that it was carried out. */
static void
a_shipper_that_dies_over_an_order_to_close_a_centre_out_leaves_it_to_the_next(void **state)
{
    static const struct death closing_out[] = {
        {"centre.appending", 2}, {"centre.appended", 2}, {"centre.closed_out", 1}};
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    for (int i = 0; i < (int)(sizeof closing_out / sizeof closing_out[0]); i++) {
        struct server *server = start(cluster, i, 'A', &closing_out[i]);
        struct peer *peer = sell(server);
        (void)server_await_log(server, 1, "action: centros | result: in_progress*to be closed: B");
        operator_administer(
            server, ARGUMENTS("close-centre", stage_text(stage, "B%d", i), "--reason", "flooded"),
            0, "is closed out of draw");
        (void)server_await_log(server, 1, "action: centros*the number is awaited");
        operator_draw(server, "7574", operator_read_seal(server), 0, "number 7574, 1 winners");
        peer_ask(peer, "1:6\r\n", "server:3:1," WINNER "\n\r\n");
        assert_false(files_exist(stage_path(stage, "token-%d", i)));
        peer_close(peer);
        server_stop_well(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_shipper_that_dies_over_an_order_to_close_a_centre_out_leaves_it_to_the_next),
        STAGE_TEST(whoever_dies_at_a_point_of_a_draw_of_two_centres_changes_nothing),
    };
    faults_use_programs();
    return cmocka_run_group_tests_name("cluster/centres_deaths", tests, NULL, NULL);
}
