/*
 * test_opening.c - the next draw of a centre whose bets are copied: the log begins it, a standby follows
 * into it, and whoever dies over it, there is one draw.
 *
 * The engine is one node of NATS.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/centre.h"
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/shipped.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { FIRST_BETS = 500 };

#define OPENING ARGUMENTS("open", "second", "--abandon", "--reason", "a test")

/* The draw that the directory's control names. */
static bool is_at_draw(const struct server *server, const char *draw)
{
    size_t bytes = 0;
    char *control = files_load(server_file(server, "control"), &bytes);
    const char *line = stage_text(server->stage, "\ndraw %s\n", draw);
    const bool is_there = control != NULL && strstr(control, line) != NULL;
    free(control);
    return is_there;
}

static void await_draw(const struct server *server, const char *draw)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!is_at_draw(server, draw)) {
        if (!deadline_pause(deadline)) {
            program_show(server->program);
            fail_msg("%s does not come to draw %s", server->directory, draw);
        }
    }
}

/* Runs lottery-feed --export, or with other arguments; returns the file that has what it printed. */
static const char *feed(const struct centre *centre, const char *name, const char *const *arguments)
{
    struct stage *stage = centre->stage;
    struct program_end end;
    const struct program_plan plan = {
        .name = "lottery-feed",
        .arguments = arguments,
        .environment =
            ENVIRONMENT(stage_text(stage, "REPLICATION_SERVERS=%s", centre->engine->servers),
                        stage_text(stage, "REPLICATION_CENTRE=%s", centre->name))};
    struct program *program = program_run(stage, &plan, &end);
    if (end.status != 0) {
        program_show(program);
        fail_msg("the feed ended with %d", end.status);
    }
    const char *path = stage_path(stage, "%s", name);
    files_write(path, program_log(program));
    return path;
}

static void verify(const struct centre *centre, const char *const *arguments, int status,
                   const char *words)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-verify", .arguments = arguments};
    struct program *verifier = program_run(centre->stage, &plan, &end);
    if (end.status != status || strstr(program_log(verifier), words) == NULL) {
        program_show(verifier);
        fail_msg("lottery-verify ended with %d, or does not say \"%s\"", end.status, words);
    }
}

/* The operator is told that the draw is open. */
static void await_opened(const struct server *server, struct program *admin)
{
    if (program_await_end(admin).status != 0) {
        program_show(server->program);
        fail_msg("lottery-admin says: %s", program_errors(admin));
    }
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        found++;
    }
    return found;
}

/* ----------------------------------------------------------------- tests ---- */

static void a_lottery_goes_on_to_its_next_draw_and_the_standby_with_it(void **state)
{
    const struct centre *centre = centre_open(*state, "1");
    struct stage *stage = centre->stage;
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    agency_generate(stage, 1, FIRST_BETS);
    agency_expect_success(agency_start(primary, 1, agency_bets_file(stage, 1), NULL));
    centre_await_all_same(primary, standby, true);
    operator_administer(primary, ARGUMENTS("open", "second", "--number", "7574"), 0,
                        "draw second is open");
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    centre_await_all_same(primary, standby, false);
    assert_true(is_at_draw(standby, "second"));
    static const char *const archived[] = {"bets.csv",  "done.csv",    "seal.json",
                                           "draw.json", "winners.csv", "control"};
    for (size_t i = 0; i + 1 < sizeof archived / sizeof archived[0]; i++) {
        centre_await_same(primary, standby, stage_text(stage, "draws/1/%s", archived[i]));
    }
    /* The takeover is in the next draw, which goes on. */
    (void)operator_run(standby, "lottery-admin", ARGUMENTS("promote"), 0);
    server_await_port(standby);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    peer = peer_connect(standby);
    peer_ask(peer, bets_batch(stage, 1, 10, 10), "server:0\r\n");
    bets_expect_stored(standby, 1, 0, 20);
    struct server *returned = centre_start_standby(centre, 0, "1h");
    centre_await_all_same(standby, returned, false);
    server_stop_well(returned);
    /* And so is one that begins with the first record, through both draws. */
    struct server *late = centre_start_standby(centre, 2, "1h");
    centre_await_all_same(standby, late, false);
    centre_await_same(standby, late, "draws/1/winners.csv");
    server_stop_well(late);
    const char *export = feed(centre, "export.jsonl", ARGUMENTS("--export"));
    verify(centre, ARGUMENTS("--log", export, server_file(standby, "draws/1")), 0,
           "ok      log-bets");
    verify(centre, ARGUMENTS("--log", export, standby->directory), 4, "ok      log-bets");
    const char *rows = feed(centre, "rows.jsonl", ARGUMENTS("--format", "json"));
    const char *text = files_read(stage, rows, NULL);
    assert_int_equal(count(text, "\"lottery\":"), FIRST_BETS + 20);
}

