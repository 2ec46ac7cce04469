/*
 * test_centres.c - three centres hold one draw: real servers and agencies, and an engine that is killed.
 *
 * Each centre is a server with agencies of its own; A has agency 1, B agency 2, C agency 3, or a share
 * of generated bets. One of two bets of each agency wins.
 */
#include "seal/national.h"
#include "shm/centres.h"
#include "tests/harness/agency.h"
#include "tests/harness/cluster.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/server.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { CENTRES = 3, NODES = 3, ONE_NODE = 1, GENERATED_BETS = 3000 };

#define WINNER(agency) "Ana,Paz," #agency ",1980-01-31,7574"
#define ALL            "CENTRES_EXPECTED=A,B,C"

static const char *const names[CENTRES] = {"A", "B", "C"};
static const char *const winners[CENTRES] = {WINNER(1), WINNER(2), WINNER(3)};

/* What a test may say of a centre, beside its defaults. */
struct plan {
    const char *name;      /* "A" */
    const char *directory; /* NULL: one of its own, by its name */
    const char *const *arguments;
    const char *expected; /* "CENTRES_EXPECTED=..."; NULL: ALL */
    const char *number;   /* "WINNING_NUMBER=..." or "LOTTERY_DRAW=command"; NULL: the default */
    const char *wait;     /* "WINNERS_WAIT=..."; NULL: long */
};

static const char *const *environment_of(struct cluster *cluster, const struct plan *plan)
{
    struct stage *stage = cluster->stage;
    const char **environment = stage_allocate(stage, 16 * sizeof *environment);
    size_t count = 0;
    environment[count++] = stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers);
    environment[count++] = stage_text(stage, "REPLICATION_CENTRE=%s", plan->name);
    environment[count++] =
        stage_text(stage, "REPLICATION_REPLICAS=%u", cluster->count < NODES ? 1 : NODES);
    environment[count++] = "REPLICATION_TAKEOVER_AFTER=2s";
    environment[count++] = "ACK_AFTER=replicated";
    environment[count++] = "NUMBER_OF_AGENCIES=1";
    environment[count++] = stage_text(stage, "AGENCIES_ALLOWED=%d", plan->name[0] - 'A' + 1);
    environment[count++] = plan->expected == NULL ? ALL : plan->expected;
    environment[count++] = plan->wait == NULL ? "WINNERS_WAIT=30s" : plan->wait;
    environment[count] = plan->number;
    return environment;
}

static struct server *start(struct cluster *cluster, const struct plan *plan)
{
    const char *directory = plan->directory != NULL
                                ? plan->directory
                                : stage_path(cluster->stage, "centre-%s", plan->name);
    return server_start_with(cluster->stage, directory, plan->arguments,
                             environment_of(cluster, plan));
}

/* Starts all three as `plan` says. */
static void start_all(struct cluster *cluster, struct plan plan, struct server *servers[CENTRES])
{
    for (int i = 0; i < CENTRES; i++) {
        plan.name = names[i];
        servers[i] = start(cluster, &plan);
    }
}

/* Bets twice, once with the winning number, and is done. */
static struct peer *sell(struct server *server, int centre)
{
    struct peer *peer = peer_connect(server);
    struct stage *stage = server->stage;
    int agency = centre + 1;
    peer_ask(peer,
             stage_text(stage, "%d:4:%s\nEva,Paz,9,1980-01-31,1\n\r\n%d:5\r\n", agency,
                        winners[centre], agency),
             "server:0\r\nserver:0\r\n");
    return peer;
}

static void ask_winners(struct peer *peer, int centre)
{
    peer_send(peer, stage_text(peer->server->stage, "%d:6\r\n", centre + 1));
}

static void expect_winners(struct peer *peer, int centre)
{
    peer_expect(
        peer, stage_text(peer->server->stage, "server:3:%d,%s\n\r\n", centre + 1, winners[centre]));
}

static void expect_wait(struct peer *peer, int centre)
{
    ask_winners(peer, centre);
    peer_expect(peer, "server:2\r\n");
}

/* The number and what it is by, as control has them. */
static void expect_number(const struct server *server, const char *number)
{
    const char *control = files_read(server->stage, server_file(server, "control"), NULL);
    if (strstr(control, stage_text(server->stage, "\nwinning_number %s\n", number)) == NULL ||
        strstr(control, "\nstate drawn\n") == NULL) {
        fail_msg("the number is not %s, or it is not drawn:\n%s", number, control);
    }
}

