/*
 * test_winners.c - each agency reads its own rows of winners.csv, as they stand on the
 * wire; and nobody is given a row that the draw did not give.
 */
#include "store/winners.h"

#include "lib/checksum.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES = 4096, NO_LIMIT = 1 << 30, MANY_ROWS = 30000, ROW_BYTES_MAX = 64 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct winners_seal seal; /* of the file as the draw gave it */
};

/* What was given, one row behind the other; it is enough after `limit` rows. */
struct told {
    char text[TEXT_BYTES];
    size_t used;
    int rows, limit;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.seal = (struct winners_seal){0};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

static bool note_row(void *context, const char *row, size_t bytes)
{
    struct told *told = context;
    assert_true(told->used + bytes < sizeof told->text);
    memcpy(told->text + told->used, row, bytes);
    told->used += bytes;
    told->text[told->used] = '\0';
    return ++told->rows < told->limit;
}

/* As the draw gave them. */
static void write_bytes(struct fixture *fixture, const char *rows, size_t count)
{
    scratch_write(&fixture->scratch, DATA_WINNERS_FILE, rows, count);
    fixture->seal = (struct winners_seal){.bytes = count,
                                          .checksum = checksum_extend(CHECKSUM_EMPTY, rows, count)};
}

static void write_winners(struct fixture *fixture, const char *rows)
{
    write_bytes(fixture, rows, strlen(rows));
}

static void expect_winners(struct fixture *fixture, uint32_t agency, int limit, const char *rows)
{
    struct failure failure = {.text = ""};
    struct told told = {.limit = limit};
    if (winners_read(&fixture->directory, &fixture->seal, agency, note_row, &told, &failure) !=
        WINNERS_GIVEN) {
        fail_msg("%s", failure.text);
    }
    assert_string_equal(told.text, rows);
}

static void an_agency_is_given_its_own_rows_and_no_others(void **state)
{
    struct fixture *fixture = *state;
    write_winners(fixture, "1,a,b,1,2000-01-01,7574\r\n11,c,d,2,2000-01-02,7574\r\n"
                           "11,e,f,3,2000-01-03,07574\r\n111,g,h,4,2000-01-04,7574\r\n"
                           "4294967295,i,j,5,2000-01-05,7574\r\n0,k,l,6,2000-01-06,7574\r\n");
    expect_winners(fixture, 1, NO_LIMIT, "1,a,b,1,2000-01-01,7574\n");
    expect_winners(fixture, 11, NO_LIMIT, "11,c,d,2,2000-01-02,7574\n11,e,f,3,2000-01-03,07574\n");
    expect_winners(fixture, 111, NO_LIMIT, "111,g,h,4,2000-01-04,7574\n");
    expect_winners(fixture, UINT32_MAX, NO_LIMIT, "4294967295,i,j,5,2000-01-05,7574\n");
    expect_winners(fixture, 0, NO_LIMIT, "0,k,l,6,2000-01-06,7574\n");
    expect_winners(fixture, 2, NO_LIMIT, "");
    expect_winners(fixture, 429496729, NO_LIMIT, "");
}

static void names_lose_their_quoting(void **state)
{
    struct fixture *fixture = *state;
    write_winners(fixture, "7,\"a \"\"b\"\"\",Peñé,1,2000-01-01,7574\r\n"
                           "7,\"\"\"\",\"\"\"\"\"\",1,2000-01-01,7574\r\n");
    expect_winners(fixture, 7, NO_LIMIT,
                   "7,a \"b\",Peñé,1,2000-01-01,7574\n7,\",\"\",1,2000-01-01,7574\n");
}

static void whoever_has_enough_is_given_no_more(void **state)
{
    struct fixture *fixture = *state;
    write_winners(fixture, "7,a,b,1,2000-01-01,1\r\n7,a,b,1,2000-01-01,2\r\n"
                           "8,a,b,1,2000-01-01,3\r\n7,a,b,1,2000-01-01,4\r\n");
    expect_winners(fixture, 7, 1, "7,a,b,1,2000-01-01,1\n");
    expect_winners(fixture, 7, 2, "7,a,b,1,2000-01-01,1\n7,a,b,1,2000-01-01,2\n");
    expect_winners(fixture, 7, NO_LIMIT,
                   "7,a,b,1,2000-01-01,1\n7,a,b,1,2000-01-01,2\n7,a,b,1,2000-01-01,4\n");
}

static void a_lottery_that_nobody_has_won_has_no_winners(void **state)
{
    struct fixture *fixture = *state;
    write_winners(fixture, "");
    expect_winners(fixture, 1, NO_LIMIT, "");
    expect_winners(fixture, 0, NO_LIMIT, "");
}

struct count {
    uint32_t rows;
    uint32_t document;
};

/* The documents are numbered: every third one is this agency's. */
static bool expect_next_document(void *context, const char *row, size_t bytes)
{
    struct count *count = context;
    char expected[ROW_BYTES_MAX];
    int used = snprintf(expected, sizeof expected, "42,a,b,%u,2000-01-01,7574\n", count->document);
    assert_int_equal(bytes, used);
    assert_memory_equal(row, expected, bytes);
    count->document += 3;
    count->rows++;
    return true;
}

/* More than the reader's buffer holds, several times. */
static void a_long_file_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct count count = {.document = 1};
    char *rows = malloc((size_t)MANY_ROWS * ROW_BYTES_MAX);
    assert_non_null(rows);
    size_t used = 0;
    for (uint32_t i = 0; i < MANY_ROWS; i++) {
        used += (size_t)snprintf(rows + used, ROW_BYTES_MAX, "%u,a,b,%u,2000-01-01,7574\r\n",
                                 i % 3 + 41, i);
    }
    write_bytes(fixture, rows, used);
    free(rows);
    assert_int_equal(winners_read(&fixture->directory, &fixture->seal, 42, expect_next_document,
                                  &count, &failure),
                     WINNERS_GIVEN);
    assert_int_equal(count.rows, MANY_ROWS / 3);
}

