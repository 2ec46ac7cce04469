/*
 * test_prefix.c - the checksum of an agency's first rows, against a reckoning one row at a time.
 */
#include "store/prefix.h"

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

enum {
    ROWS = 20000, /* more than the reader's buffer holds, twice */
    ROW_BYTES_MAX = 80,
    AGENCIES = 4,
    LOOKS = 400
};

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    char *bets; /* owned; of bets.csv */
    size_t bytes;
};

static int looks_before_stop = -1; /* -1: nobody stops it */

static bool should_stop(void)
{
    looks_before_stop -= looks_before_stop > 0 ? 1 : 0;
    return looks_before_stop == 0;
}

static void write_bets(const struct fixture *fixture)
{
    scratch_write(&fixture->scratch, DATA_BETS_FILE, fixture->bets, fixture->bytes);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    unsigned seed = 5;
    *state = &fixture;
    looks_before_stop = -1;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    fixture.bets = calloc(ROWS, ROW_BYTES_MAX);
    assert_non_null(fixture.bets);
    fixture.bytes = 0;
    for (unsigned i = 0, agency = 1; i < ROWS; i++) {
        agency = rand_r(&seed) % 3 == 0 ? 1 + (unsigned)rand_r(&seed) % AGENCIES : agency;
        fixture.bytes += (size_t)snprintf(fixture.bets + fixture.bytes, ROW_BYTES_MAX,
                                          "%u,Ana %u,\"\"\"Peña\"\"\",%u,1999-03-17,%u\r\n", agency,
                                          i, (unsigned)rand_r(&seed), i % 10000);
    }
    write_bets(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->bets);
    scratch_close(&fixture->scratch);
    return 0;
}

/* Each of them has one digit; a sanitizer would let strtoul look at the whole rest. */
static uint32_t agency_of(const char *row)
{
    return row[1] == ',' ? (uint32_t)(row[0] - '0') : 0;
}

/* Returns how many of the rows there are below `durable`, at most `rows`, and their checksum. */
static uint64_t reckon(const struct fixture *fixture, uint64_t durable, uint32_t agency,
                       uint64_t rows, uint64_t *checksum)
{
    uint64_t found = 0;
    *checksum = CHECKSUM_EMPTY;
    for (size_t at = 0; at < durable && found < rows;) {
        const char *row = fixture->bets + at;
        const char *line_feed = memchr(row, '\n', fixture->bytes - at);
        size_t bytes = (size_t)(line_feed + 1 - row);
        if (agency_of(row) == agency) {
            *checksum = checksum_extend(*checksum, row, bytes);
            found++;
        }
        at += bytes;
    }
    return found;
}

static bool ask(const struct fixture *fixture, uint64_t durable, uint32_t agency, uint64_t rows,
                uint64_t *checksum, struct failure *failure)
{
    *failure = (struct failure){.text = ""};
    *checksum = 99;
    return prefix_checksum(&fixture->directory, durable, agency, rows, should_stop, checksum,
                           failure);
}

static void expect_prefix(const struct fixture *fixture, uint64_t durable, uint32_t agency,
                          uint64_t rows)
{
    uint64_t expected = 0;
    uint64_t checksum = 0;
    struct failure failure;
    uint64_t found = reckon(fixture, durable, agency, rows, &expected);
    bool answered = ask(fixture, durable, agency, rows, &checksum, &failure);
    if (answered != (found == rows)) {
        fail_msg("agency %u, %llu rows: answered %d: %s", agency, (unsigned long long)rows,
                 answered, failure.text);
    }
    if (answered) {
        assert_int_equal(checksum, expected);
        return;
    }
    char reason[64];
    (void)snprintf(reason, sizeof reason, "only %llu of %llu rows", (unsigned long long)found,
                   (unsigned long long)rows);
    assert_non_null(strstr(failure.text, reason));
}

static uint64_t rows_of(const struct fixture *fixture, uint32_t agency)
{
    uint64_t checksum = 0;
    return reckon(fixture, fixture->bytes, agency, UINT64_MAX, &checksum);
}

/* Where a row ends, at or before this position. */
static uint64_t row_end(const struct fixture *fixture, uint64_t position)
{
    while (position > 0 && fixture->bets[position - 1] != '\n') {
        position--;
    }
    return position;
}

