/*
 * test_restart.c - a server that starts again goes on where the last one was,
 * whether that one was stopped or killed.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static struct server *start(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s"));
}

static void append_to(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    (void)close(file);
}

/* ----------------------------------------------------------------- stopped ---- */

static void bets_are_there_after_a_restart_and_more_can_follow(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    peer_ask(peer, bets_batch(stage, 2, 0, 3), "server:0\r\n");
    server_stop_well(server);
    server = start(stage);
    (void)server_await_log(server, 1, "action: recover | result: success | bets: 13 |");
    peer = peer_connect(server);
    peer_ask(peer, "2:7\r\n1:7\r\n", "server:8:3,open*\r\nserver:8:10,open*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 10, 5), "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:15,open*\r\n");
    bets_expect_stored(server, 1, 0, 15);
    bets_expect_stored(server, 2, 0, 3);
}

static void an_agency_that_is_done_is_done_after_a_restart(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 4), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    server_stop_well(server);
    server = start(stage);
    peer = peer_connect(server);
    assert_int_equal(server_gate(server).missing, 1);
    peer_ask(peer, "1:7\r\n", "server:8:4,done*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 4, 1), "server:1\r\n");
    peer_ask(peer, "2:5\r\n2:6\r\n", "server:0\r\nserver:3:\r\n");
}

static void the_draw_is_held_once_and_its_winners_stay(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    server_stop_well(server);
    const char *winners = files_read(stage, server_file(server, "winners.csv"), NULL);
    server = start(stage);
    peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n2:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\nserver:3:\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:1,drawn*\r\n");
    peer_ask(peer, "2:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:1\r\n");
    assert_string_equal(files_read(stage, server_file(server, "winners.csv"), NULL), winners);
}

static void a_bet_after_the_draw_is_refused_after_a_restart_too(void **state)
{
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT("NUMBER_OF_AGENCIES=2", "AGENCIES_ALLOWED=1-3");
    struct server *server = server_start(stage, environment);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    peer_ask(peer, bets_batch(stage, 3, 0, 1), "server:1\r\n");
    assert_int_equal(server_count_log(server, "drawn: yes"), 0);
    server_stop_well(server);
    server = server_start(stage, environment);
    (void)server_await_log(server, 1, "action: recover*drawn: yes*lottery-admin open NAME*down -v");
    peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 3, 0, 1), "server:1\r\n");
    peer_ask(peer, "3:7\r\n", "server:8:0,drawn*\r\n");
}

static void an_agency_that_runs_again_after_the_draw_gets_its_winners_again(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 3000);
    agency_expect_success(agency_start(server, 1, agency_bets_file(stage, 1), NULL));
    const char *winners = files_read(stage, agency_winners_file(stage, 1), NULL);
    assert_true(winners[0] != '\0');
    for (int restart = 0; restart < 2; restart++) {
        (void)unlink(agency_winners_file(stage, 1));
        agency_expect_success(agency_start(server, 1, agency_bets_file(stage, 1), NULL));
        assert_string_equal(files_read(stage, agency_winners_file(stage, 1), NULL), winners);
        server_stop_well(server);
        server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    }
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
}

/* ------------------------------------------------------------------ killed ---- */

static void what_was_acknowledged_is_there_after_everything_was_killed(void **state)
{
    enum { ROUNDS = 5, BATCHES = 4, BETS = 25 };
    struct stage *stage = *state;
    unsigned stored = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct server *server = start(stage);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "1:7\r\n", stage_text(stage, "server:8:%u,open*\r\n", stored));
        for (int i = 0; i < BATCHES; i++, stored += BETS) {
            peer_ask(peer, bets_batch(stage, 1, stored, BETS), "server:0\r\n");
        }
        server_kill_everything(server);
        peer_expect_close(peer);
    }
    bets_expect_stored(start(stage), 1, 0, stored);
}

