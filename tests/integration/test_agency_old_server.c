/*
 * test_agency_old_server.c - the real lottery-agency against servers that don't know STATUS.
 *
 * The old server takes one message with one recv, so that two that come together are one
 * to it; it answers in two pieces; and it may close the connection after each answer.
 */
#include "lib/program.h"
#include "tests/harness/rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { QUIET_MS = 20 };

static const char warning[] = "WARNING  action: reanudar | result: in_progress | client_id: 2 | "
                              "reason: ";

/* The message is here, and nothing behind it, although its answer takes a while. */
static void expect_alone(struct rig *rig)
{
    assert_int_equal(rig->received_bytes, rig->taken);
    assert_false(rig_is_readable_within(rig->connection, QUIET_MS));
}

static void expect_one_batch(struct rig *rig, unsigned first, unsigned last)
{
    rig_expect_batch(rig, first, last);
    expect_alone(rig);
}

static void expect_one(struct rig *rig, enum message_type type)
{
    (void)rig_expect_message(rig, type);
    expect_alone(rig);
}

static void answer_in_pieces(struct rig *rig, const char *text)
{
    size_t half = strlen(text) / 2;
    assert_int_equal(send(rig->connection, text, half, MSG_NOSIGNAL), half);
    rig_answer(rig, text + half);
}

/* The end of the connection travels together with the answer. */
static void answer_and_close(struct rig *rig, const char *text)
{
    size_t bytes = strlen(text);
    assert_int_equal(send(rig->connection, text, bytes, MSG_NOSIGNAL | MSG_MORE), bytes);
    rig_hang_up(rig);
}

/* The old server has read STATUS and closes. */
static void close_on_status(struct rig *rig)
{
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    rig_hang_up(rig);
}

/* As often as it takes to be known for an old server. */
static void close_on_status_again_and_again(struct rig *rig)
{
    enum { HANG_UPS = 4 };
    for (int i = 0; i < HANG_UPS; i++) {
        close_on_status(rig);
    }
}

/*
 * STATUS is refused, as it names a draw or `*`, and so is the plain one that follows: version 1.0 of
 * the server would answer that.
 */
static void refuse_status(struct rig *rig)
{
    rig_expect_status(rig, "*");
    answer_in_pieces(rig, "server:1\r\n");
    rig_expect_status(rig, "");
    expect_alone(rig);
    answer_in_pieces(rig, "server:1\r\n");
}

/* From DONE to the winners, of which there is one. */
static void end_with_a_winner(struct rig *rig)
{
    expect_one(rig, MESSAGE_DONE);
    answer_in_pieces(rig, RIG_ACK);
    expect_one(rig, MESSAGE_REQUEST);
    answer_in_pieces(rig, "server:2\r\n");
    expect_one(rig, MESSAGE_REQUEST);
    answer_in_pieces(rig, "server:3:2,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 1");
}

/* Six rows, two a batch, one batch at a time. */
static void take_bets_one_by_one(struct rig *rig)
{
    for (unsigned row = 1; row <= 5; row += 2) {
        expect_one_batch(rig, row, row + 1);
        answer_in_pieces(rig, RIG_ACK);
    }
}

/* A connection for one message, which is answered. */
static void take_one_and_close(struct rig *rig, enum message_type type, const char *answer)
{
    rig_accept(rig);
    expect_one(rig, type);
    answer_and_close(rig, answer);
}

/* The same six rows, and a connection for each batch. */
static void take_bets_a_connection_each(struct rig *rig)
{
    for (unsigned row = 1; row <= 5; row += 2) {
        rig_accept(rig);
        expect_one_batch(rig, row, row + 1);
        answer_and_close(rig, RIG_ACK);
    }
}

/* A new server has stored four rows, says so, and gets the other two. */
static void finish_behind_row_four(struct rig *rig)
{
    const struct rig_stored stored = {.rows = 4};
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
}

static void start_with_six(struct rig *rig, const char *setting)
{
    const char *const settings[] = {setting, NULL};
    rig_begin(rig, 6, settings);
}

/* ----------------------------------------------------------- STATUS refused ---- */

static void play_refusal(struct rig *rig, const char *text, const char *reason)
{
    char expected[256];
    start_with_six(rig, "CLI_RESUME=auto");
    rig_accept(rig);
    if (strcmp(text, "server:1\r\n") == 0) {
        refuse_status(rig);
    } else {
        expect_one(rig, MESSAGE_STATUS);
        answer_in_pieces(rig, text);
    }
    take_bets_one_by_one(rig);
    end_with_a_winner(rig);
    (void)snprintf(expected, sizeof expected, "%s%s", warning, reason);
    rig_expect_printed(rig, expected);
    rig_expect_printed(rig, "a repeated run may store bets twice (resume: auto) | pid: ");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
    rig_expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 6");
    rig_forget(rig);
}

static void a_server_that_refuses_status_gets_one_message_at_a_time(void **state)
{
    play_refusal(*state, "server:1\r\n", "the server refused agency 2's STATUS");
}

