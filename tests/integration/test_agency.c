/*
 * test_agency.c - the real lottery-agency from its bets to its winners, against a server that
 * plays a part (rig.h).
 */
#include "lib/program.h"
#include "tests/harness/rig.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ROW_BYTES = RIG_ROW_BYTES, EXIT_OTHER_BETS = 3 };

/* ---------------------------------------------------------------- betting ---- */

static void a_file_is_sent_in_order_with_many_batches_on_their_way(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 9, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_expect_batch(rig, 5, 6);
    assert_int_equal(rig->received_bytes, rig->taken); /* three on their way, not four */
    assert_false(rig_is_readable(rig->connection));
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 7, 8);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_expect_batch(rig, 9, 9);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: config | result: success");
    rig_expect_printed(rig,
                       "DEBUG    action: apuesta_enviada | result: success | cantidad: 1 | pid: ");
    rig_expect_printed(rig, "INFO     action: apuesta_enviada | result: success | cantidad: 9");
    rig_expect_printed(rig, "action: agency_exit | result: success");
}

static void winners_are_asked_for_until_the_draw_and_written(void **state)
{
    struct rig *rig = *state;
    char setting[PATH_MAX + ROW_BYTES];
    const char *const settings[] = {setting, NULL};
    char content[256];
    static const char rows[] = "Ana,Núñez,20000000,1990-01-01,7\nLuis,Vega,20000001,1991-01-01,7\n";
    (void)snprintf(setting, sizeof setting, "CLI_WINNERS_FILE=%s", rig->winners);
    rig_begin(rig, 1, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, RIG_ACK);
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:2\r\n");
    (void)rig_expect_message(rig, MESSAGE_REQUEST);
    rig_answer(rig, "server:2\r\n");
    (void)rig_expect_message(rig, MESSAGE_REQUEST);
    rig_answer(rig,
               "server:3:2,Ana,Núñez,20000000,1990-01-01,7\n2,Luis,Vega,20000001,1991-01-01,7\n"
               "\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 2");
    FILE *file = fopen(rig->winners, "re");
    assert_non_null(file);
    size_t bytes = fread(content, 1, sizeof content, file);
    (void)fclose(file);
    assert_int_equal(bytes, strlen(rows));
    assert_memory_equal(content, rows, bytes);
}

static void winners_that_cannot_be_written_are_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_WINNERS_FILE=winners.csv", NULL};
    char obstacle[PATH_MAX];
    (void)snprintf(obstacle, sizeof obstacle, "%s/winners.csv.partial", rig->scratch.path);
    rig_begin(rig, 1, settings);
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
    assert_int_equal(mkdir(obstacle, 0700), 0);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_FAILURE);
    assert_int_equal(rmdir(obstacle), 0);
    rig_expect_printed(rig, "action: ganadores_guardados | result: fail");
    rig_expect_printed(rig, "action: agency_exit | result: fail");
}

static const char *const single_bet[] = {
    "CLI_NOMBRE=Santiago Lionel", "CLI_APELLIDO=Lorca", "CLI_DOCUMENTO=30904465",
    "CLI_NACIMIENTO=1999-03-17",  "CLI_NUMERO=7574",    NULL};

static void expect_single_bet(struct rig *rig)
{
    static const char row[] = "Santiago Lionel,Lorca,30904465,1999-03-17,7574\n";
    rig_start(rig, single_bet);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    struct message batch = rig_expect_message(rig, MESSAGE_BET);
    assert_int_equal(batch.body_bytes, strlen(row));
    assert_memory_equal(batch.body, row, batch.body_bytes);
    rig_answer(rig, RIG_ACK);
}

static void closed_standard_streams_do_not_put_the_log_into_the_bets(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig->no_log = true;
    expect_single_bet(rig);
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
}

static void the_one_bet_of_the_environment_is_sent_and_logged(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    expect_single_bet(rig);
    rig_end_without_winners(rig);
    rig_expect_printed(
        rig, "INFO     action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574");
}

