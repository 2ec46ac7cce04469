/*
 * test_dataset.c - rows out of files of every shape that people make.
 */
#include "client/dataset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { MANY_ROWS = 20000 };

static void open_text(struct dataset *dataset, const char *text)
{
    struct failure failure;
    assert_true(dataset_open_text(dataset, "test", text, strlen(text), &failure));
}

/* The next row has this text and stands on this line. */
static void expect_row(struct dataset *dataset, const char *text, uint64_t line)
{
    struct dataset_row row;
    struct failure failure;
    assert_int_equal(dataset_peek(dataset, &row, &failure), DATASET_ROW);
    assert_int_equal(row.bytes, strlen(text));
    assert_memory_equal(row.text, text, row.bytes);
    assert_int_equal(row.begin.line, line);
    dataset_take(dataset, &row);
}

static void expect_end(struct dataset *dataset)
{
    struct dataset_row row;
    struct failure failure;
    assert_int_equal(dataset_peek(dataset, &row, &failure), DATASET_END);
    assert_int_equal(dataset_peek(dataset, &row, &failure), DATASET_END);
    dataset_close(dataset);
}

static void lines_may_end_in_lf_or_crlf(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "a\nb\r\nc\n");
    expect_row(&dataset, "a", 1);
    expect_row(&dataset, "b", 2);
    expect_row(&dataset, "c", 3);
    expect_end(&dataset);
}

static void the_last_line_may_lack_its_end(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "a\nb");
    expect_row(&dataset, "a", 1);
    expect_row(&dataset, "b", 2);
    expect_end(&dataset);
    open_text(&dataset, "a\r\nb\r");
    expect_row(&dataset, "a", 1);
    expect_row(&dataset, "b", 2);
    expect_end(&dataset);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "\xEF\xBB\xBF"
                        "a\nb\n");
    expect_row(&dataset, "a", 1);
    dataset_rewind(&dataset);
    expect_row(&dataset, "a", 1);
    expect_row(&dataset, "b", 2);
    expect_end(&dataset);
}

static void a_file_of_only_a_byte_order_mark_holds_no_row(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "\xEF\xBB\xBF");
    expect_end(&dataset);
    open_text(&dataset, "");
    expect_end(&dataset);
}

static void empty_lines_at_the_very_end_are_no_rows(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a\n\n",     "a\r\n\r\n", "a\n\n\n",     "a\n\r\n\n\r\n", "a\n\r",       "a\r\n\r\n\r",
        "a\n\r\r\n", "a\n\r\r\r", "a\n\n\r\n\r", "a\r\n\n",       "a\n\r\r\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dataset dataset;
        open_text(&dataset, texts[i]);
        expect_row(&dataset, "a", 1);
        expect_end(&dataset);
    }
}

static void a_file_of_only_empty_lines_holds_no_row(void **state)
{
    (void)state;
    static const char *const texts[] = {"\n", "\r\n", "\r", "\n\n\r\n", "\xEF\xBB\xBF\r\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dataset dataset;
        open_text(&dataset, texts[i]);
        expect_end(&dataset);
    }
}

static void a_megabyte_of_empty_lines_at_the_end_is_no_row(void **state)
{
    (void)state;
    enum { EMPTY_LINES = 1 << 20 };
    struct dataset dataset;
    struct failure failure;
    char *text = malloc(2 + EMPTY_LINES);
    assert_non_null(text);
    memset(text, '\n', 2 + EMPTY_LINES);
    text[0] = 'a';
    assert_true(dataset_open_text(&dataset, "test", text, 2 + EMPTY_LINES, &failure));
    expect_row(&dataset, "a", 1);
    expect_end(&dataset);
    free(text);
}

/* Line `line` is no row, and this is why. */
static void expect_bad_row(struct dataset *dataset, uint64_t line, const char *reason)
{
    struct dataset_row row;
    struct failure failure;
    assert_int_equal(dataset_peek(dataset, &row, &failure), DATASET_BAD_ROW);
    assert_int_equal(dataset_line(dataset), line);
    assert_non_null(strstr(failure.text, reason));
    dataset_close(dataset);
}

static void an_empty_line_before_the_last_row_is_a_bad_row(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\n\nb\n", "a\r\n\r\nb\r\n", "a\n\n\n\nb", "a\n\n \n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dataset dataset;
        open_text(&dataset, texts[i]);
        expect_row(&dataset, "a", 1);
        expect_bad_row(&dataset, 2, "the line is empty");
    }
}

static void a_carriage_return_inside_a_row_makes_it_a_bad_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\nb\r\r\nc\n", "a\nb\r\r\n", "a\n\r\r\nb", "a\n\rb\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dataset dataset;
        open_text(&dataset, texts[i]);
        expect_row(&dataset, "a", 1);
        expect_bad_row(&dataset, 2, "carriage return");
    }
}