static void an_agency_goes_on_by_itself_after_everything_was_killed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 100000);
    struct program *agency =
        agency_start(server, 1, agency_bets_file(stage, 1), ENVIRONMENT("CLI_LOOP_LAPSE=30s"));
    (void)server_await_log(server, 50, "action: apuesta_recibida | result: success");
    server_kill_everything(server);
    server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1",
                                             stage_text(stage, "SERVER_PORT=%u", server->port)));
    agency_expect_success(agency);
    (void)program_await_log(agency, 1, "action: reanudar | result: success");
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
    size_t winners = reckoning_count_number(stored, 1, 7574);
    (void)program_await_log(agency, 1,
                            stage_text(stage, "consulta_ganadores*cant_ganadores: %zu", winners));
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void a_killed_servers_leftovers_are_replaced_and_go_in_the_end(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    server_kill_everything(server);
    char what[MACHINE_NAME_BYTES];
    assert_true(machine_finds_new(&stage->before, stage->directory,
                                  what)); /* the segment, or the semaphore set */
    server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void the_children_of_a_killed_supervisor_finish_and_the_next_server_takes_over(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    peer_send(peer, bets_batch(stage, 1, 2, 2));
    server_kill_supervisor(server);
    peer_expect(peer, "server:0\r\n");
    peer_expect_close(peer);
    server = start(stage);
    server_await_orphans(server);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:4,open*\r\n");
    bets_expect_stored(server, 1, 0, 4);
}

/* -------------------------------------------------------------------- tails ---- */

static void a_torn_last_row_is_cut_off_and_said_so(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    server_stop_well(server);
    append_to(server_file(server, "bets.csv"), "1,Ana María,Suárez,100000");
    server = start(stage);
    (void)server_await_log(server, 1, "action: recover | *file: bets.csv | cut_bytes: 27 | at: ");
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:3,open*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 3, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
}

static void a_torn_line_of_done_csv_is_cut_off(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    server_stop_well(server);
    append_to(server_file(server, "done.csv"), "2");
    server = start(stage);
    (void)server_await_log(server, 1, "action: recover | *file: done.csv | cut_bytes: 1");
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n2:7\r\n", "server:8:0,done*\r\nserver:8:0,open*\r\n");
}

/* A server that was stopped well, with so many bets that each was acknowledged. */
static const char *stop_with_bets(struct stage *stage, unsigned bets)
{
    enum { BATCH = 100 };
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    for (unsigned stored = 0; stored < bets; stored += BATCH) {
        peer_ask(peer, bets_batch(stage, 1, stored, BATCH), "server:0\r\n");
    }
    server_stop_well(server);
    return server_file(server, "bets.csv");
}

/* A start fails with one clear line, and leaves these bytes, control and the checkpoint alone. */
static void expect_start_refused(struct stage *stage, const char *bets_file, const char *reason)
{
    size_t before_bytes = 0;
    size_t after_bytes = 0;
    struct program_end end;
    const char *before = files_read(stage, bets_file, &before_bytes);
    const uint64_t checkpoint_bytes = files_size(stage_path(stage, "data/checkpoint"));
    const char *control = files_read(stage, stage_path(stage, "data/control"), NULL);
    struct program *program =
        server_start_in_vain(stage, NULL, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=2"), &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), reason));
    assert_non_null(strstr(program_errors(program), "nothing was touched"));
    assert_string_equal(files_read(stage, stage_path(stage, "data/control"), NULL), control);
    const char *after = files_read(stage, bets_file, &after_bytes);
    assert_int_equal(after_bytes, before_bytes);
    assert_memory_equal(after, before, before_bytes);
    assert_true(checkpoint_bytes > 0);
    assert_int_equal(files_size(stage_path(stage, "data/checkpoint")), checkpoint_bytes);
    stage_expect_nothing_left(stage);
}

static void acknowledged_bets_that_were_damaged_since_are_not_cut_off(void **state)
{
    enum { BETS = 1000, DAMAGED = 10, FROM_END = 3000 };
    struct stage *stage = *state;
    const char *bets_file = stop_with_bets(stage, BETS);
    size_t count = 0;
    char *bets = files_read(stage, bets_file, &count);
    char kept[DAMAGED];
    memcpy(kept, bets + count - FROM_END, DAMAGED);
    memset(bets + count - FROM_END, 0, DAMAGED);
    files_write_bytes(bets_file, bets, count);
    expect_start_refused(stage, bets_file, "bets.csv was changed");
    memcpy(bets + count - FROM_END, kept, DAMAGED);
    files_write_bytes(bets_file, bets, count / 2);
    expect_start_refused(stage, bets_file, "bets.csv ends at byte");
    files_write_bytes(bets_file, bets, count); /* as it should be */
    bets_expect_stored(start(stage), 1, 0, BETS);
}

/* Before the checkpoint's end such a start does not look; the seal does. */
static void damage_that_a_start_is_told_not_to_look_for_is_found_by_the_seal(void **state)
{
    enum { BETS = 200, DAMAGED = 2, NAME_AT = 2 };
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, bets_batch(stage, 2, 0, BETS), "server:0\r\n");
    server_stop_well(server);
    size_t count = 0;
    char *bets = files_read(stage, server_file(server, "bets.csv"), &count);
    memset(bets + NAME_AT, 0, DAMAGED);
    files_write_bytes(server_file(server, "bets.csv"), bets, count);
    expect_start_refused(stage, server_file(server, "bets.csv"), "bets.csv was changed");
    server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "START_VERIFY=end"));
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:1,open*\r\n");
    peer_send(peer, "1:5\r\n2:5\r\n");
    (void)server_await_log(server, 1,
                           "CRITICAL*action: sello | result: fail*no bets, the first at byte 0");
    assert_int_equal(program_await_end(server->program).status, 1);
    assert_int_equal(server_count_log(server, "action: sello | result: fail"), 1);
    assert_int_equal(server_count_log(server, "what is on the disk is not what was written"), 1);
    assert_false(files_exist(server_file(server, "winners.csv")));
    stage_expect_nothing_left(stage);
}

