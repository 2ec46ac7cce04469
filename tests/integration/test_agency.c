/*
 * test_agency.c - the real lottery-agency against a server that plays a part (rig.h).
 */
#include "tests/harness/rig.h"

#include <errno.h>
#include <fcntl.h>
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
    rig_write_bets(rig, 9, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_expect_printed(rig, "DEBUG    action: apuesta_enviada | result: success | cantidad: 1\n");
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
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
    (void)snprintf(obstacle, sizeof obstacle, "%.64s/winners.csv.partial", rig->directory);
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
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
        "the server holds a bet of agency 2 already, this one was not sent\n");
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:7,open\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "action: reanudar | result: fail | guardadas: 7");
    rig_expect_printed(rig, "reason: the file holds fewer rows than the server: 6 of 7");
}

static void an_agency_that_is_done_only_asks_for_its_winners(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:6,done\r\n");
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: reanudar | result: success | guardadas: 6 | estado: done");
}

static void play_rows_too_late(struct rig *rig, const char *status, const char *words,
                               const char *reason)
{
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_write_bets(rig, 2, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    accept_look_up(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server does not answer");
}

/* ---------------------------------------------------------------- refusals ---- */

static void a_refused_batch_is_read_again_to_name_the_line(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 4);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    (void)rig_expect_message(rig, MESSAGE_BET);
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK "server:1\r\nserver:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "action: apuesta_enviada | result: fail | file: ");
    rig_expect_printed(rig, "bets.csv | line: 4 | reason: ");
    rig_expect_printed(rig, "action: agency_exit | result: fail");
}

static void where_no_row_looks_wrong_they_are_sent_once_more_and_then_named(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK "server:1\r\n");
    rig_accept_and_tell(rig, "server:8:2,open\r\n");
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, "server:1\r\n");
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server refused rows 3 to 4");
}

static void a_refused_done_is_said_once_more_by_a_new_connection(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 2, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, "server:1\r\n");
    rig_accept_and_tell(rig, "server:8:2,open\r\n");
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: connection_lost | result: fail");
}

static void a_done_that_is_refused_twice_is_a_failure(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 2, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    for (int i = 0; i < 2; i++) {
        rig_accept_and_tell(rig, "server:8:2,open\r\n");
        (void)rig_expect_message(rig, MESSAGE_DONE);
        rig_answer(rig, "server:1\r\n");
    }
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "ERROR    action: apuestas_terminadas | result: fail | reason: "
                            "the server refused agency 2's DONE\n");
}

static void an_agency_that_is_not_welcome_says_so(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:1\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, "server:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server refused agency 2's STATUS");
    rig_expect_printed(rig, "the server refused rows 1 to 1");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
}

/* The whole claim is refused from there on: one batch after the other, and one line for all. */
static void many_refusals_are_one_line(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, "server:1\r\nserver:1\r\nserver:1\r\n");
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_await_output(rig, "action: connection_lost");
    assert_int_equal(rig_count_printed(rig, "the server refused rows 1 to 2"), 1);
    rig_expect_batch(rig, 3, 4);
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
}

static void empty_lines_at_the_end_are_not_sent(void **state)
{
    struct rig *rig = *state;
    char row[ROW_BYTES];
    char text[2 * ROW_BYTES];
    rig_write_row(row, 1);
    (void)snprintf(text, sizeof text, "%s\r\n\r\n\n\r\n\r", row);
    rig_write_text(rig, text);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
}

static void an_empty_line_before_the_last_row_is_named_and_not_sent(void **state)
{
    struct rig *rig = *state;
    char row[ROW_BYTES];
    char text[3 * ROW_BYTES];
    rig_write_row(row, 1);
    (void)snprintf(text, sizeof text, "%s\n\n%s\n", row, row);
    rig_write_text(rig, text);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "bets.csv | line: 2 | reason: the line is empty");
}

static void a_missing_file_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_expect_exit(rig, EXIT_FAILURE);
    assert_int_equal(strncmp(rig->printed, "lottery-agency: ", 16), 0);
    assert_int_equal(rig_count_printed(rig, "\n"), 1);
    assert_false(rig_is_readable(rig->listener));
}

