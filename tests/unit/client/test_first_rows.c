/*
 * test_first_rows.c - a file's checksum is that of the rows that the server would store.
 */
#include "client/first_rows.h"

#include "lib/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ROWS = 20000, ROW_BYTES = 96 };

static void open_text(struct dataset *dataset, const char *text)
{
    struct failure failure;
    assert_true(dataset_open_text(dataset, "test", text, strlen(text), &failure));
}

static enum first_rows_end advance(struct first_rows *first, uint64_t rows)
{
    struct failure failure;
    return first_rows_advance(first, rows, &failure);
}

/* The first `rows` rows of the file, as agency 3's, are these rows of bets.csv. */
static void expect_csv(const char *file, uint64_t rows, const char *csv)
{
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    open_text(&dataset, file);
    assert_true(first_rows_open(&first, &dataset, 3, &failure));
    assert_int_equal(advance(&first, rows), FIRST_ROWS_TAKEN);
    assert_int_equal(first.at.rows, rows);
    assert_int_equal(first.at.checksum, checksum_extend(CHECKSUM_EMPTY, csv, strlen(csv)));
    first_rows_close(&first);
    dataset_close(&dataset);
}

static void it_is_of_the_rows_as_they_stand_in_bets_csv(void **state)
{
    (void)state;
    static const char ana[] = "3,Ana,Núñez,20000000,1990-01-01,7\r\n";
    static const char both[] = "3,Ana,Núñez,20000000,1990-01-01,7\r\n"
                               "3,\"Lu \"\"Lu\"\"\",Vega,20000001,1991-01-01,007\r\n";
    expect_csv("", 0, "");
    expect_csv("Ana,Núñez,20000000,1990-01-01,7", 1, ana);
    expect_csv("\xEF\xBB\xBF"
               "Ana,Núñez,20000000,1990-01-01,7\r\n\r\n",
               1, ana);
    expect_csv("Ana,Núñez,20000000,1990-01-01,7\nLu \"Lu\",Vega,20000001,1991-01-01,007\n", 2,
               both);
    expect_csv("Ana,Núñez,20000000,1990-01-01,7\nLu \"Lu\",Vega,20000001,1991-01-01,007\n", 1, ana);
}

/* In Python: int.from_bytes(b"1,Ana,Sosa,30904465,1999-03-17,7574\r\n", "big") % (2**64 - 59) */
static void anybody_can_compute_it(void **state)
{
    (void)state;
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    open_text(&dataset, "Ana,Sosa,30904465,1999-03-17,7574\n");
    assert_true(first_rows_open(&first, &dataset, 1, &failure));
    assert_int_equal(advance(&first, 1), FIRST_ROWS_TAKEN);
    assert_int_equal(first.at.checksum, UINT64_C(0x2853c185b96a5aff));
    first_rows_close(&first);
    dataset_close(&dataset);
}

/* ROWS rows, which the caller frees. */
static char *many_rows(void)
{
    char *text = malloc((size_t)ROWS * ROW_BYTES);
    assert_non_null(text);
    size_t used = 0;
    for (int i = 0; i < ROWS; i++) {
        used += (size_t)snprintf(text + used, ROW_BYTES, "Ana,Núñez %d,%d,1990-01-01,%d%s\n", i,
                                 20000000 + i, i, i % 3 == 0 ? "\r" : "");
    }
    return text;
}

static void it_does_not_depend_on_the_steps(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 7, 1000, 4096, 19999};
    char *text = many_rows();
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    open_text(&dataset, text);
    assert_true(first_rows_open(&first, &dataset, 2, &failure));
    assert_int_equal(advance(&first, ROWS), FIRST_ROWS_TAKEN);
    uint64_t checksum = first.at.checksum;
    first_rows_close(&first);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_true(first_rows_open(&first, &dataset, 2, &failure));
        while (advance(&first, steps[i]) == FIRST_ROWS_TAKEN) {
            /* to the end */
        }
        assert_int_equal(first.at.rows, ROWS);
        assert_int_equal(first.at.checksum, checksum);
        assert_int_equal(first.at.end.line, ROWS + 1);
        assert_int_equal(first.at.end.offset, dataset.bytes);
        first_rows_close(&first);
    }
    dataset_close(&dataset);
    free(text);
}

static void a_noted_place_can_be_gone_back_to(void **state)
{
    (void)state;
    char *text = many_rows();
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    open_text(&dataset, text);
    assert_true(first_rows_open(&first, &dataset, 2, &failure));
    assert_int_equal(advance(&first, 5000), FIRST_ROWS_TAKEN);
    struct first_rows_mark mark = first.at;
    assert_int_equal(advance(&first, 7000), FIRST_ROWS_TAKEN);
    struct first_rows_mark later = first.at;
    first_rows_seek(&first, &mark);
    assert_int_equal(advance(&first, 7000), FIRST_ROWS_TAKEN);
    assert_memory_equal(&first.at, &later, sizeof later);
    first_rows_close(&first);
    dataset_close(&dataset);
    free(text);
}

static void a_file_that_ends_says_how_many_rows_there_were(void **state)
{
    (void)state;
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    open_text(&dataset, "Ana,Sosa,1,1999-03-17,7\nAna,Sosa,2,1999-03-17,7\n\n\n");
    assert_true(first_rows_open(&first, &dataset, 1, &failure));
    assert_int_equal(advance(&first, 3), FIRST_ROWS_ENDED);
    assert_int_equal(first.at.rows, 2);
    first_rows_close(&first);
    dataset_close(&dataset);
}

/* The third line is no bet; the two before it are taken all the same. */
static void expect_bad_third(const char *third, const char *reason)
{
    static const char good[] = "Ana,Sosa,1,1999-03-17,7\nAna,Sosa,2,1999-03-17,7\n";
    static const char csv[] = "1,Ana,Sosa,1,1999-03-17,7\r\n1,Ana,Sosa,2,1999-03-17,7\r\n";
    char text[ROW_BYTES * 3];
    struct dataset dataset;
    struct first_rows first;
    struct failure failure;
    (void)snprintf(text, sizeof text, "%s%s\nAna,Sosa,4,1999-03-17,7\n", good, third);
    open_text(&dataset, text);
    assert_true(first_rows_open(&first, &dataset, 1, &failure));
    assert_int_equal(first_rows_advance(&first, 4, &failure), FIRST_ROWS_BAD_ROW);
    assert_non_null(strstr(failure.text, reason));
    assert_int_equal(first.at.rows, 2);
    assert_int_equal(first.at.end.line, 3);
    assert_int_equal(first.at.checksum, checksum_extend(CHECKSUM_EMPTY, csv, strlen(csv)));
    first_rows_close(&first);
    dataset_close(&dataset);
}

static void a_row_that_is_no_bet_ends_it(void **state)
{
    (void)state;
    expect_bad_third("Ana,Sosa,3,1999-02-30,7", "birthdate");
    expect_bad_third("Ana,Sosa,3,1999-03-17", "not five fields");
    expect_bad_third("Ana,\rSosa,3,1999-03-17,7", "carriage return");
    expect_bad_third("", "the line is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_of_the_rows_as_they_stand_in_bets_csv),
        cmocka_unit_test(anybody_can_compute_it),
        cmocka_unit_test(it_does_not_depend_on_the_steps),
        cmocka_unit_test(a_noted_place_can_be_gone_back_to),
        cmocka_unit_test(a_file_that_ends_says_how_many_rows_there_were),
        cmocka_unit_test(a_row_that_is_no_bet_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
