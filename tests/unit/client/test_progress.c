/*
 * test_progress.c - the line that an agency draws, and when it draws none.
 */
#include "client/progress.h"

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static void format(const struct progress *progress, unsigned columns, char *line)
{
    size_t bytes = progress_format(progress, columns, line);
    line[bytes] = '\0';
}

static void the_line_shows_how_far_and_how_fast(void **state)
{
    (void)state;
    char line[PROGRESS_LINE_BYTES];
    struct progress progress;
    progress_open(&progress, -1, 0, 1, 2000);
    progress_set_state(&progress, "betting");
    progress_resume(&progress, 1000, 500, 10000);
    progress_advance(&progress, 1500, 1000, 10500);
    format(&progress, 85, line);
    assert_string_equal(line,
                        "agency 1   [#####-----]  50%       2,500 bets     3,000 bets/s    0:01 "
                        "left  betting");
}

static void the_line_fits_the_terminal(void **state)
{
    (void)state;
    char line[PROGRESS_LINE_BYTES];
    struct progress progress;
    progress_open(&progress, -1, 0, UINT32_MAX, UINT64_MAX);
    progress_set_state(&progress, "waiting for the draw, and for a good while longer");
    progress_resume(&progress, 0, 0, 1);
    progress_advance(&progress, UINT64_MAX / 1000, UINT64_MAX, 2);
    for (unsigned columns = 1; columns < 200; columns++) {
        format(&progress, columns, line);
        assert_in_range(strlen(line), 0, columns - 1);
    }
}