static void a_server_that_takes_status_for_something_else_does_too(void **state)
{
    play_refusal(*state, "server:0\r\n", "the server answered agency 2's STATUS with ACK");
    play_refusal(*state, "server:2\r\n", "the server answered agency 2's STATUS with WAIT");
}

static void a_server_that_closes_on_status_again_and_again_does_too(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    close_on_status_again_and_again(rig);
    rig_accept(rig);
    take_bets_one_by_one(rig);
    end_with_a_winner(rig);
    rig_expect_printed(rig, "reason: the server closes the connection on STATUS, or answers with "
                            "nonsense: a server that does not know STATUS?");
    assert_int_equal(rig_count_printed(rig, warning), 1);
}

static void a_server_whose_answer_to_status_is_nonsense_does_too(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    for (int i = 0; i < 4; i++) {
        rig_accept(rig);
        expect_one(rig, MESSAGE_STATUS);
        answer_in_pieces(rig, "unknown message\r\n");
    }
    rig_accept(rig);
    take_bets_one_by_one(rig);
    end_with_a_winner(rig);
    assert_int_equal(rig_count_printed(rig, warning), 1);
}

static void a_killed_handler_is_not_taken_for_an_old_server(void **state)
{
    const struct rig_stored stored = {.rows = 4};
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    close_on_status(rig);
    close_on_status(rig);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_hang_up(rig);
    for (int i = 0; i < 5; i++) {
        close_on_status(rig); /* it has answered once: that it does so no more is an accident */
    }
    finish_behind_row_four(rig);
    assert_int_equal(rig_count_printed(rig, warning), 0);
}

static void a_server_that_is_full_is_not_taken_for_an_old_one(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    for (int i = 0; i < 2; i++) {
        close_on_status(rig);
        close_on_status(rig);
        close_on_status(rig);
        rig_accept(rig);
        rig_hang_up(rig); /* without having been asked anything */
    }
    close_on_status(rig);
    close_on_status(rig);
    close_on_status(rig);
    finish_behind_row_four(rig);
    assert_int_equal(rig_count_printed(rig, warning), 0);
}

/* ---------------------------------------------------------- required and off ---- */

static void where_resuming_is_required_a_refused_status_is_a_failure(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=required");
    rig_accept(rig);
    refuse_status(rig);
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused agency 2's STATUS, and resume: required goes on "
                            "with no server that does not answer it");
}

static void where_resuming_is_required_closed_connections_are_tried_again(void **state)
{
    const char *const settings[] = {"CLI_RESUME=required", "CLI_LOOP_LAPSE=3s", NULL};
    struct rig *rig = *state;
    rig_begin(rig, 6, settings);
    for (int i = 0; i < 4; i++) {
        close_on_status(rig);
    }
    (void)close(rig->listener);
    rig->listener = -1;
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    rig_expect_printed(rig, "STATUS: the server closed the connection (resume: required goes on "
                            "with no server that does not answer it)");
    rig_expect_printed(rig, "ERROR    action: connect | result: fail");
    assert_int_equal(rig_count_printed(rig, warning), 0);
}

static void switched_off_status_is_never_asked(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=off");
    rig_accept(rig);
    take_bets_one_by_one(rig);
    end_with_a_winner(rig);
}

/* ------------------------------------------------------ one connection a message ---- */

static void a_server_that_closes_after_each_answer_gets_a_connection_a_message(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=off");
    take_bets_a_connection_each(rig);
    take_one_and_close(rig, MESSAGE_DONE, RIG_ACK);
    take_one_and_close(rig, MESSAGE_REQUEST, "server:2\r\n");
    /* DONE is not said again: it might be counted again. */
    take_one_and_close(rig, MESSAGE_REQUEST, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    assert_int_equal(rig_count_printed(rig, " WARNING "), 0);
    rig_expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 6");
}

/* It closes a moment after its answer: the first time the next message is under way already. */
static void it_is_learned_from_the_first_connection_that_is_lost(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=off");
    rig_accept(rig);
    expect_one_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig);
    for (unsigned row = 3; row <= 5; row += 2) {
        rig_accept(rig);
        expect_one_batch(rig, row, row + 1);
        rig_answer(rig, RIG_ACK);
        rig_expect_closed(rig); /* now the agency closes */
    }
    rig_accept(rig);
    expect_one(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    rig_expect_closed(rig);
    rig_accept(rig);
    expect_one(rig, MESSAGE_REQUEST);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    assert_int_equal(rig_count_printed(rig, "may be stored twice"), 1);
}

static void a_server_that_refuses_and_closes_each_time_is_served_too(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    take_one_and_close(rig, MESSAGE_STATUS, "server:1\r\n");
    take_one_and_close(rig, MESSAGE_STATUS, "server:1\r\n"); /* the plain one */
    take_bets_a_connection_each(rig);
    take_one_and_close(rig, MESSAGE_DONE, RIG_ACK);
    take_one_and_close(rig, MESSAGE_REQUEST, "server:3\r\n"); /* none have won */
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "cant_ganadores: 0");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
}

