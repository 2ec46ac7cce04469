/*
 * test_lottery.c - whole lotteries: bets, the draw, and who gets to know what.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { WINNING_NUMBER = 7574, AGENCIES_MAX = 20 };

/* ------------------------------------------------------------ end to end ---- */

/*
 * Expects that everything about one agency fits: what it sent is stored, in order;
 * the winners that it got are the stored rows with the winning number, in order.
 * Returns how many winners it has.
 */
static size_t check_agency(const struct server *server, const struct reckoning *stored, uint32_t id)
{
    struct stage *stage = server->stage;
    reckoning_expect_file(stage, stored, id, agency_bets_file(stage, id), SIZE_MAX);
    struct reckoning winners = {.rows =
                                    stage_allocate(stage, stored->count * sizeof *stored->rows)};
    for (size_t i = 0; i < stored->count; i++) {
        if (stored->rows[i].agency == id && stored->rows[i].number == WINNING_NUMBER) {
            winners.rows[winners.count++] = stored->rows[i];
        }
    }
    reckoning_expect_file(stage, &winners, id, agency_winners_file(stage, id), SIZE_MAX);
    const struct reckoning *drawn = reckoning_read(stage, server_file(server, "winners.csv"));
    assert_int_equal(reckoning_count(drawn, id), winners.count);
    return winners.count;
}

