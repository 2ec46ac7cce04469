/*
 * test_progress.c - the line that an agency draws, and when it draws none.
 */
#include "client/progress.h"

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static void format(const struct progress *progress, unsigned columns, char *line)
{
    size_t bytes = progress_format(progress, columns, line, PROGRESS_LINE_BYTES);
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
    format(&progress, 76, line);
    assert_string_equal(line,
                        "agency 1   [#####-----]  50%       2,500 bets     3,000 bets/s  betting");
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

/* Draws once on a pseudo-terminal; what arrived is in `text`. */
static void draw_on_terminal(unsigned lines_up, char *text, size_t capacity)
{
    int terminal = -1;
    int program = -1;
    struct progress progress;
    assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    progress_open(&progress, program, lines_up, 1, 100);
    progress_set_state(&progress, "betting");
    ssize_t got = read(terminal, text, capacity - 1);
    assert_in_range(got, 1, capacity - 1);
    text[got] = '\0';
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
        cmocka_unit_test(an_empty_file_has_no_percentage),
        cmocka_unit_test(nothing_is_written_where_there_is_no_terminal),
        cmocka_unit_test(on_a_terminal_the_cursor_goes_up_and_comes_back),
        cmocka_unit_test(on_the_cursors_own_line_it_only_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