/* Kills the server's shipper, and awaits the next one. */
static void kill_shipper(const struct server *server)
{
    struct segment segment = server_attach(server);
    struct shared_shipper *shipper = &segment.shared->shipper;
    struct deadline deadline = deadline_in(DEADLINE_MS);
    int32_t pid = 0;
    while ((pid = atomic_load(&shipper->pid)) == 0 && deadline_pause(deadline)) {
    }
    assert_int_not_equal(pid, 0);
    (void)kill(pid, SIGKILL);
    while ((atomic_load(&shipper->pid) == 0 || atomic_load(&shipper->pid) == pid) &&
           deadline_pause(deadline)) {
    }
    assert_int_not_equal(atomic_load(&shipper->pid), pid);
    segment_unmap(&segment);
}

/* Both verifiers find the draw well, and draw.json names what the centres have said of it. */
static const char *verify(const struct server *server)
{
    struct stage *stage = server->stage;
    char folder[PATH_MAX];
    assert_non_null(getcwd(folder, sizeof folder));
    const struct program_plan plans[] = {
        {.name = "lottery-verify", .arguments = ARGUMENTS(server->directory)},
        {.name = "python3",
         .arguments = ARGUMENTS(stage_text(stage, "%s/verify/lottery-verify.py", folder),
                                server->directory)}};
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct program_end end;
        struct program *program = program_run(stage, &plans[i], &end);
        if (end.status != 0) {
            fail_msg("%s: %d: %s%s", plans[i].name, end.status, program_log(program),
                     program_errors(program));
        }
    }
    return operator_read_drawing(server);
}

/* ---------------------------------------------------------------- drawing ---- */

static void three_centres_draw_the_same_number_each_among_its_own_bets(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, NODES, "");
    struct server *servers[CENTRES];
    struct program *agencies[CENTRES];
    start_all(cluster, (struct plan){.number = "WINNING_NUMBER=7574"}, servers);
    agency_generate(stage, CENTRES, GENERATED_BETS);
    for (int i = 0; i < CENTRES; i++) {
        agencies[i] = agency_start(servers[i], (uint32_t)i + 1,
                                   agency_bets_file(stage, (uint32_t)i + 1), NULL);
    }
    for (int i = 0; i < CENTRES; i++) {
        agency_expect_success(agencies[i]);
        (void)server_await_log(servers[i], 1, "action: centros | result: success*numero: 7574");
        expect_number(servers[i], "7574");
        assert_int_equal(server_count_log(servers[i], "action: sorteo | result: success"), 1);
    }
    const char *first = server_await_log(servers[0], 1, "action: centros | result: success");
    assert_non_null(strstr(first, stage_text(stage, "apuestas: %d", GENERATED_BETS)));
}

static void winners_are_those_of_the_own_bets(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    start_all(cluster, (struct plan){.wait = NULL}, servers);
    for (int i = 0; i < CENTRES; i++) {
        peers[i] = sell(servers[i], i);
        ask_winners(peers[i], i);
    }
    for (int i = 0; i < CENTRES; i++) {
        expect_winners(peers[i], i);
        assert_string_equal(files_read(stage, server_file(servers[i], "winners.csv"), NULL),
                            stage_text(stage, "%d,%s\r\n", i + 1, winners[i]));
        assert_string_equal(verify(servers[i]), verify(servers[0]));
    }
}

static void a_number_by_command_is_said_at_one_centre_for_all(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    start_all(cluster, (struct plan){.number = "LOTTERY_DRAW=command"}, servers);
    for (int i = 0; i < CENTRES - 1; i++) {
        peers[i] = sell(servers[i], i);
        (void)server_await_log(servers[i], 1,
                               "action: centros | result: in_progress*to be closed*C");
    }
    operator_draw(servers[1], "7574", operator_read_seal(servers[1]), 1,
                  "no number is taken before all centres are closed");
    peers[2] = sell(servers[2], 2);
    (void)server_await_log(servers[1], 1, "action: centros*the number is awaited");
    operator_draw(servers[1], "7574", operator_read_seal(servers[0]), 1,
                  "not the hash of this draw's seal");
    operator_draw(servers[1], "7574", operator_read_seal(servers[1]), 0, "number 7574");
    for (int i = 0; i < CENTRES; i++) {
        ask_winners(peers[i], i);
        expect_winners(peers[i], i);
        expect_number(servers[i], "7574");
    }
    operator_draw(servers[2], "1", operator_read_seal(servers[2]), 1, "is 7574 already");
    operator_draw(servers[2], "7574", operator_read_seal(servers[2]), 0, "is drawn");
}

/* ----------------------------------------------------------------- deaths ---- */

