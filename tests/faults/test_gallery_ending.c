/*
 * test_gallery_ending.c - the gallery of disasters: the end of a draw, and who dies at each step.
 *
 * One table: the fault point, and whether the storer dies there, or everything at once. Around it
 * the same small draw each time. Its judges are lottery-verify, which makes seal and winners
 * again, and the agencies, which are told their winners (reckoning_expect_books).
 *
 * docs/reliability.md refers to disasters by their numbers.
 */
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define ROW     "Ana,Paz,1,1980-01-31,7574"
#define BY_TWO  "NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s"
#define WINNERS "server:3:1," ROW "\n\r\n"

struct disaster {
    const char *place; /* the fault point and its turn, "seal.begun:1" */
    bool everything;   /* dies; else the storer alone */
};

struct scene {
    struct stage *stage;
    const struct disaster *disaster;
    struct lottery *lottery;
};

/* Starts a server of which the storer dies there, or stops, for everything to be killed. */
static void start_doomed(struct scene *scene, const char *const *settings)
{
    const char *end = scene->disaster->everything ? "STOP" : "KILL";
    scene->lottery = lottery_open(scene->stage, settings);
    lottery_arm(scene->lottery);
    lottery_start(scene->lottery, stage_text(scene->stage, "%s:%s", scene->disaster->place, end));
}

/* The storer has died and was replaced; or everything has, and the next server is there. */
static void let_it_die(struct scene *scene)
{
    struct lottery *lottery = scene->lottery;
    lottery_await_fault(lottery);
    if (!scene->disaster->everything) {
        lottery_expect_deaths(lottery, (struct lottery_deaths){.storers = 1});
        return;
    }
    lottery_await_stopped(lottery, lottery_storer(lottery));
    server_kill_everything(lottery->server);
    lottery_start(lottery, NULL);
}

/* Agency 1 is told its winner, and no bet is taken. */
static void expect_winners(const struct lottery *lottery)
{
    struct peer *peer = peer_connect(lottery->server);
    peer_ask(peer, "1:6\r\n", WINNERS);
    peer_ask(peer, "2:6\r\n", "server:3:\r\n");
    peer_ask(peer, "1:4:" ROW "\n\r\n", "server:1\r\n");
}

static void a_draw_ends_all_the_same(void **state)
{
    struct stage *stage = *state;
    struct scene *scene = &(struct scene){.stage = stage, .disaster = stage->given};
    start_doomed(scene, ENVIRONMENT(BY_TWO));
    struct peer *peer = peer_connect(scene->lottery->server);
    peer_ask(peer, "1:4:" ROW "\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "2:5\r\n", "server:0\r\n");
    let_it_die(scene);
    expect_winners(scene->lottery);
    lottery_close(scene->lottery);
}

static struct program *administer(const struct scene *scene, const char *const *arguments)
{
    const struct program_plan plan = {
        .name = "lottery-admin",
        .arguments = arguments,
        .environment =
            ENVIRONMENT(stage_text(scene->stage, "DATA_DIRECTORY=%s", scene->lottery->directory))};
    return program_start(scene->stage, &plan);
}

/* The operator is answered by the storer that comes next; or has to look, when nobody is left. */
static void an_operators_number_is_taken_once(void **state)
{
    struct stage *stage = *state;
    struct scene *scene = &(struct scene){.stage = stage, .disaster = stage->given};
    start_doomed(scene, ENVIRONMENT(BY_TWO, "LOTTERY_DRAW=command"));
    struct peer *peer = peer_connect(scene->lottery->server);
    peer_ask(peer, "1:4:" ROW "\n\r\n1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\nserver:0\r\n");
    (void)server_await_log(scene->lottery->server, 1, "action: sello | result: success");
    const char *control = files_read(
        scene->stage, stage_text(scene->stage, "%s/control", scene->lottery->directory), NULL);
    const char *seal =
        stage_text(scene->stage, "%.64s", strstr(control, "seal_sha256 ") + strlen("seal_sha256 "));
    struct program *admin =
        administer(scene, ARGUMENTS("draw", "--number", "7574", "--seal", seal));
    let_it_die(scene);
    assert_int_equal(program_await_end(admin).status == EXIT_SUCCESS, !scene->disaster->everything);
    expect_winners(scene->lottery);
    admin = administer(scene, ARGUMENTS("draw", "--number", "7575", "--seal", seal));
    assert_int_equal(program_await_end(admin).status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(admin), "never a second one"));
    lottery_close(scene->lottery);
}

