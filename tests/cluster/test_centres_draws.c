/*
 * test_centres_draws.c - two centres hold one draw after another, and which centres that are is a term.
 *
 * A has agency 1, B agency 2. The engine is one node of NATS.
 */
#include "seal/national.h"
#include "tests/harness/cluster.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ONE_NODE = 1, CENTRES = 2 };

#define WINNER(agency) "Ana,Paz," #agency ",1980-01-31,7574"

static const char *const names[CENTRES] = {"A", "B"};
static const char *const winners[CENTRES] = {WINNER(1), WINNER(2)};

/* `expected`: "A,B". */
static const char *const *environment_of(const struct cluster *cluster, int centre,
                                         const char *expected)
{
    struct stage *stage = cluster->stage;
    const char *const values[] = {stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers),
                                  stage_text(stage, "REPLICATION_CENTRE=%s", names[centre]),
                                  "REPLICATION_REPLICAS=1",
                                  "ACK_AFTER=replicated",
                                  "NUMBER_OF_AGENCIES=1",
                                  stage_text(stage, "AGENCIES_ALLOWED=%d", centre + 1),
                                  "WINNERS_WAIT=30s",
                                  stage_text(stage, "CENTRES_EXPECTED=%s", expected),
                                  NULL};
    const char **environment = stage_allocate(stage, sizeof values);
    memcpy((void *)environment, (const void *)values, sizeof values);
    return environment;
}

static const char *directory_of(const struct cluster *cluster, int centre)
{
    return stage_path(cluster->stage, "centre-%s", names[centre]);
}

static struct server *start(const struct cluster *cluster, int centre)
{
    return server_start_with(cluster->stage, directory_of(cluster, centre), NULL,
                             environment_of(cluster, centre, "A,B"));
}

/* Bets twice, once with the winning number, and is done. */
static struct peer *sell(struct server *server, int centre)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer,
             stage_text(server->stage, "%d:4:%s\nEva,Paz,9,1980-01-31,1\n\r\n%d:5\r\n", centre + 1,
                        winners[centre], centre + 1),
             "server:0\r\nserver:0\r\n");
    return peer;
}

static void expect_winners(struct peer *peer, int centre)
{
    peer_ask(peer, stage_text(peer->server->stage, "%d:6\r\n", centre + 1),
             stage_text(peer->server->stage, "server:3:%d,%s\n\r\n", centre + 1, winners[centre]));
}

static void kill_stream(const struct cluster *cluster)
{
    struct engine *engine = engine_client_open(cluster->stage, cluster->servers);
    engine_tell(engine, "$JS.API.STREAM.DELETE." NATIONAL_STREAM, "");
}

static void expect_line(const struct server *server, const char *file, const char *line)
{
    const char *text = files_read(server->stage, server_file(server, file), NULL);
    if (strstr(text, line) == NULL) {
        fail_msg("%s does not have \"%s\":\n%s", file, line, text);
    }
}

static void expect_start_refused(const struct cluster *cluster, int centre, const char *expected,
                                 const char *reason)
{
    struct program_end end;
    struct program *program =
        server_start_in_vain(cluster->stage, directory_of(cluster, centre), NULL,
                             environment_of(cluster, centre, expected), &end);
    if (end.status == 0 || strstr(program_errors(program), reason) == NULL) {
        program_show(program);
        fail_msg("a start with the centres %s is not refused by \"%s\"", expected, reason);
    }
}

/* The seal has the list by then, and `closed` is in the stream; and so it is once it is drawn. */
static void a_start_with_other_centres_is_refused_at_every_step(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES] = {start(cluster, 0), start(cluster, 1)};
    (void)sell(servers[0], 0);
    (void)server_await_log(servers[0], 1, "action: centros | result: in_progress*to be closed: B");
    expect_line(servers[0], "control", "\ncentres_expected A,B\n");
    expect_line(servers[0], "seal.json", "\"centres_expected\":\"A,B\"");
    server_stop_well(servers[0]);
    expect_start_refused(cluster, 0, "A", "centres.expected A,B, and now A.");
    expect_start_refused(cluster, 0, "A,B,C", "centres.expected A,B, and now A,B,C.");
    expect_start_refused(cluster, 0, "", "centres.expected A,B, and now this centre alone.");
    servers[0] = start(cluster, 0);
    expect_winners(sell(servers[1], 1), 1);
    (void)server_await_log(servers[0], 1, "action: sorteo | result: success");
    server_stop_well(servers[0]);
    expect_start_refused(cluster, 0, "", "centres.expected A,B, and now this centre alone.");
}

static void open_draw(const struct server *server, const char *draw, const char *centres,
                      const char *number)
{
    operator_administer(server,
                        centres == NULL
                            ? ARGUMENTS("open", draw, "--number", number)
                            : ARGUMENTS("open", draw, "--number", number, "--centres", centres),
                        0, stage_text(server->stage, "draw %s is open", draw));
}

/* A centre opens it for itself, and one that has not yet is awaited as any. */
static void each_centre_opens_the_next_draw_when_it_does_and_all_draw_it(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, 0);
    struct server *b = start(cluster, 1);
    struct peer *peer = sell(a, 0);
    expect_winners(sell(b, 1), 1);
    expect_winners(peer, 0);
    open_draw(a, "second", NULL, "7574");
    peer = sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress*second*to be closed: B");
    operator_administer(b, ARGUMENTS("open", "second", "--centres", "A,C"), 1,
                        "--centres: \"A,C\" does not name this centre (replication.centre: B)");
    open_draw(b, "second", NULL, "7574");
    expect_line(b, "control", "\ncentres_expected A,B\n");
    expect_winners(sell(b, 1), 1);
    expect_winners(peer, 0);
    assert_string_equal(operator_read_drawing(a), operator_read_drawing(b));
}