static void a_shipper_that_is_killed_at_each_step_changes_nothing(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    start_all(cluster, (struct plan){.number = "LOTTERY_DRAW=command"}, servers);
    struct server *a = servers[0];
    (void)server_await_log(a, 1, "claimed: epoch 1");
    kill_shipper(a); /* on sale */
    peers[0] = sell(a, 0);
    kill_shipper(a); /* it may be sealing, copying the seal, or closing */
    (void)server_await_log(a, 1, "action: centros | result: in_progress*to be closed: B, C");
    kill_shipper(a); /* closed */
    peers[1] = sell(servers[1], 1);
    peers[2] = sell(servers[2], 2);
    (void)server_await_log(a, 1, "action: centros*the number is awaited");
    kill_shipper(a); /* all closed */
    (void)server_await_log(a, 2, "action: centros*the number is awaited");
    operator_draw(a, "7574", operator_read_seal(a), 0, "number 7574");
    kill_shipper(a); /* drawn */
    for (int i = 0; i < CENTRES; i++) {
        ask_winners(peers[i], i);
        expect_winners(peers[i], i);
        expect_number(servers[i], "7574");
    }
    assert_int_equal(server_count_log(a, "action: centros | result: fail"), 0);
}

static void servers_that_are_killed_go_on_with_the_same_draw(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    const struct plan plan = {.name = "A"};
    start_all(cluster, plan, servers);
    (void)sell(servers[0], 0);
    (void)server_await_log(servers[0], 1, "action: centros | result: in_progress");
    server_kill_everything(servers[0]);
    (void)sell(servers[1], 1);
    (void)sell(servers[2], 2);
    (void)server_await_log(servers[1], 1, "action: sorteo | result: success"); /* A has said all */
    servers[0] = start(cluster, &plan);
    struct peer *peer = peer_connect(servers[0]);
    ask_winners(peer, 0);
    expect_winners(peer, 0);
    expect_number(servers[0], "7574");
}

static void an_engine_that_loses_its_leader_holds_the_draw_and_goes_on(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, NODES, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    start_all(cluster, (struct plan){.wait = NULL}, servers);
    peers[0] = sell(servers[0], 0);
    (void)server_await_log(servers[0], 1, "action: centros | result: in_progress");
    unsigned leader = cluster_leader_of(cluster, NATIONAL_STREAM);
    cluster_kill_node(cluster, leader);
    peers[1] = sell(servers[1], 1);
    peers[2] = sell(servers[2], 2);
    for (int i = 0; i < CENTRES; i++) {
        ask_winners(peers[i], i);
    }
    for (int i = 0; i < CENTRES; i++) {
        expect_winners(peers[i], i);
    }
}

static void a_standby_that_takes_over_draws_the_same(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct plan plan = {.name = "A"};
    start_all(cluster, plan, servers);
    const char *copy = stage_path(stage, "standby-A");
    struct program *standby = program_start(
        stage, &(struct program_plan){
                   .name = "lottery-server",
                   .arguments = ARGUMENTS("--follow"),
                   .environment = environment_of(cluster, &plan),
                   .more_environment = ENVIRONMENT("SERVER_PORT=0", "SERVER_ADDRESS=127.0.0.1",
                                                   "LIMITS_HANDLERS_AHEAD=0",
                                                   stage_text(stage, "DATA_DIRECTORY=%s", copy))});
    (void)sell(servers[0], 0);
    (void)server_await_log(servers[0], 1, "action: centros | result: in_progress");
    server_kill_everything(servers[0]);
    (void)program_await_log(standby, 1, "action: listen | result: success");
    (void)sell(servers[1], 1);
    (void)sell(servers[2], 2);
    (void)program_await_log(standby, 1, "action: centros | result: success*numero: 7574");
    (void)program_await_log(standby, 1,
                            "action: sorteo | result: success*ganadores: 1*numero: 7574");
    assert_string_equal(files_read(stage, stage_text(stage, "%s/winners.csv", copy), NULL),
                        stage_text(stage, "1,%s\r\n", winners[0]));
    struct program_end end = program_stop(standby, SIGTERM);
    assert_int_equal(end.status, 0);
}

/* --------------------------------------------------- missing, contradicting ---- */

