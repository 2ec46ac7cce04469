/*
 * test_agency_winners.c - the real lottery-agency takes winners of any number as they come.
 */
#include "tests/harness/rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    MANY_WINNERS = 200000,
    PIECE_BYTES = 1 << 15,
    WINNER_BYTES = RIG_ROW_BYTES + 16,
    MEMORY_MORE_KB = 4096 /* than for no winners at all; the rows are 8 MB */
};

static const char two_winners[] = "2,Ana,Núñez 1,20000001,1990-01-01,1\n"
                                  "2,Ana,Núñez 2,20000002,1990-01-01,2\n";

/* The agency is done, its winners go to rig->winners, and its look-up has come. */
static void start_look_up(struct rig *rig)
{
    char setting[PATH_MAX + RIG_ROW_BYTES];
    const char *const settings[] = {setting, NULL};
    (void)snprintf(setting, sizeof setting, "CLI_WINNERS_FILE=%s", rig->winners);
    rig_write_bets(rig, 1, 0);
    rig_start(rig, settings);
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    rig_acknowledge_done(rig);
}

/* Number `number` as it stands in WINNERS; returns its bytes. */
static size_t write_winner(char winner[WINNER_BYTES], unsigned number)
{
    char row[RIG_ROW_BYTES];
    rig_write_row(row, number);
    return (size_t)snprintf(winner, WINNER_BYTES, "2,%s\n", row);
}

/* Sends `winners` rows in pieces that end anywhere. */
static void send_winners(struct rig *rig, unsigned winners)
{
    static char piece[PIECE_BYTES + WINNER_BYTES];
    size_t used = 0;
    for (unsigned number = 1; number <= winners; number++) {
        used += write_winner(piece + used, number);
        if (used >= PIECE_BYTES || number == winners) {
            assert_int_equal(send(rig->connection, piece, used, MSG_NOSIGNAL), used);
            used = 0;
        }
    }
}

/* The winners file holds rows 1 to `winners`, and nothing is left beside it. */
static void expect_winners(const struct rig *rig, unsigned winners)
{
    char partial[PATH_MAX + RIG_ROW_BYTES];
    char line[WINNER_BYTES];
    unsigned number = 0;
    (void)snprintf(partial, sizeof partial, "%s.partial", rig->winners);
    assert_int_equal(access(partial, F_OK), -1);
    FILE *file = fopen(rig->winners, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char row[RIG_ROW_BYTES];
        rig_write_row(row, ++number);
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line, row);
    }
    (void)fclose(file);
    assert_int_equal(number, winners);
}

static void any_number_of_winners_takes_the_same_memory(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    long memory_of_none = rig->most_memory;
    rig_forget(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:");
    send_winners(rig, MANY_WINNERS);
    rig_answer(rig, "\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig,
                       "action: consulta_ganadores | result: success | cant_ganadores: 200000");
    expect_winners(rig, MANY_WINNERS);
    assert_in_range(rig->most_memory, 1, memory_of_none + MEMORY_MORE_KB);
}

static void winners_may_come_byte_by_byte(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    char text[256];
    int bytes = snprintf(text, sizeof text, "server:3:%s\r\n", two_winners);
    for (int i = 0; i < bytes; i++) {
        assert_int_equal(send(rig->connection, text + i, 1, MSG_NOSIGNAL), 1);
    }
    rig_expect_exit(rig, EXIT_SUCCESS);
    expect_winners(rig, 2);
}

static void the_last_winner_may_lack_its_line_end(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:2,Ana,Núñez 1,20000001,1990-01-01,1\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    expect_winners(rig, 1);
}

static void winners_that_do_not_come_whole_are_asked_for_again(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:");
    send_winners(rig, 5000);
    rig_hang_up(rig);
    rig_accept_and_tell(rig, "server:8:1,drawn\r\n");
    assert_int_equal(access(rig->winners, F_OK), -1);
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:");
    rig_answer(rig, two_winners);
    rig_answer(rig, "\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    expect_winners(rig, 2);
    assert_int_equal(rig_count_printed(rig, "action: consulta_ganadores | result: success"), 1);
}

static void a_row_that_is_no_winner_of_ours_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:");
    rig_answer(rig, two_winners);
    rig_answer(rig, "1,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    rig_accept(rig);
    rig_await_output(rig, "winner 3 is agency 1's, not ours");
    rig_expect_graceful_stop(rig);
    assert_int_equal(access(rig->winners, F_OK), -1);
}

static void it_stops_in_the_middle_of_the_winners(void **state)
{
    struct rig *rig = *state;
    rig_listen(rig);
    start_look_up(rig);
    rig_answer(rig, "server:3:");
    rig_answer(rig, two_winners);
    rig_expect_graceful_stop(rig);
    assert_int_equal(access(rig->winners, F_OK), -1);
}

static void winners_on_a_full_disk_are_a_failure(void **state)
{
    struct rig *rig = *state;
    char partial[PATH_MAX + RIG_ROW_BYTES];
    (void)snprintf(partial, sizeof partial, "%s.partial", rig->winners);
    rig_listen(rig);
    start_look_up(rig);
    assert_int_equal(symlink("/dev/full", partial), 0);
    rig_answer(rig, "server:3:");
    rig_answer(rig, two_winners);
    rig_answer(rig, "\r\n");
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "action: ganadores_guardados | result: fail");
    rig_expect_printed(rig, "No space left on device");
    assert_int_equal(access(partial, F_OK), -1);
    assert_int_equal(access(rig->winners, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(any_number_of_winners_takes_the_same_memory),
        RIG_TEST(winners_may_come_byte_by_byte),
        RIG_TEST(the_last_winner_may_lack_its_line_end),
        RIG_TEST(winners_that_do_not_come_whole_are_asked_for_again),
        RIG_TEST(a_row_that_is_no_winner_of_ours_leaves_nothing_behind),
        RIG_TEST(it_stops_in_the_middle_of_the_winners),
        RIG_TEST(winners_on_a_full_disk_are_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