static void what_is_no_bet_is_never_given(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *row;
        size_t bytes;
    } damaged[] = {
        {"7,a\0b,c,1,2000-01-01,7574\r\n", 27},
        {"7\0a,c,1,2000-01-01,7574\r\n", 24},
        {"7,a,b,1,2000-01-01,7574\n", 24},
        {"7,a,b,1,2000-13-01,7574\r\n", 25},
        {"\n", 1},
        {"\r\n", 2},
        {" 7,a,b,1,2000-01-01,7574\r\n", 26},
    };
    static const char good[] = "7,a,b,1,2000-01-01,7574\r\n";
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        char rows[TEXT_BYTES];
        struct failure failure = {.text = ""};
        struct told told = {.limit = NO_LIMIT};
        size_t used = sizeof good - 1;
        memcpy(rows, good, used);
        memcpy(rows + used, damaged[i].row, damaged[i].bytes);
        used += damaged[i].bytes;
        memcpy(rows + used, good, sizeof good - 1);
        write_bytes(fixture, rows, used + sizeof good - 1); /* sealed, whoever did that */
        assert_int_equal(
            winners_read(&fixture->directory, &fixture->seal, 7, note_row, &told, &failure),
            WINNERS_CHANGED);
        assert_int_equal(told.rows, 1);
        assert_non_null(strstr(failure.text, "at byte 25 is no bet"));
    }
}

static void a_file_that_ends_in_half_a_row_is_not_taken_for_whole(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct told told = {.limit = NO_LIMIT};
    write_winners(fixture, "7,a,b,1,2000-01-01,7574\r\n7,c,d,2,2000-01-01,75");
    assert_int_equal(
        winners_read(&fixture->directory, &fixture->seal, 7, note_row, &told, &failure),
        WINNERS_CHANGED);
    assert_non_null(strstr(failure.text, "at byte 25 is no bet"));
}

/* ---------------------------------------------------------------- forgery ---- */

/* Whoever asks is given no row, and told that there is none to be had. */
static void expect_nothing_given(struct fixture *fixture, const char *rows, size_t count)
{
    scratch_write(&fixture->scratch, DATA_WINNERS_FILE, rows, count);
    for (uint32_t agency = 6; agency <= 8; agency++) {
        struct failure failure = {.text = ""};
        struct told told = {.limit = NO_LIMIT};
        if (winners_read(&fixture->directory, &fixture->seal, agency, note_row, &told, &failure) !=
                WINNERS_CHANGED ||
            told.rows != 0) {
            fail_msg("%d rows were given of '%.*s'", told.rows, (int)count, rows);
        }
        assert_non_null(strstr(failure.text, DATA_WINNERS_FILE " was changed"));
        assert_non_null(strstr(failure.text, fixture->scratch.path));
    }
}

#define SEALED "6,a,b,1,2000-01-01,7574\r\n7,c,d,2,2000-01-02,7574\r\n8,e,f,3,2000-01-03,7574\r\n"

static void no_row_is_given_of_a_file_with_any_other_byte(void **state)
{
    struct fixture *fixture = *state;
    char rows[] = SEALED;
    static const char flips[] = {1, 4, 0x20, (char)0x80, (char)0xff};
    write_winners(fixture, SEALED);
    for (size_t at = 0; at < sizeof rows - 1; at++) {
        for (size_t i = 0; i < sizeof flips; i++) {
            rows[at] = (char)(rows[at] ^ flips[i]);
            expect_nothing_given(fixture, rows, sizeof rows - 1);
            rows[at] = (char)(rows[at] ^ flips[i]);
        }
    }
    write_winners(fixture, SEALED);
    expect_winners(fixture, 7, NO_LIMIT, "7,c,d,2,2000-01-02,7574\n");
}