/* Text of `bytes` letters and an LF, which the caller frees. */
static char *long_line(size_t bytes)
{
    char *text = malloc(bytes + 2);
    assert_non_null(text);
    memset(text, 'x', bytes);
    memcpy(text + bytes, "\n", 2);
    return text;
}

static void the_longest_row_fits_and_one_more_byte_does_not(void **state)
{
    (void)state;
    struct dataset dataset;
    struct dataset_row row;
    struct failure failure;
    char *text = long_line(DATASET_ROW_BYTES_MAX);
    open_text(&dataset, text);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_ROW);
    assert_int_equal(row.bytes, DATASET_ROW_BYTES_MAX);
    dataset_close(&dataset);
    free(text);
    text = long_line(DATASET_ROW_BYTES_MAX + 1);
    open_text(&dataset, text);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_BAD_ROW);
    dataset_close(&dataset);
    free(text);
}

static void a_line_longer_than_the_buffer_is_a_bad_row(void **state)
{
    (void)state;
    struct dataset dataset;
    char *text = long_line(1000000);
    open_text(&dataset, text);
    expect_bad_row(&dataset, 1, "longer");
    free(text);
}

/* MANY_ROWS rows "row 0", "row 1" ..., of which every third ends in CRLF; the caller frees. */
static char *many_rows(void)
{
    enum { ROW_BYTES_MAX = 16 };
    char *text = malloc((size_t)MANY_ROWS * ROW_BYTES_MAX);
    assert_non_null(text);
    size_t used = 0;
    for (int i = 0; i < MANY_ROWS; i++) {
        used +=
            (size_t)snprintf(text + used, ROW_BYTES_MAX, "row %d%s\n", i, i % 3 == 0 ? "\r" : "");
    }
    return text;
}

static void rows_across_the_buffers_edge_are_whole(void **state)
{
    (void)state;
    struct dataset dataset;
    char *text = many_rows();
    open_text(&dataset, text);
    for (int i = 0; i < MANY_ROWS; i++) {
        char row[16];
        (void)snprintf(row, sizeof row, "row %d", i);
        expect_row(&dataset, row, (uint64_t)i + 1);
    }
    expect_end(&dataset);
    free(text);
}

static void take_rows(struct dataset *dataset, unsigned rows)
{
    struct dataset_row row;
    struct failure failure;
    for (unsigned i = 0; i < rows; i++) {
        assert_int_equal(dataset_peek(dataset, &row, &failure), DATASET_ROW);
        dataset_take(dataset, &row);
    }
}

static void a_noted_position_can_be_come_back_to(void **state)
{
    (void)state;
    struct dataset dataset;
    struct dataset_row row;
    struct failure failure;
    char *text = many_rows();
    open_text(&dataset, text);
    take_rows(&dataset, 5000);
    struct dataset_mark mark = dataset_position(&dataset);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_ROW);
    assert_int_equal(row.begin.offset, mark.offset);
    assert_int_equal(row.begin.line, mark.line);
    take_rows(&dataset, 10000);
    expect_row(&dataset, "row 15000", 15001);
    dataset_seek(&dataset, mark);
    expect_row(&dataset, "row 5000", 5001);
    dataset_close(&dataset);
    free(text);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct dataset dataset;
    struct failure failure;
    assert_false(dataset_open(&dataset, "/nonexistent/bets.csv", &failure));
    assert_non_null(strstr(failure.text, "/nonexistent/bets.csv"));
    assert_non_null(strstr(failure.text, "No such file"));
}

static void a_directory_is_no_file_of_bets(void **state)
{
    (void)state;
    struct dataset dataset;
    struct failure failure;
    assert_false(dataset_open(&dataset, "/", &failure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_may_end_in_lf_or_crlf),
        cmocka_unit_test(the_last_line_may_lack_its_end),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(a_file_of_only_a_byte_order_mark_holds_no_row),
        cmocka_unit_test(empty_lines_at_the_very_end_are_no_rows),
        cmocka_unit_test(a_file_of_only_empty_lines_holds_no_row),
        cmocka_unit_test(a_megabyte_of_empty_lines_at_the_end_is_no_row),
        cmocka_unit_test(an_empty_line_before_the_last_row_is_a_bad_row),
        cmocka_unit_test(a_carriage_return_inside_a_row_makes_it_a_bad_one),
        cmocka_unit_test(the_longest_row_fits_and_one_more_byte_does_not),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_a_bad_row),
        cmocka_unit_test(rows_across_the_buffers_edge_are_whole),
        cmocka_unit_test(a_noted_position_can_be_come_back_to),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_directory_is_no_file_of_bets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