/* ------------------------------------------------------------------- terms ---- */

static void expect_terms_refused(struct stage *stage, const char *const *environment,
                                 const char *reason)
{
    struct program_end end;
    const char *control = files_read(stage, stage_path(stage, "data/control"), NULL);
    struct program *program = server_start_in_vain(stage, NULL, NULL, environment, &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), "is of other terms than the configuration"));
    assert_non_null(strstr(program_errors(program), reason));
    assert_non_null(strstr(program_errors(program), "docker compose down -v"));
    assert_string_equal(files_read(stage, stage_path(stage, "data/control"), NULL), control);
    stage_expect_nothing_left(stage);
}

static void other_terms_are_refused_once_there_is_a_bet(void **state)
{
    struct stage *stage = *state;
    (void)stop_with_bets(stage, 1);
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=3"),
                         "configuration: agencies expected 2, and now 3; agencies allowed 1-2, and "
                         "now 1-3. Bets");
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNING_NUMBER=1"),
                         "configuration: winning number 7574, and now 1. Bets");
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "AGENCIES_ALLOWED=any"),
                         "configuration: agencies allowed 1-2, and now any. Bets");
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "LOTTERY_DRAW=command"),
                         "configuration: winning number 7574, and now by command. Bets");
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "LOTTERY_NAME=2026-W49"),
                         "configuration: lottery.name 1, and now 2026-W49. Bets");
    expect_terms_refused(stage,
                         ENVIRONMENT("NUMBER_OF_AGENCIES=2", "LOTTERY_CLOSES=2099-01-01T00:00:00Z"),
                         "configuration: closes never, and now 2099-01-01T00:00:00.000Z. Bets");
    const char *const *same = ENVIRONMENT("NUMBER_OF_AGENCIES=2", "AGENCIES_ALLOWED=2,1");
    bets_expect_stored(server_start(stage, same), 1, 0, 100);
}

static void terms_may_change_before_there_is_a_bet(void **state)
{
    struct stage *stage = *state;
    server_stop_well(start(stage));
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "WINNING_NUMBER=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,1\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,1\n\r\n");
    server_stop_well(server);
    expect_terms_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"),
                         "winning number 1, and now 7574");
}

/* ----------------------------------------------------------------- winners ---- */

/* A server that has held its draw and was stopped. */
static struct server *stop_after_the_draw(struct stage *stage)
{
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "2:4:Eva,Sol,2,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    server_stop_well(server);
    return server;
}

static void winners_that_are_missing_are_made_again(void **state)
{
    struct stage *stage = *state;
    const char *winners_file = server_file(stop_after_the_draw(stage), "winners.csv");
    const char *winners = files_read(stage, winners_file, NULL);
    assert_int_equal(unlink(winners_file), 0);
    struct server *server = start(stage);
    (void)server_await_log(server, 1, "WARNING*winners.csv | reason: it was missing");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "2:6\r\n", "server:3:2,Eva,Sol,2,1980-01-31,7574\n\r\n");
    assert_string_equal(files_read(stage, winners_file, NULL), winners);
}

static void winners_that_were_changed_are_told_to_nobody(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const char *winners_file = server_file(stop_after_the_draw(stage), "winners.csv");
    append_to(winners_file, "1,Max,Pan,3,1980-01-31,7574\r\n");
    struct program *program =
        server_start_in_vain(stage, NULL, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=2"), &end);
    assert_int_equal(end.status, 1);
    (void)program_await_log(program, 1,
                            "CRITICAL*action: sorteo | result: fail*winners.csv was changed");
    stage_expect_nothing_left(stage);
    assert_int_equal(unlink(winners_file), 0); /* as the message says */
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    append_to(winners_file, "1,Max,Pan,3,1980-01-31,7574\r\n"); /* while it runs */
    peer_ask(peer, "1:6\r\n", "server:1\r\n");
    (void)server_await_log(server, 1, "consulta_ganadores | result: fail*winners.csv was changed");
}

/* The files as they are, put back later: a backup of some of them. */
struct old_file {
    const char *path, *bytes;
    size_t count;
};

static struct old_file keep(struct server *server, const char *name)
{
    struct old_file file = {.path = server_file(server, name)};
    file.bytes = files_read(server->stage, file.path, &file.count);
    return file;
}

static void expect_refused_for(struct stage *stage, const char *const *environment,
                               const char *reason)
{
    struct program_end end;
    const char *winners = files_read(stage, stage_path(stage, "data/winners.csv"), NULL);
    struct program *program = server_start_in_vain(stage, NULL, NULL, environment, &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), reason));
    assert_string_equal(files_read(stage, stage_path(stage, "data/winners.csv"), NULL), winners);
    stage_expect_nothing_left(stage);
}