static void hold_lottery(struct stage *stage, uint32_t agencies, uint64_t bets)
{
    struct server *server =
        server_start(stage, ENVIRONMENT(stage_text(stage, "NUMBER_OF_AGENCIES=%u", agencies)));
    struct program *programs[AGENCIES_MAX];
    agency_generate(stage, agencies, bets);
    for (uint32_t id = 1; id <= agencies; id++) {
        programs[id - 1] = agency_start(server, id, agency_bets_file(stage, id), NULL);
    }
    for (uint32_t id = 1; id <= agencies; id++) {
        agency_expect_success(programs[id - 1]);
    }
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    assert_int_equal(stored->count, bets);
    size_t all = 0;
    for (uint32_t id = 1; id <= agencies; id++) {
        size_t winners = check_agency(server, stored, id);
        (void)program_await_log(programs[id - 1], 1,
                                stage_text(stage,
                                           "consulta_ganadores | result: success | "
                                           "cant_ganadores: %zu",
                                           winners));
        all += winners;
    }
    assert_true(all > 0);
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void five_agencies_with_the_generated_dataset_get_their_winners(void **state)
{
    hold_lottery(*state, 5, 78697);
}

static void twenty_agencies_get_their_winners(void **state)
{
    hold_lottery(*state, AGENCIES_MAX, 20000);
}

static void one_agency_with_one_bet_of_its_environment_wins(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    struct program *agency =
        agency_start(server, 1, "",
                     ENVIRONMENT("NOMBRE=Santiago Lionel", "APELLIDO=Lorca", "DOCUMENTO=30904465",
                                 "NACIMIENTO=1999-03-17", "NUMERO=7574", "CLI_BETS_FILE="));
    agency_expect_success(agency);
    (void)program_await_log(agency, 1,
                            "apuesta_enviada | result: success | dni: 30904465 | numero: 7574");
    (void)program_await_log(agency, 1, "consulta_ganadores*cant_ganadores: 1");
    (void)server_await_log(server, 1,
                           "apuesta_almacenada | result: success | dni: 30904465 | numero: 7574");
}

/* --------------------------------------------------------------- look-ups ---- */

static void a_look_up_before_the_draw_gets_wait_when_its_time_is_up(void **state)
{
    enum { WAIT_MS = 300 };
    struct server *server = server_start(*state, ENVIRONMENT("WINNERS_WAIT=300ms"));
    struct peer *peer = peer_connect(server);
    int64_t began_ms = deadline_clock_ms();
    peer_send(peer, "1:6\r\n");
    server_await_waiting(server, 1);
    peer_expect(peer, "server:2\r\n");
    assert_true(deadline_clock_ms() - began_ms >= WAIT_MS);
    assert_int_equal(server_gate(server).waiting, 0);
}

static void all_waiting_look_ups_are_answered_at_once_when_the_draw_comes(void **state)
{
    enum { LOOK_UPS = 12, AGENCIES = 3 };
    struct server *server =
        server_start(*state, ENVIRONMENT("WINNERS_WAIT=1h", "NUMBER_OF_AGENCIES=3"));
    struct peer *speaker = peer_connect(server);
    struct peer *waiting[LOOK_UPS];
    for (int i = 0; i < LOOK_UPS; i++) {
        waiting[i] = peer_connect(server);
        peer_send(waiting[i], stage_text(*state, "%d:6\r\n", i % AGENCIES + 1));
    }
    server_await_waiting(server, LOOK_UPS);
    peer_ask(speaker, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(speaker, "3:5\r\n3:5\r\n1:5\r\n", "server:0\r\nserver:0\r\nserver:0\r\n");
    assert_int_equal(server_gate(server).waiting, LOOK_UPS);
    assert_int_equal(server_gate(server).missing, 1);
    assert_int_equal(server_count_log(server, "action: sorteo"), 0);
    peer_ask(speaker, "2:5\r\n", "server:0\r\n");
    for (int i = 0; i < LOOK_UPS; i++) {
        peer_expect(waiting[i], i % AGENCIES == 0 ? "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n"
                                                  : "server:3:\r\n");
    }
    assert_int_equal(server_gate(server).missing, 0);
}

static void look_ups_after_the_draw_are_answered_at_once_in_their_dialect(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("WINNERS_WAIT=1h", "NUMBER_OF_AGENCIES=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\nLuz,Sol,2,1980-01-31,07574\n\r\n",
             "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, "1:6\r\n",
             "server:3:1,Ana,Paz,1,1980-01-31,7574\n1,Luz,Sol,2,1980-01-31,07574\n\r\n");
    peer_ask(peer, "1:request\r\n",
             "server:WINNERS:1,Ana,Paz,1,1980-01-31,7574\n1,Luz,Sol,2,1980-01-31,07574\n\r\n");
    (void)server_await_log(server, 2, "consulta_ganadores | result: success*cant_ganadores: 2");
}

static void nobody_gets_another_agencys_winners(void **state)
{
    enum { AGENCIES = 12 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=12"));
    struct peer *peer = peer_connect(server);
    for (unsigned id = 1; id <= AGENCIES; id++) {
        /* one's document is the other's number, and 1, 11 and 111 begin alike */
        peer_send(peer, stage_text(stage,
                                   "%u:4:Ana,Paz,7574,1980-01-31,%u\nLuz,Sol,%u,1980-01-31,7574\n"
                                   "Sol,Luz,1,1980-01-31,17574\nSol,Luz,1,1980-01-31,75740\n\r\n",
                                   id, id, id));
        peer_expect(peer, "server:0\r\n");
    }
    for (unsigned id = 1; id <= AGENCIES; id++) {
        peer_ask(peer, stage_text(stage, "%u:5\r\n", id), "server:0\r\n");
    }
    for (unsigned id = 1; id <= AGENCIES; id++) {
        peer_ask(peer, stage_text(stage, "%u:6\r\n", id),
                 stage_text(stage, "server:3:%u,Luz,Sol,%u,1980-01-31,7574\n\r\n", id, id));
    }
}

static void another_winning_number_wins_where_configured_so(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("WINNING_NUMBER=0", "NUMBER_OF_AGENCIES=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:A,B,1,1980-01-31,0\nC,D,2,1980-01-31,10\nE,F,3,1980-01-31,7574\n\r\n",
             "server:0\r\n");
    peer_ask(peer, "1:5\r\n1:6\r\n", "server:0\r\nserver:3:1,A,B,1,1980-01-31,0\n\r\n");
}

static void a_lottery_without_bets_is_drawn_without_winners(void **state)
{
    struct server *server = server_start(*state, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n2:6\r\n", "server:3:\r\nserver:3:\r\n");
    assert_true(files_exist(server_file(server, "winners.csv")));
    assert_int_equal(files_size(server_file(server, "winners.csv")), 0);
}

/* ------------------------------------------------------------------ names ---- */

/* Quotes in all places, accents, other scripts, spaces at the ends, and what other CSVs quote. */
#define ODD_ROWS                                                                                   \
    "María José,Núñez,11111111,1980-01-31,7574\n"                                              \
    "\"El Pibe\",O'Higgins \"Bernardo\",11111112,1980-01-31,7574\n"                                \
    "\",\"\",11111113,1980-01-31,7574\n"                                                           \
    "a\"b,\"\"c\"\",11111114,1980-01-31,7574\n"                                                    \
    " Ana , Paz ,11111115,1980-01-31,7574\n"                                                       \
    "Ωμέγα,陈;李,11111116,1980-01-31,7574\n"                                                \
    "=1+1,'x':y|z\\,00011117,0001-01-01,7574\n"

static struct server *store_odd_rows(struct stage *stage)
{
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    struct peer *peer = peer_connect(server);
    files_write(stage_path(stage, "odd.csv"), ODD_ROWS);
    peer_ask(peer, "1:4:" ODD_ROWS "\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    return server;
}

static void names_with_quotes_and_accents_are_stored_and_come_back_unchanged(void **state)
{
    struct stage *stage = *state;
    struct server *server = store_odd_rows(stage);
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, stage_path(stage, "odd.csv"), SIZE_MAX);
    struct program *agency = agency_start(server, 1, stage_path(stage, "odd.csv"), NULL);
    agency_expect_success(agency); /* it finds everything stored, and asks for its winners */
    assert_string_equal(files_read(stage, agency_winners_file(stage, 1), NULL), ODD_ROWS);
}

/* Reads bets.csv and writes it again, as Python does it by default, and compares the fields. */
static const char python_script[] =
    "import csv, sys\n"
    "stored = open(sys.argv[1], newline='', encoding='utf-8')\n"
    "sent = [line.split(',') for line in open(sys.argv[2], encoding='utf-8').read().split('\\n')]\n"
    "rows = list(csv.reader(stored, strict=True))\n"
    "assert [['1'] + row for row in sent[:-1]] == rows, rows\n"
    "csv.writer(open(sys.argv[3], 'w', newline='', encoding='utf-8')).writerows(rows)\n";

static void pythons_csv_reads_and_writes_bets_csv_unchanged(void **state)
{
    struct stage *stage = *state;
    struct server *server = store_odd_rows(stage);
    const char *bets = server_file(server, "bets.csv");
    const char *copy = stage_path(stage, "copy.csv");
    const struct program_plan plan = {
        .name = "python3",
        .arguments = ARGUMENTS("-c", python_script, bets, stage_path(stage, "odd.csv"), copy)};
    struct program_end end;
    struct program *python = program_run(stage, &plan, &end);
    if (end.status == 127) {
        fail_msg("python3 is missing: scripts/setup.sh test installs it");
    }
    program_show(python);
    assert_int_equal(end.status, 0);
    assert_string_equal(files_read(stage, copy, NULL), files_read(stage, bets, NULL));
}

static void who_is_not_done_when_enough_are_is_cut_off_and_told_so(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("AGENCY_QUORUM_MIN=1", "WINNERS_WAIT=10s"));
    struct peer *slow = peer_connect(server);
    struct peer *quick = peer_connect(server);
    peer_ask(slow, bets_batch(stage, 7, 0, 3), "server:0\r\n");
    assert_int_equal(server_count_log(server, "WARNING*action: agencias"), 0);
    peer_ask(quick, bets_batch(stage, 8, 0, 1), "server:0\r\n");
    (void)server_await_log(server, 1, "WARNING*action: agencias*vistas: 2 | esperadas: 1 |");
    peer_ask(quick, "8:5\r\n8:6\r\n", "server:0\r\nserver:3:\r\n");
    (void)server_await_log(server, 1, "WARNING*sorteo*cut_off: agency 7 | cantidad: 3 |");
    peer_ask(slow, bets_batch(stage, 7, 3, 1), "server:1\r\n");
}

static void with_a_grace_the_draw_waits_for_those_that_have_begun(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(
        stage, ENVIRONMENT("AGENCY_QUORUM_MIN=1", "AGENCIES_GRACE=10m", "WINNERS_WAIT=20s"));
    struct peer *slow = peer_connect(server);
    struct peer *quick = peer_connect(server);
    peer_ask(slow, bets_batch(stage, 7, 0, 3), "server:0\r\n");
    peer_ask(quick, "8:5\r\n", "server:0\r\n");
    peer_send(quick, "8:6\r\n");
    server_await_waiting(server, 1);
    peer_ask(slow, bets_batch(stage, 7, 3, 1), "server:0\r\n");
    peer_ask(slow, "7:5\r\n", "server:0\r\n");
    peer_expect(quick, "server:3:\r\n");
    assert_int_equal(server_count_log(server, "cut_off"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(five_agencies_with_the_generated_dataset_get_their_winners),
        STAGE_TEST(twenty_agencies_get_their_winners),
        STAGE_TEST(one_agency_with_one_bet_of_its_environment_wins),
        STAGE_TEST(a_look_up_before_the_draw_gets_wait_when_its_time_is_up),
        STAGE_TEST(all_waiting_look_ups_are_answered_at_once_when_the_draw_comes),
        STAGE_TEST(look_ups_after_the_draw_are_answered_at_once_in_their_dialect),
        STAGE_TEST(nobody_gets_another_agencys_winners),
        STAGE_TEST(another_winning_number_wins_where_configured_so),
        STAGE_TEST(a_lottery_without_bets_is_drawn_without_winners),
        STAGE_TEST(names_with_quotes_and_accents_are_stored_and_come_back_unchanged),
        STAGE_TEST(pythons_csv_reads_and_writes_bets_csv_unchanged),
        STAGE_TEST(who_is_not_done_when_enough_are_is_cut_off_and_told_so),
        STAGE_TEST(with_a_grace_the_draw_waits_for_those_that_have_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