static void the_time_that_is_left_is_that_of_this_runs_rate(void **state)
{
    (void)state;
    static const struct {
        uint64_t total;
        const char *shown;
    } cases[] = {{UINT64_C(8) * 1000, "   0:06 left  betting"},
                 {UINT64_C(3600) * 1000, "  59:58 left  betting"},
                 {UINT64_C(3602) * 1000, "  1h00m left  betting"},
                 {UINT64_C(1000) + UINT64_C(359000) * 1000, " 99h43m left  betting"},
                 {UINT64_C(1000) + UINT64_C(400000) * 1000, " bets/s  betting"},
                 {2000, " bets/s  betting"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[PROGRESS_LINE_BYTES];
        struct progress progress;
        progress_open(&progress, -1, 0, 1, cases[i].total);
        progress_set_state(&progress, "betting");
        progress_resume(&progress, 10, 1000, 5000);
        format(&progress, 100, line);
        assert_null(strstr(line, " left"));
        progress_advance(&progress, 10, 2000, 6000);
        format(&progress, 100, line);
        if (strstr(line, cases[i].shown) == NULL) {
            fail_msg("no \"%s\" in \"%s\"", cases[i].shown, line);
        }
        progress_set_state(&progress, "connecting");
        format(&progress, 100, line);
        assert_null(strstr(line, " left"));
    }
}

/* The text stands in a line of so many columns. */
static void expect_shown(const struct progress *progress, unsigned columns, const char *text)
{
    char line[PROGRESS_LINE_BYTES];
    format(progress, columns, line);
    if (strstr(line, text) == NULL) {
        fail_msg("no \"%s\" in %u columns: \"%s\"", text, columns, line);
    }
}

static void the_state_is_whole_in_the_usual_widths(void **state)
{
    (void)state;
    struct progress progress;
    progress_open(&progress, -1, 0, 1, 2000);
    progress_set_state(&progress, "waiting for the draw");
    progress_resume(&progress, 0, 0, 1);
    progress_advance(&progress, 1234567, 2000, 1001);
    for (unsigned columns = 80; columns <= 200; columns++) {
        expect_shown(&progress, columns, " 1,234,567 bets ");
        expect_shown(&progress, columns, " 1,234,567 bets/s  waiting for the draw");
        expect_shown(&progress, columns, "[##");
    }
}

static void numbers_are_shown_whole_or_not_at_all(void **state)
{
    (void)state;
    struct progress progress;
    progress_open(&progress, -1, 0, 17, 2000);
    progress_set_state(&progress, "waiting for the draw");
    progress_resume(&progress, 0, 0, 1);
    progress_advance(&progress, 1234567, 2000, 1001);
    for (unsigned columns = 0; columns < 200; columns++) {
        char line[PROGRESS_LINE_BYTES];
        format(&progress, columns, line);
        assert_true(strstr(line, "1,2") == NULL || strstr(line, " 1,234,567 bets") != NULL);
        assert_true(strstr(line, "draw") != NULL || strstr(line, "wait") == NULL);
        assert_true(strstr(line, "17") != NULL || line[0] == '\0');
    }
    expect_shown(&progress, 40, "agency 17  100% waiting for the draw");
}

static void columns_go_whole_and_the_state_outlives_the_numbers(void **state)
{
    (void)state;
    struct progress progress;
    progress_open(&progress, -1, 0, 17, 4000);
    progress_set_state(&progress, "betting");
    progress_resume(&progress, 0, 0, 1);
    progress_advance(&progress, 1234567, 2000, 9001);
    for (unsigned columns = 22; columns <= 200; columns++) {
        expect_shown(&progress, columns, " betting");
    }
    expect_shown(&progress, 40, "agency 17   50%   0:09 left  betting");
    expect_shown(&progress, 25, "agency 17   50% betting");
    expect_shown(&progress, 80, "1,234,567 bets   137,174 bets/s    0:09 left  betting");
    expect_shown(&progress, 80, "[#");
    expect_shown(&progress, 200, "[###############---------------]");
}

static void an_empty_file_has_no_percentage(void **state)
{
    (void)state;
    char line[PROGRESS_LINE_BYTES];
    struct progress progress;
    progress_open(&progress, -1, 0, 1, 0);
    format(&progress, 80, line);
    assert_non_null(strstr(line, "  0%"));
}

static void nothing_is_written_where_there_is_no_terminal(void **state)
{
    (void)state;
    int ends[2];
    char byte = 0;
    struct progress progress;
    assert_int_equal(pipe(ends), 0);
    progress_open(&progress, ends[1], 3, 1, 100);
    progress_set_state(&progress, "betting");
    progress_advance(&progress, 1, 100, 1000000);
    progress_close(&progress);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
}

/*
 * Everything that was written on the terminal: what one end takes may come to the other in
 * pieces, so a last byte that nothing else writes is waited for, and left out.
 */
static void read_terminal(int terminal, int program, char *text, size_t capacity)
{
    static const char last = '\x01';
    size_t used = 0;
    assert_int_equal(write(program, &last, 1), 1);
    do {
        ssize_t got = read(terminal, text + used, capacity - used);
        assert_in_range(got, 1, capacity - used);
        used += (size_t)got;
    } while (text[used - 1] != last);
    text[used - 1] = '\0';
}

/* Draws once on a pseudo-terminal; what arrived is in `text`. */
static void draw_on_terminal(unsigned lines_up, char *text, size_t capacity)
{
    int terminal = -1;
    int program = -1;
    struct progress progress;
    assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    progress_open(&progress, program, lines_up, 1, 100);
    progress_set_state(&progress, "betting");
    read_terminal(terminal, program, text, capacity);
    (void)close(program);
    (void)close(terminal);
}

static void on_a_terminal_the_cursor_goes_up_and_comes_back(void **state)
{
    (void)state;
    char text[1024];
    draw_on_terminal(3, text, sizeof text);
    assert_int_equal(strncmp(text, "\r\x1b[3A", 5), 0);
    assert_non_null(strstr(text, "betting\x1b[K\r\x1b[3B"));
}

/* What is written on a terminal of this kind; NULL: TERM is not set. */
static void draw_on_kind(const char *kind, char *text, size_t capacity)
{
    int terminal = -1;
    int program = -1;
    struct progress progress;
    assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    assert_int_equal(kind == NULL ? unsetenv("TERM") : setenv("TERM", kind, 1), 0);
    progress_open(&progress, program, 0, 1, 100);
    progress_set_state(&progress, "betting");
    progress_close(&progress);
    read_terminal(terminal, program, text, capacity);
    (void)close(program);
    (void)close(terminal);
}

static void a_terminal_that_knows_no_escapes_gets_none(void **state)
{
    (void)state;
    static const char *const kinds[] = {"dumb", "", NULL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char text[1024];
        draw_on_kind(kinds[i], text, sizeof text);
        assert_string_equal(text, "");
    }
}

/* One line is logged while a bar is drawn; what the terminal shows is in `text`. */
static void log_over_bar(unsigned lines_up, bool share_terminal, char *text, size_t capacity)
{
    int terminal = -1;
    int program = -1;
    struct progress progress;
    int output = dup(STDOUT_FILENO);
    assert_true(output >= 0);
    assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    if (share_terminal) {
        assert_true(dup2(program, STDOUT_FILENO) >= 0);
    }
    progress_open(&progress, program, lines_up, 1, 100);
    progress_set_state(&progress, "betting");
    log_info(LOG_RESUMED, "test");
    progress_close(&progress);
    log_info(LOG_RESUMED, "later");
    (void)dup2(output, STDOUT_FILENO);
    (void)close(output);
    read_terminal(terminal, program, text, capacity);
    (void)close(program);
    (void)close(terminal);
}

/* How often `what` stands in `text`. */
static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        found++;
    }
    return found;
}