static void no_row_is_given_of_a_file_of_another_length(void **state)
{
    struct fixture *fixture = *state;
    write_winners(fixture, SEALED);
    for (size_t count = 0; count < sizeof SEALED - 1; count++) {
        expect_nothing_given(fixture, SEALED, count);
    }
    expect_nothing_given(fixture, SEALED "7", sizeof SEALED);
    expect_nothing_given(fixture, SEALED SEALED, 2 * (sizeof SEALED - 1));
    write_winners(fixture, ""); /* nobody has won */
    expect_nothing_given(fixture, SEALED, sizeof SEALED - 1);
}

static void a_forged_row_is_never_given(void **state)
{
    struct fixture *fixture = *state;
    static const char *const forged[] = {
        /* more of them, fewer of them, in other places, another's, another agency's */
        (SEALED "7,forged,b,1,2000-01-01,7574\r\n"),
        ("7,forged,b,1,2000-01-01,7574\r\n" SEALED),
        "6,a,b,1,2000-01-01,7574\r\n8,e,f,3,2000-01-03,7574\r\n",
        "7,c,d,2,2000-01-02,7574\r\n6,a,b,1,2000-01-01,7574\r\n8,e,f,3,2000-01-03,7574\r\n",
        "6,a,b,1,2000-01-01,7574\r\n7,x,d,2,2000-01-02,7574\r\n8,e,f,3,2000-01-03,7574\r\n",
        "7,a,b,1,2000-01-01,7574\r\n7,c,d,2,2000-01-02,7574\r\n8,e,f,3,2000-01-03,7574\r\n",
    };
    write_winners(fixture, SEALED);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        expect_nothing_given(fixture, forged[i], strlen(forged[i]));
    }
}

/* Far behind the first piece that is read: the first ones are not given either. */
static void no_row_is_given_of_a_long_file_that_was_changed_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    char *rows = malloc((size_t)MANY_ROWS * ROW_BYTES_MAX);
    assert_non_null(rows);
    size_t used = 0;
    for (uint32_t i = 0; i < MANY_ROWS; i++) {
        used += (size_t)snprintf(rows + used, ROW_BYTES_MAX, "7,a,b,%u,2000-01-01,7574\r\n", i);
    }
    write_bytes(fixture, rows, used);
    rows[used - 9] ^= 1; /* of the date */
    expect_nothing_given(fixture, rows, used);
    free(rows);
}

static void a_link_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct told told = {.limit = NO_LIMIT};
    int directory = fixture->scratch.descriptor;
    write_winners(fixture, SEALED);
    assert_int_equal(renameat(directory, DATA_WINNERS_FILE, directory, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", directory, DATA_WINNERS_FILE), 0);
    assert_int_equal(
        winners_read(&fixture->directory, &fixture->seal, 7, note_row, &told, &failure),
        WINNERS_UNREAD);
    assert_int_equal(told.rows, 0);
}

/* ---------------------------------------------------------------- failures ---- */

static void a_file_that_is_not_there_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct told told = {.limit = NO_LIMIT};
    assert_int_equal(
        winners_read(&fixture->directory, &fixture->seal, 1, note_row, &told, &failure),
        WINNERS_UNREAD);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_non_null(strstr(failure.text, DATA_WINNERS_FILE ": No such file or directory"));
    assert_int_equal(told.rows, 0);
}

static void a_file_that_cannot_be_read_is_a_failure_and_no_empty_list(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct told told = {.limit = NO_LIMIT};
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_WINNERS_FILE, 0755), 0);
    fixture->seal.bytes = 1;
    assert_int_equal(
        winners_read(&fixture->directory, &fixture->seal, 1, note_row, &told, &failure),
        WINNERS_UNREAD);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_non_null(strstr(failure.text, "is a directory"));
}

#define WINNERS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WINNERS_TEST(an_agency_is_given_its_own_rows_and_no_others),
        WINNERS_TEST(names_lose_their_quoting),
        WINNERS_TEST(whoever_has_enough_is_given_no_more),
        WINNERS_TEST(a_lottery_that_nobody_has_won_has_no_winners),
        WINNERS_TEST(a_long_file_is_read_to_its_end),
        WINNERS_TEST(what_is_no_bet_is_never_given),
        WINNERS_TEST(a_file_that_ends_in_half_a_row_is_not_taken_for_whole),
        WINNERS_TEST(no_row_is_given_of_a_file_with_any_other_byte),
        WINNERS_TEST(no_row_is_given_of_a_file_of_another_length),
        WINNERS_TEST(a_forged_row_is_never_given),
        WINNERS_TEST(no_row_is_given_of_a_long_file_that_was_changed_at_its_end),
        WINNERS_TEST(a_link_is_not_followed),
        WINNERS_TEST(a_file_that_is_not_there_is_a_failure),
        WINNERS_TEST(a_file_that_cannot_be_read_is_a_failure_and_no_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