static void the_first_rows_of_an_agency_have_the_checksum_that_is_reckoned(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 6;
    for (uint32_t agency = 1; agency <= AGENCIES; agency++) {
        uint64_t rows = rows_of(fixture, agency);
        for (uint64_t first = 0; first < 40; first++) {
            expect_prefix(fixture, fixture->bytes, agency, first);
        }
        expect_prefix(fixture, fixture->bytes, agency, rows - 1);
        expect_prefix(fixture, fixture->bytes, agency, rows);
        expect_prefix(fixture, fixture->bytes, agency, rows + 1);
    }
    for (int i = 0; i < LOOKS; i++) {
        uint32_t agency = 1 + (uint32_t)rand_r(&seed) % AGENCIES;
        uint64_t durable =
            row_end(fixture, (uint64_t)rand_r(&seed) % ((uint64_t)fixture->bytes + 1));
        expect_prefix(fixture, durable, agency, (uint64_t)rand_r(&seed) % (ROWS / AGENCIES));
    }
}

static void no_rows_are_there_of_everybody(void **state)
{
    struct fixture *fixture = *state;
    uint64_t checksum = 0;
    struct failure failure;
    assert_true(ask(fixture, fixture->bytes, 77, 0, &checksum, &failure));
    assert_int_equal(checksum, CHECKSUM_EMPTY);
    assert_true(ask(fixture, 0, 1, 0, &checksum, &failure));
    assert_int_equal(checksum, CHECKSUM_EMPTY);
}

static void who_has_fewer_rows_is_told_how_many(void **state)
{
    struct fixture *fixture = *state;
    expect_prefix(fixture, fixture->bytes, 77, 1);
    expect_prefix(fixture, fixture->bytes, 1, UINT64_MAX);
    expect_prefix(fixture, 0, 1, 1);
}

/* They stand in the file, and may vanish: nobody has been told of them. */
static void rows_that_are_not_durable_do_not_count(void **state)
{
    struct fixture *fixture = *state;
    const char *end = strchr(fixture->bets, '\n') + 1;
    uint64_t first_row = (uint64_t)(end - fixture->bets);
    uint32_t agency = agency_of(fixture->bets);
    expect_prefix(fixture, first_row, agency, 1);
    expect_prefix(fixture, first_row, agency, 2);
    expect_prefix(fixture, 0, agency, 1);
}

static void what_stands_behind_what_is_durable_is_looked_at_by_nobody(void **state)
{
    struct fixture *fixture = *state;
    uint64_t durable = row_end(fixture, fixture->bytes / 2);
    memset(fixture->bets + durable, '\0', fixture->bytes - durable);
    write_bets(fixture);
    uint64_t checksum = 0;
    for (uint32_t agency = 1; agency <= AGENCIES; agency++) {
        expect_prefix(fixture, durable, agency,
                      reckon(fixture, durable, agency, UINT64_MAX, &checksum));
    }
}

/* A row that is no bet any more may have been anybody's: there is no answer beyond it. */
static void rows_behind_a_damaged_one_are_not_counted(void **state)
{
    struct fixture *fixture = *state;
    uint64_t checksum = 0;
    struct failure failure;
    static const size_t places[] = {3, 100000, 400000, 700000};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint64_t damaged = row_end(fixture, places[i]);
        char kept = fixture->bets[damaged];
        fixture->bets[damaged] = 'x';
        write_bets(fixture);
        for (uint32_t agency = 1; agency <= AGENCIES; agency++) {
            uint64_t before = reckon(fixture, damaged, agency, UINT64_MAX, &checksum);
            expect_prefix(fixture, damaged, agency, before);
            assert_true(ask(fixture, fixture->bytes, agency, before, &checksum, &failure));
            assert_false(ask(fixture, fixture->bytes, agency, before + 1, &checksum, &failure));
            assert_non_null(strstr(failure.text, DATA_BETS_FILE));
            assert_non_null(strstr(failure.text, "is damaged"));
        }
        fixture->bets[damaged] = kept;
    }
}

static void a_file_that_is_too_short_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    uint64_t checksum = 0;
    struct failure failure;
    uint64_t rows = rows_of(fixture, 1);
    scratch_write(&fixture->scratch, DATA_BETS_FILE, fixture->bets, fixture->bytes / 2);
    assert_false(ask(fixture, fixture->bytes, 1, rows, &checksum, &failure));
    assert_non_null(strstr(failure.text, "is damaged"));
    assert_int_equal(unlinkat(fixture->scratch.descriptor, DATA_BETS_FILE, 0), 0);
    assert_false(ask(fixture, fixture->bytes, 1, 1, &checksum, &failure));
    assert_non_null(strstr(failure.text, DATA_BETS_FILE));
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_BETS_FILE, 0755), 0);
    assert_false(ask(fixture, fixture->bytes, 1, 1, &checksum, &failure));
    assert_non_null(strstr(failure.text, "is a directory"));
}