/* A place for the winners that the agency does not start with, and what it says. */
static void expect_no_start(struct rig *rig, const char *setting, const char *text)
{
    const char *const settings[] = {setting, NULL};
    rig_start(rig, settings);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, text);
    assert_int_equal(strncmp(rig->printed, "lottery-agency: ", 16), 0);
    assert_int_equal(rig_count_printed(rig, "\n"), 1);
    assert_false(rig_is_readable(rig->listener));
    rig_forget(rig);
}

static void a_place_where_winners_cannot_be_kept_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    expect_no_start(rig, "CLI_WINNERS_FILE=./bets.csv",
                    "winners.file: ./bets.csv is the file of bets");
    expect_no_start(rig, "CLI_WINNERS_FILE=nowhere/winners.csv",
                    "directory of nowhere/winners.csv: No such file or directory");
    FILE *bets = fopen(rig->bets, "re");
    assert_non_null(bets);
    assert_int_equal(fgetc(bets), 'A');
    (void)fclose(bets);
}

static void checking_the_configuration_connects_to_nobody(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig_start_with(rig, NULL, "-t");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "configuration ok");
    assert_false(rig_is_readable(rig->listener));
}

/* ---------------------------------------------------------- strange servers ---- */

static void a_server_that_never_answers_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    rig_accept(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server does not answer");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
}

static void a_server_that_is_never_there_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_write_bets(rig, 1, 0);
    rig_start(rig, settings);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "ERROR    action: connect | result: fail");
    rig_expect_printed(rig, "Connection refused");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
}

/* Says `text` in answer to STATUS, and is then gone. */
static void play_stranger(struct rig *rig, const char *text)
{
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_write_bets(rig, 4, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    rig_accept_and_tell(rig, text);
    (void)close(rig->listener);
    rig->listener = -1;
    rig_await_output(rig, "action: connection_lost | result: fail");
    rig_expect_exit(rig, EXIT_FAILURE);
}

static void what_is_no_answer_is_a_lost_connection(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "server:0\r\n",
        "server:8:many,open\r\n",
        "server:8:0,open\r\nserver:0\r\n",
        "2:5\r\n",
        "\r\n",
        "server:99\r\n",
        "server:3:garbage\r\n",
        "\n",
        "server:8:0,open\r\nserver:2\r\n",
        "server:8:0,open\r\n\xff\xfe\r\n",
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        play_stranger(rig, texts[i]);
        rig_hang_up(rig);
        rig_forget(rig);
        rig_bind(rig);
    }
}

static void an_answer_without_end_is_a_lost_connection(void **state)
{
    struct rig *rig = *state;
    static char noise[2 * 8192];
    memset(noise, 'x', sizeof noise - 1);
    play_stranger(rig, noise);
    rig_expect_printed(rig, "an answer of more than");
}

static void winners_of_another_agency_are_not_taken(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:1,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    rig_await_output(rig, "winner 1 is agency 1's, not ours");
    (void)close(rig->listener);
    rig->listener = -1;
    rig_expect_exit(rig, EXIT_FAILURE);
}

/* -------------------------------------------------------- asked to stop ---- */

