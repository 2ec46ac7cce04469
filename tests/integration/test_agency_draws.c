/*
 * test_agency_draws.c - the real lottery-agency and the draw that its run is for.
 *
 * A server that plays a part tells what becomes of the draw; at the end there is a real one.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/archives.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { EXIT_OTHER_BETS = 3, EXIT_OTHER_DRAW = 4, ROWS = 6 };

static const struct rig_stored none = {.rows = 0};
static const struct rig_stored two = {.rows = 2};
static const struct rig_stored all = {.rows = ROWS};

/* STATE of 2026-W48, with this identity. */
static void tell_state(struct rig *rig, const struct rig_stored *stored, const char *phase,
                       const char *identity)
{
    char state[RIG_STATE_BYTES];
    char named[2 * RIG_STATE_BYTES];
    const char *text = rig_state(state, stored, stored->rows, phase, identity);
    (void)snprintf(named, sizeof named, "%.*s,2026-W48\r\n", (int)strcspn(text, "\r"), text);
    rig_answer(rig, named);
}

/* A connection whose STATUS has this body, and gets STATE. */
static void accept_and_tell(struct rig *rig, const char *body, const struct rig_stored *stored,
                            const char *phase)
{
    rig_accept(rig);
    rig_expect_status(rig, body);
    tell_state(rig, stored, phase, RIG_IDENTITY);
}

static void expect_request(struct rig *rig, const char *body)
{
    struct message request = rig_expect_message(rig, MESSAGE_REQUEST);
    assert_int_equal(request.body_bytes, strlen(body));
    assert_memory_equal(request.body, body, request.body_bytes);
}

static void end_with_no_winners(struct rig *rig)
{
    expect_request(rig, "2026-W48");
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "cant_ganadores: 0");
}

/* The first two rows are stored, and the connection is lost. */
static void store_two_and_hang_up(struct rig *rig)
{
    rig_begin(rig, ROWS, NULL);
    accept_and_tell(rig, "*", &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig);
}

static void expect_other_draw(struct rig *rig, const char *printed)
{
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_DRAW);
    rig_expect_printed(rig, "action: reanudar | result: fail");
    rig_expect_printed(rig, printed);
    rig_expect_printed(rig, "action: agency_exit | result: fail");
}

/* ---------------------------------------------------------- across connections ---- */

static void the_draw_that_was_told_first_is_named_from_then_on(void **state)
{
    struct rig *rig = *state;
    store_two_and_hang_up(rig);
    accept_and_tell(rig, "2026-W48", &two, "open");
    rig_expect_batch(rig, 3, 4);
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    expect_request(rig, "2026-W48");
    rig_answer(rig, "server:2\r\n");
    end_with_no_winners(rig);
}

static void a_draw_that_is_over_gives_its_winners_where_all_bets_are_in_it(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, ROWS, NULL);
    accept_and_tell(rig, "*", &all, "open");
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    expect_request(rig, "2026-W48");
    rig_hang_up(rig); /* the next draw is opened */
    accept_and_tell(rig, "2026-W48", &all, "drawn");
    end_with_no_winners(rig); /* without DONE */
}

static void a_draw_that_was_held_without_all_bets_is_told(void **state)
{
    struct rig *rig = *state;
    store_two_and_hang_up(rig);
    accept_and_tell(rig, "2026-W48", &two, "drawn");
    expect_other_draw(rig, "estado: drawn | file: ");
    rig_expect_printed(rig,
                       "bets.csv | line: 3 | reason: the draw 2026-W48 has been held with 2 of "
                       "6 bets of the file stored: a new lottery needs");
}

static void sales_that_were_closed_without_all_bets_are_told(void **state)
{
    struct rig *rig = *state;
    store_two_and_hang_up(rig);
    accept_and_tell(rig, "2026-W48", &two, "closed");
    expect_other_draw(rig, "reason: sales of the draw 2026-W48 are closed with 2 of 6 bets of the "
                           "file stored; no more are taken for it");
}

static void rows_that_cannot_be_read_are_counted_up_to_there(void **state)
{
    struct rig *rig = *state;
    rig_write_text(rig, "Ana,Núñez 1,20000001,1990-01-01,1\nAna,Sosa,2,1990-01-01,1\n\nno row\n");
    rig_listen(rig);
    rig_start(rig, NULL);
    accept_and_tell(rig, "*", &none, "closed");
    expect_other_draw(rig, "are closed with 0 of at least 2 bets of the file stored");
}