/* Wherever the primary dies, it comes back by --follow, and the draw is the log's. */
static const struct {
    const char *fault;
    const char *draw;                               /* in which both nodes are afterwards */
} deaths[] = {{"shipper.opening:1:KILL", "second"}, /* the shipper's death: another one opens it */
              {"shipper.opened:1:KILL", "second"},  {"open.prepared:1:KILL", "second"},
              {"open.committed:1:KILL", "second"},  {"archive.moved:1:KILL", "second"},
              {"archive.complete:1:KILL", "second"}};

static void whoever_dies_over_an_opening_there_is_one_draw(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct stage *stage = centre->stage;
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
        const bool kills_shipper = strncmp(deaths[i].fault, "shipper.", 8) == 0;
        centre->name = stage_text(stage, "north-%zu", i);
        centre->directories[0] = stage_path(stage, "primary-%zu", i);
        centre->directories[1] = stage_path(stage, "standby-%zu", i);
        centre_arm(centre, deaths[i].fault);
        struct server *primary = centre_start_primary(centre, 0);
        const char *token = centre->token;
        centre->token = stage_path(stage, "no-token"); /* the standby has no fault */
        struct server *standby = centre_start_standby(centre, 1, "1h");
        (void)centre_sell(primary, standby, 10);
        struct program *admin = operator_start(primary, OPENING);
        centre->token = token;
        centre_await_fault(centre);
        await_draw(standby, deaths[i].draw);
        if (!kills_shipper) {
            (void)program_await_end(admin);
            (void)program_await_end(primary->program);
            primary = centre_start_standby(centre, 0, "1s");
            centre_await_takeover(primary);
        } else {
            await_opened(primary, admin);
        }
        assert_true(is_at_draw(primary, deaths[i].draw));
        struct peer *peer = peer_connect(primary);
        peer_ask(peer, bets_batch(stage, 1, 100, 5), "server:0\r\n");
        centre_await_all_same(primary, standby, false);
        (void)shipped_expect_files(stage, centre->engine->servers, centre->name, primary);
        server_stop_well(standby);
        server_stop_well(primary);
    }
}

static void an_opening_after_a_takeover_is_refused_and_the_draw_stays(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    (void)centre_sell(primary, standby, 10);
    pid_t shipper = centre_signal_shipper(primary, SIGSTOP); /* with it the heartbeat stops */
    centre_await_takeover(standby);
    struct program *admin = operator_start(primary, OPENING);
    (void)server_await_log(primary, 1, "action: admin | result: in_progress | command: open");
    assert_int_equal(kill(shipper, SIGCONT), 0);
    assert_int_not_equal(program_await_end(admin).status, 0);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    assert_true(is_at_draw(primary, "1"));
    struct server *returned = centre_start_standby(centre, 0, "1h");
    centre_await_all_same(standby, returned, false);
    assert_true(is_at_draw(returned, "1"));
    server_stop_well(returned);
}

/* Its append lies with the engine, which is paused: nobody knows, and the server waits for it. */
static void an_opening_whose_outcome_nobody_knows_is_awaited(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
    cluster_pause_node(centre->engine, 0);
    struct program *admin = operator_start(primary, OPENING);
    (void)server_await_log(primary, 1,
                           "action: replica | result: in_progress | begins: draw second*");
    assert_true(is_at_draw(primary, "1"));
    cluster_resume_node(centre->engine, 0);
    await_opened(primary, admin);
    peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 10), "server:0\r\n");
    assert_true(is_at_draw(primary, "second"));
}

/* What the current draw has is not in the log yet: nothing is tried. */
static void without_the_engine_no_draw_is_opened_and_the_current_one_goes_on(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
    cluster_kill_node(centre->engine, 0);
    peer_send(peer, bets_batch(centre->stage, 1, 10, 10));
    (void)server_await_log(primary, 1, "action: replica*waiting: for the engine*");
    operator_administer(primary, OPENING, 1, "the engine did not take the opening");
    assert_true(is_at_draw(primary, "1"));
    cluster_start_node(centre->engine, 0);
    server_await_port(primary);
    operator_administer(primary, OPENING, 0, "draw second is open");
}

int main(void)
{
    faults_use_programs();
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_lottery_goes_on_to_its_next_draw_and_the_standby_with_it),
        STAGE_TEST(whoever_dies_over_an_opening_there_is_one_draw),
        STAGE_TEST(an_opening_after_a_takeover_is_refused_and_the_draw_stays),
        STAGE_TEST(an_opening_whose_outcome_nobody_knows_is_awaited),
        STAGE_TEST(without_the_engine_no_draw_is_opened_and_the_current_one_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