/* The server holds a bet already that is not from this run. */
static void play_bet_that_is_not_sent(struct rig *rig, const char *status, const char *reason)
{
    rig_start(rig, single_bet);
    rig_accept_and_tell(rig, status);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, reason);
    assert_int_equal(rig_count_printed(rig, "action: apuesta_enviada | result: success"), 0);
    rig_forget(rig);
}

static void one_bet_that_is_not_sent_because_one_is_stored_is_a_warning(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    play_bet_that_is_not_sent(
        rig, "server:8:1,open\r\n",
        "WARNING  action: apuesta_enviada | result: fail | dni: 30904465 | numero: 7574 | reason: "
        "the server holds a bet of agency 2 already, this one was not sent | pid: ");
    play_bet_that_is_not_sent(rig, "server:8:1,done\r\n", "holds a bet of agency 2 already");
    play_bet_that_is_not_sent(rig, "server:8:1,drawn\r\n", "holds a bet of agency 2 already");
}

/* DONE would close an agency of which this is not the bet. */
static void one_bet_of_an_agency_that_has_more_is_an_error(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig_start(rig, single_bet);
    rig_accept_and_tell(rig, "server:8:3,open\r\n");
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "reason: the file holds fewer rows than the server: 1 of 3");
}

static void one_bet_whose_answer_was_lost_has_been_sent(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig_start(rig, single_bet);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    (void)rig_expect_message(rig, MESSAGE_BET);
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:1,open\r\n");
    rig_end_without_winners(rig);
    rig_expect_printed(
        rig, "INFO     action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574");
}

static void answers_may_come_byte_by_byte(void **state)
{
    struct rig *rig = *state;
    static const char text[] = "server:8:1,drawn\r\n";
    rig_begin(rig, 1, NULL);
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_int_equal(send(rig->connection, text + i, 1, MSG_NOSIGNAL), 1);
    }
    rig_end_without_winners(rig);
}

/* ---------------------------------------------------------------- resuming ---- */

static void a_file_is_resumed_behind_the_stored_rows(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:3,open\r\n");
    rig_expect_batch(rig, 4, 5);
    rig_expect_batch(rig, 6, 6);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: reanudar | result: success | guardadas: 3");
    rig_expect_printed(rig,
                       "action: apuesta_enviada | result: success | cantidad: 3 | guardadas: 6");
}

static void a_long_file_is_resumed_behind_any_row(void **state)
{
    enum { ROWS = 10000 };
    struct rig *rig = *state;
    rig_write_bets(rig, ROWS, 0);
    rig_listen(rig);
    for (unsigned stored = ROWS - 2; stored > 0; stored /= 2) {
        char status[ROW_BYTES];
        (void)snprintf(status, sizeof status, "server:8:%u,open\r\n", stored);
        rig_start(rig, NULL);
        rig_accept_and_tell(rig, status);
        rig_expect_batch(rig, stored + 1, stored + 2);
        rig_expect_graceful_stop(rig);
        rig_forget(rig);
    }
}

static void a_file_shorter_than_what_is_stored_is_an_error(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:7,open\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "action: reanudar | result: fail | guardadas: 7");
    rig_expect_printed(rig, "reason: the file holds fewer rows than the server: 6 of 7");
}

static void an_agency_that_is_done_only_asks_for_its_winners(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:6,done\r\n");
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: reanudar | result: success | guardadas: 6 | estado: done");
}

static void play_rows_too_late(struct rig *rig, const char *status, const char *words,
                               const char *reason)
{
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, status);
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, words);
    rig_expect_printed(rig, reason);
}

static void rows_that_come_after_done_are_an_error(void **state)
{
    play_rows_too_late(*state, "server:8:5,done\r\n",
                       "action: reanudar | result: fail | guardadas: 5 | estado: done",
                       "reason: the agency is done, but its file holds more rows");
}

static void rows_that_come_after_the_draw_are_an_error(void **state)
{
    play_rows_too_late(*state, "server:8:0,drawn\r\n",
                       "action: reanudar | result: fail | guardadas: 0 | estado: drawn",
                       "reason: the draw has been held, but the file holds more rows");
}