static void a_missing_centre_holds_the_draw_until_it_is_closed_out(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    start_all(cluster, (struct plan){.wait = "WINNERS_WAIT=200ms"}, servers);
    for (int i = 0; i < CENTRES - 1; i++) {
        peers[i] = sell(servers[i], i);
        (void)server_await_log(servers[i], 1,
                               "action: centros | result: in_progress*to be closed*C");
        expect_wait(peers[i], i);
    }
    server_kill_everything(servers[2]);
    operator_administer(servers[0], ARGUMENTS("close-centre", "B", "--reason", "late"), 1,
                        "takes part with 2 bets");
    operator_administer(servers[0], ARGUMENTS("close-centre", "D", "--reason", "late"), 1,
                        "none of this draw's");
    operator_administer(servers[0], ARGUMENTS("close-centre", "A", "--reason", "late"), 1,
                        "is this one");
    operator_administer(servers[0], ARGUMENTS("close-centre", "C"), 2, "");
    operator_administer(servers[0], ARGUMENTS("close-centre", "C", "--reason", "flooded"), 0,
                        "centre C is closed out");
    for (int i = 0; i < CENTRES - 1; i++) {
        (void)server_await_log(servers[i], 1, "action: sorteo | result: success");
        ask_winners(peers[i], i);
        expect_winners(peers[i], i);
    }
    servers[2] = start(cluster, &(struct plan){.name = "C", .wait = "WINNERS_WAIT=200ms"});
    (void)server_await_log(servers[2], 1, "CRITICAL*centros | result: fail*closed out*flooded");
    (void)server_await_log(servers[2], 1,
                           "action: *por: command*this centre was closed out of the draw*");
    (void)server_await_log(servers[2], 1, "action: sello | result: success");
    assert_false(files_exist(server_file(servers[2], "winners.csv")));
}

static void a_centre_with_another_number_is_refused_and_the_others_go_on_without_it(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *servers[CENTRES];
    struct peer *peers[CENTRES];
    const struct plan wrong = {
        .name = "C", .number = "WINNING_NUMBER=1", .wait = "WINNERS_WAIT=200ms"};
    servers[0] = start(cluster, &(struct plan){.name = "A"});
    servers[1] = start(cluster, &(struct plan){.name = "B"});
    servers[2] = start(cluster, &wrong);
    peers[2] = sell(servers[2], 2); /* the wrong one is the first */
    (void)server_await_log(servers[2], 1, "action: centros | result: in_progress");
    for (int i = 0; i < CENTRES - 1; i++) {
        peers[i] = sell(servers[i], i);
        ask_winners(peers[i], i);
        (void)server_await_log(servers[i], 1,
                               "CRITICAL*centre C has the winning number 1, and this one 7574");
    }
    operator_administer(servers[1], ARGUMENTS("close-centre", "C", "--reason", "wrong number"), 0,
                        "is closed out");
    for (int i = 0; i < CENTRES - 1; i++) {
        expect_winners(peers[i], i);
    }
    (void)server_await_log(servers[2], 1, "CRITICAL*closed out*wrong number");
    expect_wait(peers[2], 2);
}

static void a_centre_that_expects_others_is_refused(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, &(struct plan){.name = "A"});
    struct server *b = start(cluster, &(struct plan){.name = "B",
                                                     .expected = "CENTRES_EXPECTED=A,B",
                                                     .wait = "WINNERS_WAIT=200ms"});
    (void)sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress");
    struct peer *peer = sell(b, 1);
    (void)server_await_log(b, 1, "CRITICAL*centre A expects the centres A,B,C, and this one A,B");
    expect_wait(peer, 1);
}

/* ---------------------------------------------------------------- looking ---- */

static void lottery_stat_and_status_tell_which_centres_are_awaited(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, ONE_NODE, "");
    struct server *a = start(cluster, &(struct plan){.name = "A"});
    (void)sell(a, 0);
    (void)server_await_log(a, 1, "action: centros | result: in_progress");
    const char *json = program_log(operator_run(a, "lottery-stat", ARGUMENTS("--json"), 0));
    assert_non_null(strstr(json, "{\"centre\": \"A\", \"standing\": \"closed\", \"bets\": 2}"));
    assert_non_null(strstr(json, "{\"centre\": \"C\", \"standing\": \"awaited\", \"bets\": 0}"));
    assert_non_null(strstr(json, "\"released\": false"));
    operator_administer(a, ARGUMENTS("status"), 0, "to be closed: B, C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(three_centres_draw_the_same_number_each_among_its_own_bets),
        STAGE_TEST(winners_are_those_of_the_own_bets),
        STAGE_TEST(a_number_by_command_is_said_at_one_centre_for_all),
        STAGE_TEST(a_shipper_that_is_killed_at_each_step_changes_nothing),
        STAGE_TEST(servers_that_are_killed_go_on_with_the_same_draw),
        STAGE_TEST(an_engine_that_loses_its_leader_holds_the_draw_and_goes_on),
        STAGE_TEST(a_standby_that_takes_over_draws_the_same),
        STAGE_TEST(a_missing_centre_holds_the_draw_until_it_is_closed_out),
        STAGE_TEST(a_centre_with_another_number_is_refused_and_the_others_go_on_without_it),
        STAGE_TEST(a_centre_that_expects_others_is_refused),
        STAGE_TEST(lottery_stat_and_status_tell_which_centres_are_awaited),
    };
    return cmocka_run_group_tests_name("cluster/centres", tests, NULL, NULL);
}
