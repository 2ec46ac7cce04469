/*
 * test_agency_resume.c - the real lottery-agency and what a server says that it has stored:
 * its file's first rows, others, or those of another lottery.
 */
#include "tests/harness/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { EXIT_OTHER_BETS = 3 };

/* ---------------------------------------------------------- the same rows ---- */

static void a_file_whose_first_rows_are_stored_is_gone_on_with(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored stored = {.rows = 3};
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 4, 5);
    rig_expect_batch(rig, 6, 6);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: reanudar | result: success | guardadas: 3 | line: 4");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 0);
}

static void what_the_server_took_without_an_answer_is_recognised(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored none = {.rows = 0};
    const struct rig_stored stored = {.rows = 4};
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell_stored(rig, &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 6");
}

static void a_whole_file_that_is_stored_only_asks_for_its_winners(void **state)
{
    static const char *const phases[] = {"done", "drawn"};
    const struct rig_stored stored = {.rows = 6};
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        rig_start(rig, NULL);
        rig_accept_and_tell_stored(rig, &stored, phases[i]);
        rig_end_without_winners(rig);
        rig_forget(rig);
    }
}

/* ----------------------------------------------------------- other rows ---- */

/* Row `other` of `rows` stored ones is another one than in the file, which has more. */
static void play_other_row(struct rig *rig, unsigned rows, unsigned other, const char *phase)
{
    enum { HALVINGS = 7 };
    const struct rig_stored stored = {.rows = rows, .other = other};
    char named[128];
    rig_start(rig, NULL);
    rig_accept_and_tell_stored(rig, &stored, phase);
    assert_in_range(rig_answer_prefixes(rig, &stored), 0, HALVINGS);
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    (void)snprintf(named, sizeof named,
                   "bets.csv | line: %u | reason: row %u is not the one that is stored; "
                   "nothing was sent",
                   other, other);
    rig_expect_printed(rig, named);
    rig_expect_printed(rig, "action: agency_exit | result: fail");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
    assert_int_equal(rig_count_printed(rig, "Núñez"), 0);
    rig_forget(rig);
}

static void the_first_row_that_differs_is_named(void **state)
{
    static const unsigned others[] = {1, 2, 3, 49, 50, 51, 64, 99, 100};
    struct rig *rig = *state;
    rig_write_bets(rig, 120, 0);
    rig_listen(rig);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        play_other_row(rig, 100, others[i], "open");
    }
    play_other_row(rig, 1, 1, "open");
}

static void other_rows_are_refused_in_every_phase(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 100, 0);
    rig_listen(rig);
    play_other_row(rig, 100, 17, "open");
    play_other_row(rig, 100, 17, "done");
    play_other_row(rig, 100, 17, "drawn");
}

/* The server does not help with PREFIX. */
static void play_no_prefix(struct rig *rig, const char *text)
{
    const struct rig_stored stored = {.rows = 4, .other = 2};
    rig_start(rig, NULL);
    rig_accept_and_tell_stored(rig, &stored, "open");
    (void)rig_expect_message(rig, MESSAGE_PREFIX);
    if (text != NULL) {
        rig_answer(rig, text);
        rig_expect_closed(rig);
    } else {
        rig_hang_up(rig);
    }
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "the first 4 rows are not those that are stored, and the server does "
                            "not say where they begin to differ; nothing was sent");
    assert_false(rig_is_readable(rig->listener));
    rig_forget(rig);
}

static void a_server_that_does_not_help_to_find_the_row_changes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 6, 0);
    rig_listen(rig);
    play_no_prefix(rig, "server:1\r\n");
    play_no_prefix(rig, "server:0\r\n");
    play_no_prefix(rig, "server:8:2,open\r\n");
    play_no_prefix(rig, "server:8:3,open,0123456789abcdef," RIG_IDENTITY "\r\n");
    play_no_prefix(rig, "HTTP/1.1 400 Bad Request\r\n");
    play_no_prefix(rig, NULL);
}

/* The file as it is now against stored rows of which all were good. */
static void play_file(struct rig *rig, const struct rig_stored *stored, const char *reason)
{
    rig_start(rig, NULL);
    rig_accept_and_tell_stored(rig, stored, "open");
    (void)rig_answer_prefixes(rig, stored);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, reason);
    rig_forget(rig);
}

static void a_row_that_is_no_bet_is_not_the_one_that_is_stored(void **state)
{
    const struct rig_stored stored = {.rows = 6};
    const struct rig_stored changed_before = {.rows = 6, .other = 2};
    struct rig *rig = *state;
    rig_listen(rig);
    rig_write_bets(rig, 6, 4);
    play_file(rig, &stored,
              "line: 4 | reason: row 4 is no bet (the birthdate is not a date YYYY-MM-DD), but the "
              "one that is stored is; nothing was sent");
    play_file(rig, &changed_before, "line: 2 | reason: row 2 is not the one that is stored;");
    rig_write_text(rig, "Ana,Núñez 1,20000001,1990-01-01,1\n\nAna,Núñez 3,20000003,1990-01-01,3\n");
    play_file(rig, &stored, "line: 2 | reason: row 2 is no bet (the line is empty)");
}

static void a_file_with_fewer_rows_than_are_stored_is_refused(void **state)
{
    const struct rig_stored stored = {.rows = 9};
    const struct rig_stored changed_before = {.rows = 9, .other = 5};
    struct rig *rig = *state;
    rig_listen(rig);
    rig_write_bets(rig, 6, 0);
    play_file(rig, &stored,
              "line: 7 | reason: the file holds fewer rows than the server: 6 of 9; nothing was "
              "sent");
    play_file(rig, &changed_before, "line: 5 | reason: row 5 is not the one that is stored;");
    rig_write_text(rig, "");
    play_file(rig, &stored, "line: 1 | reason: the file holds fewer rows than the server: 0 of 9");
}

