/*
 * test_composer.c - what one message to the centre holds.
 */
#include "client/composer.h"

#include "bet/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

/* Composes the next batch of agency 3. */
static enum dataset_result compose(struct dataset *dataset, uint64_t rows_max, char *out,
                                   size_t *bytes, struct window_batch *batch)
{
    const struct composer_limits limits = {.agency = 3, .rows_max = rows_max};
    struct failure failure;
    return composer_write(dataset, &limits, out, bytes, batch, &failure);
}

static void open_text(struct dataset *dataset, const char *text)
{
    struct failure failure;
    assert_true(dataset_open_text(dataset, "test", text, strlen(text), &failure));
}

static void rows_travel_with_a_header_and_lf_ends(void **state)
{
    (void)state;
    static const char expected[] = "3:4:a,b\nc,d\n\r\n";
    struct dataset dataset;
    struct window_batch batch;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    open_text(&dataset, "a,b\r\nc,d\r\n");
    assert_int_equal(compose(&dataset, 150, out, &bytes, &batch), DATASET_ROW);
    assert_int_equal(bytes, sizeof expected - 1);
    assert_memory_equal(out, expected, bytes);
    assert_int_equal(batch.rows, 2);
    assert_int_equal(batch.begin.line, 1);
    assert_int_equal(batch.end_offset, 10);
    assert_int_equal(compose(&dataset, 150, out, &bytes, &batch), DATASET_END);
    dataset_close(&dataset);
}

static void a_batch_holds_no_more_rows_than_asked_for(void **state)
{
    (void)state;
    struct dataset dataset;
    struct window_batch batch;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    open_text(&dataset, "a\nb\nc\n");
    assert_int_equal(compose(&dataset, 2, out, &bytes, &batch), DATASET_ROW);
    assert_int_equal(batch.rows, 2);
    assert_int_equal(compose(&dataset, 2, out, &bytes, &batch), DATASET_ROW);
    assert_int_equal(batch.rows, 1);
    assert_int_equal(batch.begin.line, 3);
    dataset_close(&dataset);
}

/* `count` rows of `row_bytes` letters; the caller frees. */
static char *equal_rows(size_t count, size_t row_bytes)
{
    char *text = malloc(count * (row_bytes + 1) + 1);
    assert_non_null(text);
    memset(text, 'x', count * (row_bytes + 1));
    for (size_t i = 1; i <= count; i++) {
        text[i * (row_bytes + 1) - 1] = '\n';
    }
    text[count * (row_bytes + 1)] = '\0';
    return text;
}

static void a_message_never_exceeds_eight_kilobytes_and_no_row_is_lost(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    struct dataset dataset;
    struct window_batch batch;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    uint64_t rows = 0;
    char *text = equal_rows(ROWS, 97);
    open_text(&dataset, text);
    while (compose(&dataset, ROWS, out, &bytes, &batch) == DATASET_ROW) {
        assert_in_range(bytes, 1, COMPOSER_BYTES_MAX);
        assert_int_equal(batch.begin.line, rows + 1);
        rows += batch.rows;
    }
    assert_int_equal(rows, ROWS);
    dataset_close(&dataset);
    free(text);
}

static void the_longest_row_of_the_longest_agency_number_fits(void **state)
{
    (void)state;
    const struct composer_limits limits = {.agency = UINT32_MAX, .rows_max = 150};
    struct dataset dataset;
    struct window_batch batch;
    struct failure failure;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    char *text = equal_rows(1, DATASET_ROW_BYTES_MAX);
    open_text(&dataset, text);
    assert_int_equal(composer_write(&dataset, &limits, out, &bytes, &batch, &failure), DATASET_ROW);
    assert_int_equal(bytes, COMPOSER_BYTES_MAX);
    dataset_close(&dataset);
    free(text);
}

static void a_composed_batch_is_one_whole_message(void **state)
{
    (void)state;
    struct dataset dataset;
    struct window_batch batch;
    struct message message;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    size_t scanned = 0;
    open_text(&dataset, "Ana,Sosa,20000000,1990-01-01,1\nLuis,Vega,20000001,1990-01-02,2\n");
    assert_int_equal(compose(&dataset, 150, out, &bytes, &batch), DATASET_ROW);
    assert_int_equal(message_parse(out, bytes, false, &scanned, &message), MESSAGE_WHOLE);
    assert_int_equal(message.type, MESSAGE_BET);
    assert_int_equal(message.sender, 3);
    assert_int_equal(message.bytes, bytes);
    dataset_close(&dataset);
}

static void a_row_that_cannot_travel_fails_the_batch_and_names_its_line(void **state)
{
    (void)state;
    struct dataset dataset;
    struct window_batch batch;
    char out[COMPOSER_BYTES_MAX];
    size_t bytes = 0;
    open_text(&dataset, "a\nb\rb\n");
    assert_int_equal(compose(&dataset, 150, out, &bytes, &batch), DATASET_BAD_ROW);
    assert_int_equal(dataset_line(&dataset), 2);
    dataset_close(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_travel_with_a_header_and_lf_ends),
        cmocka_unit_test(a_batch_holds_no_more_rows_than_asked_for),
        cmocka_unit_test(a_message_never_exceeds_eight_kilobytes_and_no_row_is_lost),
        cmocka_unit_test(the_longest_row_of_the_longest_agency_number_fits),
        cmocka_unit_test(a_composed_batch_is_one_whole_message),
        cmocka_unit_test(a_row_that_cannot_travel_fails_the_batch_and_names_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