static void a_server_that_comes_late_is_waited_for(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 2, 0);
    rig_start(rig, NULL);
    rig_await_output(rig, "action: connect | result: fail");
    rig_listen(rig);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
}

static void after_a_lost_connection_the_agency_goes_on_where_the_server_says(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig); /* rows 3 and 4 are stored, their answer is lost */
    rig_accept_and_tell(rig, "server:8:4,open\r\n");
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: connection_lost | result: fail");
    rig_expect_printed(rig, "action: reanudar | result: success | guardadas: 4");
    rig_expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 6");
}

static void a_connection_lost_while_waiting_for_the_draw_is_taken_up_again(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:2\r\n");
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:2,done\r\n");
    rig_end_without_winners(rig);
}

/* ------------------------------------------------------- waiting for the draw ---- */

/* One connection of an agency that is done already: up to its look-up. */
static void accept_look_up(struct rig *rig)
{
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
}

static void a_server_that_closes_during_the_pauses_is_asked_beyond_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", "CLI_LOOP_PERIOD=1h", NULL};
    rig_begin(rig, 1, settings);
    for (uint64_t until_ms = rig_now_ms() + 1500; rig_now_ms() < until_ms;) {
        accept_look_up(rig);
        rig_answer(rig, "server:2\r\n");
        rig_hang_up(rig);
    }
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    rig_end_without_winners(rig);
}

static void a_pause_may_be_longer_than_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", "CLI_LOOP_PERIOD=1h", NULL};
    rig_begin(rig, 1, settings);
    accept_look_up(rig);
    rig_answer(rig, "server:2\r\n");
    assert_false(rig_is_readable_within(rig->connection, 1000));
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    rig_end_without_winners(rig);
}

static void a_look_up_may_be_held_for_longer_than_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", NULL};
    rig_begin(rig, 1, settings);
    accept_look_up(rig);
    accept_look_up(rig);
    accept_look_up(rig);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
}

static void a_server_that_falls_silent_while_it_holds_a_look_up_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", NULL};
    rig_begin(rig, 1, settings);
    accept_look_up(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    rig_expect_printed(rig, "the server does not answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_file_is_sent_in_order_with_many_batches_on_their_way),
        RIG_TEST(winners_are_asked_for_until_the_draw_and_written),
        RIG_TEST(winners_that_cannot_be_written_are_a_failure),
        RIG_TEST(the_one_bet_of_the_environment_is_sent_and_logged),
        RIG_TEST(closed_standard_streams_do_not_put_the_log_into_the_bets),
        RIG_TEST(one_bet_that_is_not_sent_because_one_is_stored_is_a_warning),
        RIG_TEST(one_bet_of_an_agency_that_has_more_is_an_error),
        RIG_TEST(one_bet_whose_answer_was_lost_has_been_sent),
        RIG_TEST(answers_may_come_byte_by_byte),
        RIG_TEST(a_file_is_resumed_behind_the_stored_rows),
        RIG_TEST(a_long_file_is_resumed_behind_any_row),
        RIG_TEST(a_file_shorter_than_what_is_stored_is_an_error),
        RIG_TEST(an_agency_that_is_done_only_asks_for_its_winners),
        RIG_TEST(rows_that_come_after_done_are_an_error),
        RIG_TEST(rows_that_come_after_the_draw_are_an_error),
        RIG_TEST(a_server_that_comes_late_is_waited_for),
        RIG_TEST(after_a_lost_connection_the_agency_goes_on_where_the_server_says),
        RIG_TEST(a_connection_lost_while_waiting_for_the_draw_is_taken_up_again),
        RIG_TEST(a_server_that_closes_during_the_pauses_is_asked_beyond_the_lapse),
        RIG_TEST(a_pause_may_be_longer_than_the_lapse),
        RIG_TEST(a_look_up_may_be_held_for_longer_than_the_lapse),
        RIG_TEST(a_server_that_falls_silent_while_it_holds_a_look_up_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