static void where_sales_were_closed_with_all_bets_the_draw_is_waited_for(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, ROWS, NULL);
    accept_and_tell(rig, "*", &all, "closed");
    expect_request(rig, "2026-W48"); /* without DONE */
    rig_answer(rig, "server:2\r\n");
    end_with_no_winners(rig);
}

static void a_draw_that_was_abandoned_is_told_even_with_all_bets_in_it(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, ROWS, NULL);
    accept_and_tell(rig, "*", &all, "open");
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_hang_up(rig);
    accept_and_tell(rig, "2026-W48", &all, "abandoned");
    expect_other_draw(rig, "reason: the draw 2026-W48 was abandoned with 6 of 6 bets of the file "
                           "stored; it will have no winners");
}

static void a_draw_that_is_gone_is_told_as_the_server_says_it(void **state)
{
    struct rig *rig = *state;
    store_two_and_hang_up(rig);
    rig_accept(rig);
    rig_expect_status(rig, "2026-W48");
    rig_answer(rig, "server:1:there is no draw 2026-W48 here; the current draw is 2026-W50\r\n");
    expect_other_draw(rig, "draw: 2026-W48 | reason: the server refused agency 2's STATUS of this "
                           "draw; it says: there is no draw 2026-W48 here; the current draw is "
                           "2026-W50; nothing was sent to another one | pid: ");
}

static void another_lottery_of_the_same_name_is_another_one(void **state)
{
    struct rig *rig = *state;
    store_two_and_hang_up(rig);
    rig_accept(rig);
    rig_expect_status(rig, "2026-W48");
    tell_state(rig, &none, "open", RIG_OTHER_IDENTITY);
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "another lottery has taken the place");
}

/* -------------------------------------------------------------- bound to a draw ---- */

static const char *const bound[] = {"CLI_LOTTERY_NAME=2026-W48", NULL};

static void an_agency_that_is_bound_to_a_draw_names_it_from_the_start(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, bound);
    accept_and_tell(rig, "2026-W48", &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    end_with_no_winners(rig);
}

static void it_sends_nothing_to_another_one(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, bound);
    rig_accept(rig);
    rig_expect_status(rig, "2026-W48");
    rig_answer(rig, "server:1:there is no draw 2026-W48 here; the current draw is 2026-W47\r\n");
    expect_other_draw(rig, "the current draw is 2026-W47");
}

static void it_sends_nothing_to_a_server_that_tells_no_names(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, bound);
    rig_accept(rig);
    rig_expect_status(rig, "2026-W48");
    rig_answer(rig, "server:1\r\n");
    rig_expect_status(rig, "");
    rig_answer(rig, "server:8:0,open,0000000000000000," RIG_IDENTITY "\r\n");
    expect_other_draw(rig, "lottery.name is set, and the server does not tell which draw it holds");
    rig_forget(rig);
    rig_start(rig, bound);
    rig_accept(rig);
    rig_expect_status(rig, "2026-W48");
    rig_answer(rig, "server:1\r\n");
    rig_expect_status(rig, "");
    rig_answer(rig, "server:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig,
                       "the server refused agency 2's STATUS, and lottery.name goes on with no "
                       "server that does not answer it");
}

static void state_of_another_draw_is_no_answer(void **state)
{
    struct rig *rig = *state;
    const char *const other[] = {"CLI_LOTTERY_NAME=2026-W47", NULL};
    rig_begin(rig, 2, other);
    accept_and_tell(rig, "2026-W47", &none, "open");
    rig_await_output(rig, "action: connection_lost");
    rig_expect_printed(rig, "STATUS of the draw 2026-W47 was answered with that of 2026-W48");
    rig_expect_graceful_stop(rig);
}

/* ------------------------------------------------------------------ version 1.0 ---- */

static void a_server_of_version_1_0_is_asked_without_names(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 4, NULL);
    rig_accept(rig);
    rig_expect_status(rig, "*");
    rig_answer(rig, "server:1\r\n");
    rig_expect_status(rig, "");
    rig_answer(rig, "server:8:0,open,0000000000000000," RIG_IDENTITY "\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    rig_hang_up(rig);
    rig_accept(rig);
    rig_expect_status(rig, "");
    char text[RIG_STATE_BYTES];
    rig_answer(rig, rig_state(text, &two, 2, "open", RIG_IDENTITY));
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    expect_request(rig, "");
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    assert_int_equal(rig_count_printed(rig, " ERROR "), 0);
}