static void looking_up_winners_a_connection_each_keeps_the_pauses(void **state)
{
    const char *const settings[] = {"CLI_RESUME=off", "CLI_LOOP_PERIOD=1h", NULL};
    struct rig *rig = *state;
    rig_begin(rig, 0, settings);
    take_one_and_close(rig, MESSAGE_DONE, RIG_ACK);
    take_one_and_close(rig, MESSAGE_REQUEST, "server:2\r\n");
    assert_false(rig_is_readable_within(rig->listener, 500));
    rig_expect_graceful_stop(rig);
}

/* -------------------------------------------------------------- lost answers ---- */

/* Rows 1 and 2 are acknowledged; the answer to rows 3 and 4 is lost. */
static void lose_an_answer(struct rig *rig)
{
    expect_one_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    expect_one_batch(rig, 3, 4);
    rig_hang_up(rig);
}

static void refuse_status_and_lose_an_answer(struct rig *rig)
{
    rig_accept(rig);
    refuse_status(rig);
    lose_an_answer(rig);
}

static void expect_repeated(struct rig *rig)
{
    expect_one_batch(rig, 3, 4);
    rig_expect_printed(rig, "WARNING  action: apuesta_enviada | result: in_progress | file: ");
    rig_expect_printed(rig, "bets.csv | line: 3 | reason: the answer to rows 3 to 4 was lost: they "
                            "are sent again, and may be stored twice | pid: ");
}

static void a_batch_whose_answer_was_lost_is_sent_again_with_a_warning(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=off");
    rig_accept(rig);
    lose_an_answer(rig);
    rig_accept(rig);
    rig_await_output(rig, "may be stored twice");
    expect_repeated(rig);
    rig_answer(rig, RIG_ACK);
    rig_expect_closed(rig);
    rig_accept(rig);
    expect_one_batch(rig, 5, 6);
    rig_expect_graceful_stop(rig);
}

static void in_doubt_status_is_asked_once_more(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    refuse_status_and_lose_an_answer(rig);
    close_on_status(rig);
    rig_accept(rig);
    rig_await_output(rig, "may be stored twice");
    expect_repeated(rig);
    rig_expect_graceful_stop(rig);
}

/* The refusal uses the connection up: the batch goes over the next one, and is told once. */
static void a_doubt_is_told_once(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    refuse_status_and_lose_an_answer(rig);
    take_one_and_close(rig, MESSAGE_STATUS, "server:1\r\n");
    rig_accept(rig);
    expect_one_batch(rig, 3, 4);
    rig_expect_graceful_stop(rig);
    assert_int_equal(rig_count_printed(rig, "may be stored twice | pid: "), 1);
}

static void a_server_that_answers_status_after_all_is_believed(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=auto");
    close_on_status_again_and_again(rig);
    rig_accept(rig);
    lose_an_answer(rig);
    finish_behind_row_four(rig);
    assert_int_equal(rig_count_printed(rig, "may be stored twice | pid: "), 0);
}

static void a_batch_that_an_old_server_refuses_is_final(void **state)
{
    struct rig *rig = *state;
    start_with_six(rig, "CLI_RESUME=off");
    rig_accept(rig);
    expect_one_batch(rig, 1, 2);
    rig_answer(rig, "server:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused rows 1 to 2");
}

static void a_server_that_accepts_and_closes_is_given_up(void **state)
{
    const char *const settings[] = {"CLI_RESUME=off", "CLI_LOOP_LAPSE=1s", NULL};
    struct rig *rig = *state;
    rig_begin(rig, 6, settings);
    do {
        rig_accept(rig);
        rig_hang_up(rig);
    } while (rig_is_readable_within(rig->listener, 1500));
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    assert_in_range(rig_count_printed(rig, "connection_lost"), 2, 20); /* with pauses */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_server_that_refuses_status_gets_one_message_at_a_time),
        RIG_TEST(a_server_that_takes_status_for_something_else_does_too),
        RIG_TEST(a_server_that_closes_on_status_again_and_again_does_too),
        RIG_TEST(a_server_whose_answer_to_status_is_nonsense_does_too),
        RIG_TEST(a_killed_handler_is_not_taken_for_an_old_server),
        RIG_TEST(a_server_that_is_full_is_not_taken_for_an_old_one),
        RIG_TEST(where_resuming_is_required_a_refused_status_is_a_failure),
        RIG_TEST(where_resuming_is_required_closed_connections_are_tried_again),
        RIG_TEST(switched_off_status_is_never_asked),
        RIG_TEST(a_server_that_closes_after_each_answer_gets_a_connection_a_message),
        RIG_TEST(it_is_learned_from_the_first_connection_that_is_lost),
        RIG_TEST(a_server_that_refuses_and_closes_each_time_is_served_too),
        RIG_TEST(looking_up_winners_a_connection_each_keeps_the_pauses),
        RIG_TEST(a_batch_whose_answer_was_lost_is_sent_again_with_a_warning),
        RIG_TEST(in_doubt_status_is_asked_once_more),
        RIG_TEST(a_doubt_is_told_once),
        RIG_TEST(a_server_that_answers_status_after_all_is_believed),
        RIG_TEST(a_batch_that_an_old_server_refuses_is_final),
        RIG_TEST(a_server_that_accepts_and_closes_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