static void it_gives_up_where_the_server_stops(void **state)
{
    struct fixture *fixture = *state;
    uint64_t checksum = 0;
    struct failure failure;
    uint64_t rows = rows_of(fixture, 1);
    looks_before_stop = 1;
    assert_false(ask(fixture, fixture->bytes, 1, rows, &checksum, &failure));
    assert_non_null(strstr(failure.text, "stopping"));
    looks_before_stop = 2;
    assert_false(ask(fixture, fixture->bytes, 1, rows, &checksum, &failure));
    assert_non_null(strstr(failure.text, "stopping"));
}

/* ---------------------------------------------------------------- all of it ---- */

static void expect_count(const struct fixture *fixture, uint64_t bytes, uint32_t agency)
{
    uint64_t rows = 0;
    uint64_t checksum = 0;
    uint64_t reckoned = 0;
    struct failure failure;
    uint64_t expected = rows_of(fixture, agency);
    assert_true(
        prefix_count(&fixture->directory, bytes, agency, should_stop, &rows, &checksum, &failure));
    assert_int_equal(rows, expected);
    assert_true(ask(fixture, fixture->bytes, agency, expected, &reckoned, &failure));
    assert_int_equal(checksum, reckoned);
}

static void all_rows_of_an_agency_are_counted(void **state)
{
    const struct fixture *fixture = *state;
    for (uint32_t agency = 1; agency <= AGENCIES + 1; agency++) {
        expect_count(fixture, fixture->bytes, agency);
        expect_count(fixture, 0, agency);
    }
}

static void expect_no_count(struct fixture *fixture, uint64_t bytes, const char *why)
{
    uint64_t rows = 0;
    uint64_t checksum = 0;
    struct failure failure;
    assert_false(
        prefix_count(&fixture->directory, bytes, 1, should_stop, &rows, &checksum, &failure));
    assert_non_null(strstr(failure.text, why));
}

static void a_file_of_another_length_or_with_a_wrong_row_is_not_counted(void **state)
{
    struct fixture *fixture = *state;
    expect_no_count(fixture, fixture->bytes - 1, "is damaged: it has");
    expect_no_count(fixture, fixture->bytes + 1, "is damaged: it has");
    looks_before_stop = 2;
    expect_no_count(fixture, fixture->bytes, "stopping");
    looks_before_stop = -1;
    fixture->bets[fixture->bytes / 2] = '\n';
    write_bets(fixture);
    expect_no_count(fixture, 0, "is no bet");
}

static void a_draw_without_a_bet_has_no_file(void **state)
{
    struct fixture *fixture = *state;
    uint64_t rows = 1;
    uint64_t checksum = 1;
    struct failure failure;
    assert_int_equal(unlinkat(fixture->directory.descriptor, DATA_BETS_FILE, 0), 0);
    assert_true(prefix_count(&fixture->directory, 0, 1, should_stop, &rows, &checksum, &failure));
    assert_int_equal(rows, 0);
    assert_int_equal(checksum, CHECKSUM_EMPTY);
    expect_no_count(fixture, 1, DATA_BETS_FILE);
}

#define PREFIX_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PREFIX_TEST(the_first_rows_of_an_agency_have_the_checksum_that_is_reckoned),
        PREFIX_TEST(no_rows_are_there_of_everybody),
        PREFIX_TEST(who_has_fewer_rows_is_told_how_many),
        PREFIX_TEST(rows_that_are_not_durable_do_not_count),
        PREFIX_TEST(what_stands_behind_what_is_durable_is_looked_at_by_nobody),
        PREFIX_TEST(rows_behind_a_damaged_one_are_not_counted),
        PREFIX_TEST(a_file_that_is_too_short_is_no_answer),
        PREFIX_TEST(it_gives_up_where_the_server_stops),
        PREFIX_TEST(all_rows_of_an_agency_are_counted),
        PREFIX_TEST(a_file_of_another_length_or_with_a_wrong_row_is_not_counted),
        PREFIX_TEST(a_draw_without_a_bet_has_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