/* ---------------------------------------------------------------------- reasons ---- */

static void the_servers_reasons_are_logged(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, NULL);
    accept_and_tell(rig, "*", &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, "server:1:row 2: the number is above rules.number_max\r\n");
    rig_await_output(rig, "the server refused rows 1 to 2, each of which looks right from here; it "
                          "says: row 2: the number is above rules.number_max | pid: ");
    accept_and_tell(rig, "2026-W48", &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, "server:1:\x1b[31mno\xff\r\n");
    rig_await_output(rig, "the server refused agency 2's DONE; it says: ?[31mno? | pid: ");
    accept_and_tell(rig, "2026-W48", &two, "done");
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    expect_request(rig, "2026-W48");
    rig_answer(rig, "server:1:the winners were changed\r\n");
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused agency 2's REQUEST; it says: the winners were "
                            "changed | pid: ");
}

static void an_agency_that_is_not_allowed_is_told_so_at_once(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 2, NULL);
    rig_accept_and_tell(rig, "server:1:the agency is not allowed\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "the server refused agency 2's STATUS; it says: the agency is not "
                            "allowed | pid: ");
}

/* ---------------------------------------------------------------- a real server ---- */

static struct server *start_server(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("LOTTERY_NAME=2026-W48", "NUMBER_OF_AGENCIES=1"));
}

/* Agency 1 with the bets of the archives, and more rows after them. */
static struct program *start_bound(const struct server *server, const char *draw, const char *more)
{
    struct stage *stage = server->stage;
    const char *path = stage_path(stage, "bets.csv");
    files_write(path, stage_text(stage, ARCHIVES_ROW_1 "\n" ARCHIVES_ROW_2 "\n%s", more));
    return agency_start(server, 1, path,
                        ENVIRONMENT(stage_text(stage, "CLI_LOTTERY_NAME=%s", draw)));
}

static void a_week_gets_its_winners_while_the_next_one_is_sold(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_server(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    agency_expect_success(start_bound(server, "2026-W47", ""));
    assert_string_equal(files_read(stage, agency_winners_file(stage, 1), NULL),
                        ARCHIVES_ROW_1 "\n");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void a_weeks_file_never_goes_into_the_next_one(void **state)
{
    static const char *const draws[] = {"2026-W46", "2026-W45", "2026-W49"};
    struct stage *stage = *state;
    struct server *server = start_server(stage);
    archives_make(server, "2026-W46", CONTROL_DRAWN);
    archives_make(server, "2026-W45", CONTROL_ABANDONED);
    for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
        struct program *agency = start_bound(server, draws[i], ARCHIVES_ROW_3 "\n");
        assert_int_equal(program_await_end(agency).status, EXIT_OTHER_DRAW);
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
    agency_expect_success(start_bound(server, "2026-W48", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_draw_that_was_told_first_is_named_from_then_on),
        RIG_TEST(a_draw_that_is_over_gives_its_winners_where_all_bets_are_in_it),
        RIG_TEST(a_draw_that_was_held_without_all_bets_is_told),
        RIG_TEST(sales_that_were_closed_without_all_bets_are_told),
        RIG_TEST(rows_that_cannot_be_read_are_counted_up_to_there),
        RIG_TEST(where_sales_were_closed_with_all_bets_the_draw_is_waited_for),
        RIG_TEST(a_draw_that_was_abandoned_is_told_even_with_all_bets_in_it),
        RIG_TEST(a_draw_that_is_gone_is_told_as_the_server_says_it),
        RIG_TEST(another_lottery_of_the_same_name_is_another_one),
        RIG_TEST(an_agency_that_is_bound_to_a_draw_names_it_from_the_start),
        RIG_TEST(it_sends_nothing_to_another_one),
        RIG_TEST(it_sends_nothing_to_a_server_that_tells_no_names),
        RIG_TEST(state_of_another_draw_is_no_answer),
        RIG_TEST(a_server_of_version_1_0_is_asked_without_names),
        RIG_TEST(the_servers_reasons_are_logged),
        RIG_TEST(an_agency_that_is_not_allowed_is_told_so_at_once),
        STAGE_TEST(a_week_gets_its_winners_while_the_next_one_is_sold),
        STAGE_TEST(a_weeks_file_never_goes_into_the_next_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
