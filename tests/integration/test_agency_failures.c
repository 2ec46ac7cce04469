/*
 * test_agency_failures.c - the real lottery-agency where bets are refused, where it cannot
 * start, and where the server is none.
 */
#include "lib/program.h"
#include "tests/harness/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ROW_BYTES = RIG_ROW_BYTES };

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
    rig_expect_exit(rig, PROGRAM_EXIT_DATA);
    rig_expect_printed(rig, "action: apuesta_enviada | result: fail | file: ");
    rig_expect_printed(rig, "bets.csv | line: 4 | reason: ");
    rig_expect_printed(rig, "action: agency_exit | result: fail");
}

static void where_no_row_looks_wrong_they_are_sent_once_more_and_then_named(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK "server:1\r\n");
    rig_accept_and_tell(rig, "server:8:2,open\r\n");
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, "server:1\r\n");
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused rows 3 to 4");
}

static void a_refused_done_is_said_once_more_by_a_new_connection(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, NULL);
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
    rig_begin(rig, 2, NULL);
    for (int i = 0; i < 2; i++) {
        rig_accept_and_tell(rig, "server:8:2,open\r\n");
        (void)rig_expect_message(rig, MESSAGE_DONE);
        rig_answer(rig, "server:1\r\n");
    }
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "ERROR    action: apuestas_terminadas | result: fail | reason: "
                            "the server refused agency 2's DONE | pid: ");
}

static void an_agency_that_is_not_welcome_says_so(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 1, NULL);
    rig_accept_and_tell(rig, "server:1\r\n");
    rig_expect_status(rig, ""); /* version 1.0 would answer this one */
    rig_answer(rig, "server:1\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, "server:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused agency 2's STATUS");
    rig_expect_printed(rig, "the server refused rows 1 to 1");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
}

/* The whole claim is refused from there on: one batch after the other, and one line for all. */
static void many_refusals_are_one_line(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
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
    rig_expect_exit(rig, PROGRAM_EXIT_DATA);
    rig_expect_printed(rig, "bets.csv | line: 2 | reason: the line is empty");
}

static void a_missing_file_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    rig_start(rig, NULL);
    rig_expect_exit(rig, PROGRAM_EXIT_DATA);
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
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    rig_start_with(rig, NULL, "-t");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "configuration ok");
    assert_false(rig_is_readable(rig->listener));
}

static void checking_the_configuration_reads_the_file_of_bets_that_it_names(void **state)
{
    struct rig *rig = *state;
    static const char *const missing[] = {"CLI_BETS_FILE=./nowhere.csv", NULL};
    static const char *const named[] = {"CLI_BETS_FILE=./bets.csv", NULL};
    rig_listen(rig);
    rig_start_with(rig, missing, "-t");
    rig_expect_exit(rig, PROGRAM_EXIT_DATA);
    rig_expect_printed(rig, "opening the file of bets ./nowhere.csv: No such file or directory");
    rig_forget(rig);
    rig_write_bets(rig, 3, 0);
    rig_start_with(rig, named, "-t");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "./bets.csv: 3 rows, 0 bad");
    rig_forget(rig);
    FILE *bets = fopen(rig->bets, "ae");
    assert_non_null(bets);
    assert_true(fputs("Ana,Paz,30904465,1999-13-17,7574\n", bets) >= 0);
    assert_int_equal(fclose(bets), 0);
    rig_start_with(rig, named, "-t");
    rig_expect_exit(rig, PROGRAM_EXIT_DATA);
    rig_expect_printed(rig, "./bets.csv:4: the birthdate is not a date");
    assert_false(rig_is_readable(rig->listener));
}

/* ---------------------------------------------------------- strange servers ---- */

static void a_server_that_never_answers_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_begin(rig, 1, settings);
    rig_accept(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    rig_expect_printed(rig, "the server does not answer");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
}

static void a_server_that_is_never_there_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_write_bets(rig, 1, 0);
    rig_start(rig, settings);
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    rig_expect_printed(rig, "ERROR    action: connect | result: fail");
    rig_expect_printed(rig, "Connection refused");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
}

/* Says `text` in answer to STATUS, and is then gone. */
static void play_stranger(struct rig *rig, const char *text)
{
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    rig_begin(rig, 4, settings);
    rig_accept_and_tell(rig, text);
    (void)close(rig->listener);
    rig->listener = -1;
    rig_await_output(rig, "action: connection_lost | result: fail");
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
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
    rig_begin(rig, 1, settings);
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:1,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    rig_await_output(rig, "winner 1 is agency 1's, not ours");
    (void)close(rig->listener);
    rig->listener = -1;
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        RIG_TEST(checking_the_configuration_reads_the_file_of_bets_that_it_names),
        RIG_TEST(a_server_that_never_answers_is_given_up),
        RIG_TEST(a_server_that_is_never_there_is_given_up),
        RIG_TEST(what_is_no_answer_is_a_lost_connection),
        RIG_TEST(an_answer_without_end_is_a_lost_connection),
        RIG_TEST(winners_of_another_agency_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