static void it_stops_while_nobody_listens(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_start(rig, NULL);
    rig_await_output(rig, "action: connect | result: fail");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_the_name_is_unknown(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_SERVER_ADDRESS=no-such-host.invalid:1", NULL};
    rig_write_bets(rig, 1, 0);
    rig_start(rig, settings);
    rig_await_output(rig, "action: config");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_first_answer(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    rig_expect_graceful_stop(rig);
    rig_expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_with_batches_on_their_way(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 9, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_graceful_stop(rig);
    rig_expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_while_the_server_does_not_read(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=1024", "CLI_BATCH_MAXAMOUNT=150", NULL};
    rig_write_bets(rig, 200000, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_await_readable(rig->connection, "the first batch");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_draw(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_PERIOD=1h", NULL};
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:2\r\n");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_winners(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
    rig_expect_graceful_stop(rig);
}

/* The agency is kept where it reads its configuration: from a pipe that nobody has filled. */
static void it_stops_when_the_signal_came_before_it_had_read_its_configuration(void **state)
{
    struct rig *rig = *state;
    char config[PATH_MAX];
    (void)snprintf(config, sizeof config, "%.64s/config.yaml", rig->directory);
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    assert_int_equal(mkfifo(config, 0600), 0);
    rig_start(rig, NULL);
    int pipe = open(config, O_WRONLY | O_CLOEXEC); /* returns once the agency has opened it */
    int removed = unlink(config);
    assert_true(pipe >= 0 && removed == 0);
    assert_int_equal(kill(rig->agency, SIGTERM), 0);
    (void)close(pipe);
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: shutdown | result: in_progress | signal: SIGTERM");
    rig_expect_printed(rig, "action: agency_exit | result: success");
    assert_false(rig_is_readable(rig->listener));
}

/* --------------------------------------------------------------- probes ---- */

/* Accepts a probe and reads its line, which has to be number `number`. */
static void expect_probe(struct rig *rig, unsigned number, char line[ROW_BYTES])
{
    rig_accept(rig);
    (void)snprintf(line, ROW_BYTES, "[CLIENT 2] Message N°%u\n", number);
    while (rig->received_bytes < strlen(line)) {
        rig_receive_more(rig);
    }
    assert_int_equal(rig->received_bytes, strlen(line));
    assert_memory_equal(rig->received, line, rig->received_bytes);
}

static void probes_come_back_one_connection_each_before_the_bets(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    for (unsigned number = 1; number <= 3; number++) {
        expect_probe(rig, number, line);
        rig_answer(rig, line);
    }
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: receive_message | result: success | client_id: 2 | "
                            "msg: [CLIENT 2] Message N°3");
    rig_expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void only_probes_need_no_file_where_none_was_named(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=1", "CLI_BETS_FILE=", NULL};
    char line[ROW_BYTES];
    rig_listen(rig);
    rig_start(rig, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, line);
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void a_probe_that_comes_back_changed_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, "[CLIENT 1] Message N°1\n");
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "action: receive_message | result: fail | client_id: 2");
}

static void a_probe_that_is_not_answered_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    expect_probe(rig, 1, line);
    rig_hang_up(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server closed the connection");
}

static void it_stops_between_two_probes(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", "CLI_LOOP_PERIOD=1h", NULL};
    char line[ROW_BYTES];
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start(rig, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, line);
    rig_await_output(rig, "action: socket_closed");
    rig_expect_graceful_stop(rig);
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
        RIG_TEST(a_refused_batch_is_read_again_to_name_the_line),
        RIG_TEST(where_no_row_looks_wrong_they_are_sent_once_more_and_then_named),
        RIG_TEST(a_refused_done_is_said_once_more_by_a_new_connection),
        RIG_TEST(a_done_that_is_refused_twice_is_a_failure),
        RIG_TEST(an_agency_that_is_not_welcome_says_so),
        RIG_TEST(many_refusals_are_one_line),
        RIG_TEST(empty_lines_at_the_end_are_not_sent),
        RIG_TEST(an_empty_line_before_the_last_row_is_named_and_not_sent),
        RIG_TEST(a_missing_file_is_one_line_and_no_connection),
        RIG_TEST(a_place_where_winners_cannot_be_kept_is_one_line_and_no_connection),
        RIG_TEST(checking_the_configuration_connects_to_nobody),
        RIG_TEST(a_server_that_never_answers_is_given_up),
        RIG_TEST(a_server_that_is_never_there_is_given_up),
        RIG_TEST(what_is_no_answer_is_a_lost_connection),
        RIG_TEST(an_answer_without_end_is_a_lost_connection),
        RIG_TEST(winners_of_another_agency_are_not_taken),
        RIG_TEST(it_stops_while_nobody_listens),
        RIG_TEST(it_stops_while_the_name_is_unknown),
        RIG_TEST(it_stops_while_it_waits_for_the_first_answer),
        RIG_TEST(it_stops_with_batches_on_their_way),
        RIG_TEST(it_stops_while_the_server_does_not_read),
        RIG_TEST(it_stops_while_it_waits_for_the_draw),
        RIG_TEST(it_stops_while_it_waits_for_the_winners),
        RIG_TEST(it_stops_when_the_signal_came_before_it_had_read_its_configuration),
        RIG_TEST(probes_come_back_one_connection_each_before_the_bets),
        RIG_TEST(only_probes_need_no_file_where_none_was_named),
        RIG_TEST(a_probe_that_comes_back_changed_is_a_failure),
        RIG_TEST(a_probe_that_is_not_answered_is_a_failure),
        RIG_TEST(it_stops_between_two_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