static void it_stops_while_it_looks_for_the_row(void **state)
{
    const struct rig_stored stored = {.rows = 4, .other = 2};
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell_stored(rig, &stored, "open");
    (void)rig_expect_message(rig, MESSAGE_PREFIX);
    rig_expect_graceful_stop(rig);
}

/* ------------------------------------------------- the bet of the environment ---- */

static void start_with_single_bet(struct rig *rig)
{
    static const char *const settings[] = {"CLI_NOMBRE=Ana",         "CLI_APELLIDO=Núñez 1",
                                           "CLI_DOCUMENTO=20000001", "CLI_NACIMIENTO=1990-01-01",
                                           "CLI_NUMERO=1",           NULL};
    rig_start(rig, settings);
}

static void one_bet_that_is_stored_already_is_a_success(void **state)
{
    const struct rig_stored stored = {.rows = 1};
    struct rig *rig = *state;
    rig_listen(rig);
    start_with_single_bet(rig);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "INFO     action: apuesta_enviada | result: success | dni: 20000001 | "
                            "numero: 1 | reason: the server had stored it already");
}

static void another_bet_than_the_one_that_is_stored_is_refused(void **state)
{
    const struct rig_stored stored = {.rows = 1, .other = 1};
    struct rig *rig = *state;
    rig_listen(rig);
    start_with_single_bet(rig);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "file: environment | line: 1 | reason: row 1 is not the one that is "
                            "stored; nothing was sent");
    assert_int_equal(rig_count_printed(rig, "apuesta_enviada | result: success"), 0);
}

/* ------------------------------------------------------------ the lottery ---- */

static void another_lottery_after_a_reconnection_gets_nothing(void **state)
{
    const struct rig_stored none = {.rows = 0};
    char text[RIG_STATE_BYTES];
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell_stored(rig, &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig);
    rig_accept_and_tell(rig, rig_state(text, &none, 0, "open", RIG_OTHER_IDENTITY));
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "lottery: " RIG_OTHER_IDENTITY " | lottery_before: " RIG_IDENTITY
                            " | reason: another lottery has taken the place");
}

static void a_server_that_forgets_its_lotterys_identity_is_another_one(void **state)
{
    const struct rig_stored none = {.rows = 0};
    struct rig *rig = *state;
    rig_begin(rig, 2, NULL);
    rig_accept_and_tell_stored(rig, &none, "open");
    rig_expect_batch(rig, 1, 2);
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "lottery: untold | lottery_before: " RIG_IDENTITY);
}

static void bets_for_a_lottery_that_was_drawn_need_a_new_one(void **state)
{
    const struct rig_stored none = {.rows = 0};
    const struct rig_stored others = {.rows = 6, .other = 1};
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell_stored(rig, &none, "drawn");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig,
                       "the draw has been held, but the file holds more rows: a new lottery "
                       "needs the server's next draw (`lottery-admin open NAME`) or a new data "
                       "directory, with Compose `docker compose down -v` | pid: ");
    rig_forget(rig);
    rig_start(rig, NULL);
    rig_accept_and_tell_stored(rig, &others, "drawn");
    (void)rig_answer_prefixes(rig, &others);
    rig_expect_exit(rig, EXIT_OTHER_BETS);
    rig_expect_printed(rig, "`docker compose down -v` | pid: ");
}

/* ------------------------------------------------ servers that tell a count only ---- */

static void by_count_only_is_a_warning_once(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 6, NULL);
    rig_accept_and_tell(rig, "server:8:2,open\r\n");
    rig_expect_batch(rig, 3, 4);
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:4,open\r\n");
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    assert_int_equal(rig_count_printed(rig, "by their count only"), 1);
}

static void by_count_only_is_not_enough_where_resuming_is_required(void **state)
{
    static const char *const settings[] = {"CLI_RESUME=required", NULL};
    struct rig *rig = *state;
    rig_begin(rig, 6, settings);
    rig_accept_and_tell(rig, "server:8:2,open\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "but not which ones, and resume: required needs both");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_file_whose_first_rows_are_stored_is_gone_on_with),
        RIG_TEST(what_the_server_took_without_an_answer_is_recognised),
        RIG_TEST(a_whole_file_that_is_stored_only_asks_for_its_winners),
        RIG_TEST(the_first_row_that_differs_is_named),
        RIG_TEST(other_rows_are_refused_in_every_phase),
        RIG_TEST(a_server_that_does_not_help_to_find_the_row_changes_nothing),
        RIG_TEST(a_row_that_is_no_bet_is_not_the_one_that_is_stored),
        RIG_TEST(a_file_with_fewer_rows_than_are_stored_is_refused),
        RIG_TEST(it_stops_while_it_looks_for_the_row),
        RIG_TEST(one_bet_that_is_stored_already_is_a_success),
        RIG_TEST(another_bet_than_the_one_that_is_stored_is_refused),
        RIG_TEST(another_lottery_after_a_reconnection_gets_nothing),
        RIG_TEST(a_server_that_forgets_its_lotterys_identity_is_another_one),
        RIG_TEST(bets_for_a_lottery_that_was_drawn_need_a_new_one),
        RIG_TEST(by_count_only_is_a_warning_once),
        RIG_TEST(by_count_only_is_not_enough_where_resuming_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