/* SIGTERM while the storer seals: it ends well without the seal, and the next start makes it. */
static void a_server_that_is_stopped_while_it_seals_seals_at_the_next_start(void **state)
{
    struct stage *stage = *state;
    struct scene *scene = &(struct scene){.stage = stage, .disaster = stage->given};
    start_doomed(scene, ENVIRONMENT(BY_TWO));
    struct lottery *lottery = scene->lottery;
    struct server *server = lottery->server;
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" ROW "\n\r\n1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\nserver:0\r\n");
    lottery_await_fault(lottery);
    pid_t storer = lottery_storer(lottery);
    lottery_await_stopped(lottery, storer);
    assert_int_equal(kill(server->program->pid, SIGTERM), 0);
    (void)server_await_log(server, 1, "action: stop_handlers | result: success");
    assert_int_equal(kill(storer, SIGTERM), 0); /* the supervisor's may come after SIGCONT */
    assert_int_equal(kill(storer, SIGCONT), 0);
    assert_int_equal(program_await_end(server->program).status, 0);
    (void)server_await_log(server, 1, "action: sello | result: in_progress | reason: stopped");
    lottery_start(lottery, NULL);
    expect_winners(lottery);
    lottery_close(lottery);
}

/* cmocka wants names and functions; here one of three functions. */
#define DISASTER(sentence, how_it_ends, where, all)                                                \
    STAGE_TEST_GIVEN(sentence, how_it_ends,                                                        \
                     (&(struct disaster){.place = (where), .everything = (all)}))
#define STORER_DIES(sentence, where)     DISASTER(sentence, a_draw_ends_all_the_same, where, false)
#define EVERYTHING_DIES(sentence, where) DISASTER(sentence, a_draw_ends_all_the_same, where, true)

static const struct CMUnitTest tests[] = {
    STORER_DIES(disaster_201_the_storer_dies_with_bets_refused_and_sales_not_closed,
                "sales.settled:1"),
    STORER_DIES(disaster_202_the_storer_dies_with_sales_closed_and_nobody_told, "sales.closed:1"),
    STORER_DIES(disaster_203_the_storer_dies_as_it_begins_to_seal, "seal.begun:1"),
    STORER_DIES(disaster_204_the_storer_dies_before_the_seal_is_put_into_place, "whole.synced:1"),
    STORER_DIES(disaster_205_the_storer_dies_after_the_seal_was_put_into_place, "whole.renamed:1"),
    STORER_DIES(disaster_206_the_storer_dies_with_the_seal_noted_and_nobody_told, "seal.noted:1"),
    STORER_DIES(disaster_207_the_storer_dies_before_draw_json_is_put_into_place, "whole.synced:2"),
    STORER_DIES(disaster_208_the_storer_dies_after_draw_json_was_put_into_place, "whole.renamed:2"),
    DISASTER(disaster_209_the_storer_dies_with_the_number_noted_and_nobody_told,
             an_operators_number_is_taken_once, "draw.numbered:1", false),
    EVERYTHING_DIES(disaster_211_everything_dies_with_bets_refused_and_sales_not_closed,
                    "sales.settled:1"),
    EVERYTHING_DIES(disaster_212_everything_dies_with_sales_closed_and_nobody_told,
                    "sales.closed:1"),
    EVERYTHING_DIES(disaster_213_everything_dies_as_sealing_begins, "seal.begun:1"),
    EVERYTHING_DIES(disaster_214_everything_dies_before_the_seal_is_put_into_place,
                    "whole.synced:1"),
    EVERYTHING_DIES(disaster_215_everything_dies_after_the_seal_was_put_into_place,
                    "whole.renamed:1"),
    EVERYTHING_DIES(disaster_216_everything_dies_with_the_seal_noted_and_nobody_told,
                    "seal.noted:1"),
    EVERYTHING_DIES(disaster_217_everything_dies_before_draw_json_is_put_into_place,
                    "whole.synced:2"),
    EVERYTHING_DIES(disaster_218_everything_dies_after_draw_json_was_put_into_place,
                    "whole.renamed:2"),
    DISASTER(disaster_219_everything_dies_with_the_number_noted_and_nobody_told,
             an_operators_number_is_taken_once, "draw.numbered:1", true),
    DISASTER(disaster_220_the_server_is_stopped_while_it_seals,
             a_server_that_is_stopped_while_it_seals_seals_at_the_next_start, "seal.begun:1", true),
};

int main(void)
{
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