static void files_from_before_the_draw_beside_its_winners_are_refused(void **state)
{
    struct stage *stage = *state;
    (void)stop_with_bets(stage, 1);
    struct server *server = start(stage);
    const struct old_file control = keep(server, "control");
    const struct old_file done = keep(server, "done.csv");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "2:6\r\n", "server:3:\r\n");
    server_stop_well(server);
    files_write_bytes(control.path, control.bytes, control.count);
    files_write_bytes(done.path, done.bytes, done.count);
    expect_refused_for(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"),
                       "winners.csv is there, so a draw has been held");
}

/* Without a checkpoint, which would tell that they are two lotteries. */
static void a_new_control_beside_bets_that_were_done_is_refused(void **state)
{
    struct stage *stage = *state;
    const char *const *other = ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNING_NUMBER=1");
    struct server *server = server_start(stage, other);
    const struct old_file control = keep(server, "control");
    server_stop_well(server);
    server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    server_stop_well(server);
    files_write_bytes(control.path, control.bytes, control.count);
    assert_int_equal(unlink(server_file(server, "checkpoint")), 0);
    struct program_end end;
    struct program *program = server_start_in_vain(stage, NULL, NULL, other, &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), "control says that nothing has been stored"));
    stage_expect_nothing_left(stage);
}

/*
 * The agency was at work when the server stopped: a stranger's DONE would shut out what is to
 * come.
 */
static void who_was_claimed_stays_claimed_after_a_restart(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *agency = peer_connect(server);
    peer_ask(agency, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(agency, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    struct peer *other = peer_connect(server);
    peer_ask(other, bets_batch(stage, 2, 0, 10), "server:0\r\n");
    server_stop_well(server);
    server = start(stage);
    other = peer_connect(server);
    peer_ask(other, "1:5\r\n", "server:1\r\n");
    peer_ask(other, bets_batch(stage, 1, 10, 1), "server:1\r\n");
    peer_ask(other, bets_batch(stage, 2, 10, 1), "server:0\r\n");
    agency = peer_connect(server);
    peer_ask(agency, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(agency, bets_batch(stage, 1, 10, 10), "server:0\r\n");
    peer_ask(agency, "1:5\r\n", "server:0\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(bets_are_there_after_a_restart_and_more_can_follow),
        STAGE_TEST(an_agency_that_is_done_is_done_after_a_restart),
        STAGE_TEST(the_draw_is_held_once_and_its_winners_stay),
        STAGE_TEST(an_agency_that_runs_again_after_the_draw_gets_its_winners_again),
        STAGE_TEST(a_bet_after_the_draw_is_refused_after_a_restart_too),
        STAGE_TEST(what_was_acknowledged_is_there_after_everything_was_killed),
        STAGE_TEST(an_agency_goes_on_by_itself_after_everything_was_killed),
        STAGE_TEST(a_killed_servers_leftovers_are_replaced_and_go_in_the_end),
        STAGE_TEST(the_children_of_a_killed_supervisor_finish_and_the_next_server_takes_over),
        STAGE_TEST(a_torn_last_row_is_cut_off_and_said_so),
        STAGE_TEST(a_torn_line_of_done_csv_is_cut_off),
        STAGE_TEST(damage_that_a_start_is_told_not_to_look_for_is_found_by_the_seal),
        STAGE_TEST(acknowledged_bets_that_were_damaged_since_are_not_cut_off),
        STAGE_TEST(other_terms_are_refused_once_there_is_a_bet),
        STAGE_TEST(terms_may_change_before_there_is_a_bet),
        STAGE_TEST(winners_that_are_missing_are_made_again),
        STAGE_TEST(winners_that_were_changed_are_told_to_nobody),
        STAGE_TEST(files_from_before_the_draw_beside_its_winners_are_refused),
        STAGE_TEST(a_new_control_beside_bets_that_were_done_is_refused),
        STAGE_TEST(who_was_claimed_stays_claimed_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