static void the_line_makes_room_for_a_line_of_the_log(void **state)
{
    (void)state;
    char text[2048];
    log_over_bar(0, true, text, sizeof text);
    char *wiped = strstr(text, "betting\x1b[K\r\r\x1b[K");
    char *logged = strstr(text, "INFO     action: reanudar | test\r\n\ragency 1 ");
    assert_non_null(wiped);
    assert_non_null(logged);
    assert_true(wiped < logged);
    assert_int_equal(count(text, "agency 1 "), 3); /* at first, behind the log's line, at the end */
    assert_non_null(strstr(text, "betting\x1b[K\r\r\n")); /* then it is over */
    assert_non_null(strstr(text, "INFO     action: reanudar | later\r\n"));
}

static void a_log_that_goes_elsewhere_leaves_the_line_alone(void **state)
{
    (void)state;
    char text[2048];
    log_over_bar(0, false, text, sizeof text);
    assert_int_equal(count(text, "agency 1 "), 2);
    log_over_bar(2, true, text, sizeof text); /* the line is not where the log writes */
    assert_int_equal(count(text, "agency 1 "), 2);
}

static int know_escapes(void **state)
{
    (void)state;
    return setenv("TERM", "xterm", 1);
}

/* Nothing would go on here if it waited: the test program has a time limit. */
static void a_terminal_that_is_stopped_is_not_waited_for(void **state)
{
    (void)state;
    int terminal = -1;
    int program = -1;
    struct progress progress;
    assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    progress_open(&progress, program, 0, 1, 100);
    assert_int_equal(tcflow(program, TCOOFF), 0); /* ^S */
    progress_set_state(&progress, "betting");
    progress_advance(&progress, 1, 100, 1000000);
    progress_close(&progress);
    (void)close(program);
    (void)close(terminal);
}

static void on_the_cursors_own_line_it_only_returns(void **state)
{
    (void)state;
    char text[1024];
    draw_on_terminal(0, text, sizeof text);
    assert_null(strstr(text, "\x1b[0A"));
    assert_non_null(strstr(text, "betting\x1b[K\r"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_shows_how_far_and_how_fast),
        cmocka_unit_test(the_line_fits_the_terminal),
        cmocka_unit_test(the_time_that_is_left_is_that_of_this_runs_rate),
        cmocka_unit_test(columns_go_whole_and_the_state_outlives_the_numbers),
        cmocka_unit_test(the_state_is_whole_in_the_usual_widths),
        cmocka_unit_test(numbers_are_shown_whole_or_not_at_all),
        cmocka_unit_test(an_empty_file_has_no_percentage),
        cmocka_unit_test(nothing_is_written_where_there_is_no_terminal),
        cmocka_unit_test_setup(on_a_terminal_the_cursor_goes_up_and_comes_back, know_escapes),
        cmocka_unit_test_setup(on_the_cursors_own_line_it_only_returns, know_escapes),
        cmocka_unit_test_setup(a_terminal_that_is_stopped_is_not_waited_for, know_escapes),
        cmocka_unit_test_setup(the_line_makes_room_for_a_line_of_the_log, know_escapes),
        cmocka_unit_test_setup(a_log_that_goes_elsewhere_leaves_the_line_alone, know_escapes),
        cmocka_unit_test(a_terminal_that_knows_no_escapes_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