/* What `open` has said of the centres wins over the configuration, also after a start. */
static void a_centre_that_opens_a_draw_for_itself_alone_waits_for_nobody(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, 0);
    operator_administer(
        a, ARGUMENTS("open", "second", "--abandon", "--centres", "-", "--number", "7574"), 0,
        "draw second is open");
    expect_line(a, "control", "\ncentres_expected -\n");
    server_stop_well(a);
    a = start(cluster, 0);
    expect_winners(sell(a, 0), 0);
    assert_null(strstr(files_read(stage, server_file(a, "seal.json"), NULL), "centres_expected"));
    open_draw(a, "third", "B,A", "7574");
    struct peer *peer = sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress*third*to be closed: B");
    peer_close(peer);
}

static void a_draw_that_is_opened_with_other_terms_holds_until_it_is_closed_out(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, 0);
    struct server *b = start(cluster, 1);
    operator_administer(a, ARGUMENTS("open", "second", "--abandon", "--number", "7574"), 0,
                        "is open");
    operator_administer(
        b, ARGUMENTS("open", "second", "--abandon", "--number", "7574", "--centres", "A,B,C"), 0,
        ", centres A,B,C");
    struct peer *peer = sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress*second*to be closed: B");
    (void)sell(b, 1);
    (void)server_await_log(b, 1, "CRITICAL*centre A expects the centres A,B, and this one A,B,C*");
    operator_administer(a, ARGUMENTS("close-centre", "B", "--reason", "another list"), 0,
                        "is closed out");
    expect_winners(peer, 0);
    (void)server_await_log(b, 1, "CRITICAL*closed out*another list");
    assert_false(files_exist(server_file(b, "winners.csv")));
}

/*
 * B is cut off from the engine, and done. It comes back before the draw, or after an operator has closed
 * it out.
 */
static void expect_return(struct stage *stage, bool is_closed_out)
{
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, 0);
    struct server *b = start(cluster, 1);
    struct peer *of_b = peer_connect(b);
    pid_t shipper = 0;
    peer_ask(of_b, stage_text(stage, "2:4:%s\n\r\n", winners[1]), "server:0\r\n");
    assert_int_equal(proc_children(b->program->pid, "lottery-shipper", &shipper, 1), 1);
    assert_int_equal(kill(shipper, SIGSTOP), 0);
    peer_send(of_b, "2:5\r\n");
    struct peer *of_a = sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress*to be closed: B");
    if (is_closed_out) {
        operator_administer(a, ARGUMENTS("close-centre", "B", "--reason", "cut off"), 0,
                            "is closed out");
        expect_winners(of_a, 0);
    }
    assert_int_equal(kill(shipper, SIGCONT), 0);
    peer_expect(of_b, "server:0\r\n");
    if (is_closed_out) {
        (void)server_await_log(b, 1, "CRITICAL*closed out*cut off");
        (void)server_await_log(b, 1, "action: sello | result: success");
        assert_false(files_exist(server_file(b, "winners.csv")));
    } else {
        expect_winners(of_b, 1);
        expect_winners(of_a, 0);
    }
}

static void a_centre_that_was_cut_off_comes_back_and_draws(void **state)
{
    expect_return(*state, false);
}

static void a_centre_that_was_cut_off_and_closed_out_comes_back_and_draws_nothing(void **state)
{
    expect_return(*state, true);
}

/* A has read its own record there; B comes later, and is the first one to say anything in the next. */
static void a_stream_that_is_deleted_by_hand_is_made_again_and_the_draw_is_held(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, 0);
    struct peer *of_a = sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress*to be closed: B");
    kill_stream(cluster);
    (void)server_await_log(a, 1, "CRITICAL*read DRAW: *id: LT-4201");
    struct server *b = start(cluster, 1);
    struct peer *of_b = sell(b, 1);
    (void)server_await_log(a, 1, "CRITICAL*message 1 of stream DRAW is another one*id: LT-4205");
    expect_winners(of_a, 0);
    expect_winners(of_b, 1);
    assert_int_equal(server_count_log(a, "id: LT-4205"), 1);
    assert_int_equal(server_count_log(b, "id: LT-4205"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_start_with_other_centres_is_refused_at_every_step),
        STAGE_TEST(each_centre_opens_the_next_draw_when_it_does_and_all_draw_it),
        STAGE_TEST(a_centre_that_opens_a_draw_for_itself_alone_waits_for_nobody),
        STAGE_TEST(a_draw_that_is_opened_with_other_terms_holds_until_it_is_closed_out),
        STAGE_TEST(a_centre_that_was_cut_off_comes_back_and_draws),
        STAGE_TEST(a_stream_that_is_deleted_by_hand_is_made_again_and_the_draw_is_held),
        STAGE_TEST(a_centre_that_was_cut_off_and_closed_out_comes_back_and_draws_nothing),
    };
    return cmocka_run_group_tests_name("cluster/centres_draws", tests, NULL, NULL);
}
