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

static void an_empty_line_at_the_very_end_is_no_row(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "a\n\n");
    expect_row(&dataset, "a", 1);
    expect_end(&dataset);
    open_text(&dataset, "a\r\n\r\n");
    expect_row(&dataset, "a", 1);
    expect_end(&dataset);
}

static void an_empty_line_in_the_middle_is_a_row(void **state)
{
    (void)state;
    struct dataset dataset;
    open_text(&dataset, "a\n\nb\n");
    expect_row(&dataset, "a", 1);
    expect_row(&dataset, "", 2);
    expect_row(&dataset, "b", 3);
    expect_end(&dataset);
}

static void a_carriage_return_inside_a_row_is_a_failure(void **state)
{
    (void)state;
    struct dataset dataset;
    struct dataset_row row;
    struct failure failure;
    open_text(&dataset, "a\nb\r\r\nc\n");
    expect_row(&dataset, "a", 1);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_FAILED);
    assert_int_equal(dataset_line(&dataset), 2);
    assert_non_null(strstr(failure.text, "carriage return"));
    dataset_close(&dataset);
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
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_FAILED);
    dataset_close(&dataset);
    free(text);
}

static void a_line_longer_than_the_buffer_is_a_failure(void **state)
{
    (void)state;
    struct dataset dataset;
    struct dataset_row row;
    struct failure failure;
    char *text = long_line(1000000);
    open_text(&dataset, text);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_FAILED);
    assert_non_null(strstr(failure.text, "longer"));
    dataset_close(&dataset);
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

static void a_noted_position_can_be_come_back_to(void **state)
{
    (void)state;
    struct dataset dataset;
    struct dataset_row row;
    struct failure failure;
    uint64_t skipped = 0;
    uint64_t end_offset = 0;
    char *text = many_rows();
    open_text(&dataset, text);
    assert_int_equal(dataset_skip(&dataset, 5000, &skipped, &end_offset, &failure), DATASET_ROW);
    assert_int_equal(dataset_peek(&dataset, &row, &failure), DATASET_ROW);
    assert_int_equal(row.begin.offset, end_offset);
    struct dataset_mark mark = row.begin;
    assert_int_equal(dataset_skip(&dataset, 10000, &skipped, &end_offset, &failure), DATASET_ROW);
    expect_row(&dataset, "row 15000", 15001);
    dataset_seek(&dataset, mark);
    expect_row(&dataset, "row 5000", 5001);
    dataset_close(&dataset);
    free(text);
}

static void skipping_past_the_end_says_how_many_rows_there_were(void **state)
{
    (void)state;
    struct dataset dataset;
    struct failure failure;
    uint64_t skipped = 0;
    uint64_t end_offset = 0;
    open_text(&dataset, "a\nb\nc");
    assert_int_equal(dataset_skip(&dataset, 4, &skipped, &end_offset, &failure), DATASET_END);
    assert_int_equal(skipped, 3);
    dataset_close(&dataset);
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
        cmocka_unit_test(an_empty_line_at_the_very_end_is_no_row),
        cmocka_unit_test(an_empty_line_in_the_middle_is_a_row),
        cmocka_unit_test(a_carriage_return_inside_a_row_is_a_failure),
        cmocka_unit_test(the_longest_row_fits_and_one_more_byte_does_not),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_a_failure),
        cmocka_unit_test(rows_across_the_buffers_edge_are_whole),
        cmocka_unit_test(a_noted_position_can_be_come_back_to),
        cmocka_unit_test(skipping_past_the_end_says_how_many_rows_there_were),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_directory_is_no_file_of_bets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
