/*
 * test_bet_csv_scan.c - bet_csv_scan goes through rows in blocks of 64 bytes
 * and must find what bet_csv_parse finds row by row, wherever the blocks end.
 */
#include "bet/bet.h"

#include "bet/row_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum {
    RUNS_MAX = 128,
    ROWS_MAX = 40,
    NAME_BYTES_MAX = 90,
    WIRE_ROW_BYTES_MAX = 4 * NAME_BYTES_MAX,
    BUFFER_BYTES_MAX = 2 * ROWS_MAX * WIRE_ROW_BYTES_MAX,
    RANDOM_BUFFERS = 3000,
    MUTATIONS_MAX = 3,
    BYTE_VALUES = 256,
};

/* The runs that were told, and how many rows and bytes they are. */
struct runs {
    size_t count;
    struct run {
        uint32_t agency;
        uint64_t rows, bytes;
    } list[RUNS_MAX];
};

static void note_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct runs *runs = context;
    assert_true(runs->count < RUNS_MAX);
    runs->list[runs->count++] = (struct run){.agency = agency, .rows = rows, .bytes = bytes};
}

/* Row by row: what the scan has to find. */
static size_t scan_slowly(const char *rows, size_t bytes, struct runs *runs)
{
    size_t at = 0;
    while (at < bytes) {
        const char *line_feed = memchr(rows + at, '\n', bytes - at);
        uint32_t agency = 0;
        if (line_feed == NULL || line_feed == rows + at || line_feed[-1] != '\r' ||
            bet_csv_parse(rows + at, (size_t)(line_feed - 1 - rows) - at, &agency) != BET_VALID) {
            break;
        }
        size_t row_bytes = (size_t)(line_feed + 1 - rows) - at;
        if (runs->count == 0 || runs->list[runs->count - 1].agency != agency) {
            note_run(runs, agency, 0, 0);
        }
        runs->list[runs->count - 1].rows++;
        runs->list[runs->count - 1].bytes += row_bytes;
        at += row_bytes;
    }
    return at;
}

static size_t expect_as_row_by_row(const char *rows, size_t bytes)
{
    static struct runs expected;
    static struct runs got;
    expected.count = 0;
    got.count = 0;
    char *copy = malloc(bytes > 0 ? bytes : 1); /* of exactly this size, for AddressSanitizer */
    assert_non_null(copy);
    memcpy(copy, rows, bytes);
    size_t expected_bytes = scan_slowly(copy, bytes, &expected);
    size_t good = bet_csv_scan(copy, bytes, note_run, &got);
    free(copy);
    bool same = good == expected_bytes && got.count == expected.count;
    for (size_t i = 0; same && i < got.count; i++) {
        same = got.list[i].agency == expected.list[i].agency &&
               got.list[i].rows == expected.list[i].rows &&
               got.list[i].bytes == expected.list[i].bytes;
    }
    if (!same) {
        fail_msg("%zu bytes in %zu runs instead of %zu in %zu: %.*s", good, got.count,
                 expected_bytes, expected.count, (int)bytes, rows);
    }
    return good;
}

/* ---------------------------------------------------------------- runs ---- */

static void expect_runs(const char *rows, size_t good, const struct run *runs, size_t count)
{
    struct runs got = {.count = 0};
    assert_int_equal(bet_csv_scan(rows, strlen(rows), note_run, &got), good);
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got.list[i].agency, runs[i].agency);
        assert_int_equal(got.list[i].rows, runs[i].rows);
        assert_int_equal(got.list[i].bytes, runs[i].bytes);
    }
}

#define REST       ",Santiago,Lorca,30904465,1999-03-17,2201\r\n"
#define REST_BYTES (sizeof REST - 1)

static void rows_of_one_agency_that_stand_together_are_one_run(void **state)
{
    (void)state;
    static const struct run runs[] = {
        {1, 2, 2 * (1 + REST_BYTES)}, {2, 1, 1 + REST_BYTES}, {1, 3, 3 * (1 + REST_BYTES)}};
    static const char rows[] = "1" REST "1" REST "2" REST "1" REST "1" REST "1" REST;
    expect_runs(rows, sizeof rows - 1, runs, 3);
}

static void agencies_that_begin_alike_are_not_one_run(void **state)
{
    (void)state;
    static const struct run runs[] = {
        {1, 1, 1 + REST_BYTES},        {11, 2, 4 + 2 * REST_BYTES},
        {1, 1, 1 + REST_BYTES},        {12, 1, 2 + REST_BYTES},
        {0, 1, 1 + REST_BYTES},        {UINT32_MAX, 1, 10 + REST_BYTES},
        {429496729, 1, 9 + REST_BYTES}};
    static const char rows[] =
        "1" REST "11" REST "11" REST "1" REST "12" REST "0" REST "4294967295" REST "429496729" REST;
    expect_runs(rows, sizeof rows - 1, runs, 7);
}

static void a_run_goes_on_over_a_row_that_needs_the_long_way(void **state)
{
    (void)state;
    static const char rows[] = "7" REST "7,\"\"\"a\",b,123456789012,2000-02-29,004294967295\r\n"
                               "7,日本,é,1,2000-02-29,1\r\n"
                               "7" REST;
    const struct run runs[] = {{7, 4, sizeof rows - 1}};
    expect_runs(rows, sizeof rows - 1, runs, 1);
}

static void nothing_is_found_in_nothing(void **state)
{
    (void)state;
    expect_runs("", 0, NULL, 0);
    expect_runs("\r\n", 0, NULL, 0);
    expect_runs("\n", 0, NULL, 0);
    expect_runs(&("1" REST)[2], 0, NULL, 0); /* the row's first field is a name */
}

static void a_row_that_is_refused_ends_the_scan_before_it(void **state)
{
    (void)state;
    const struct run runs[] = {{1, 2, 2 * (1 + REST_BYTES)}};
    static const char *const refused[] = {
        "01" REST,
        "x" REST,
        "4294967296" REST,
        "\r\n",
        "1,a,b,1,2000-02-30,7\r\n",
        "1,a,b,1,2000-01-01,7\n",
        "1,a,b,1,2000-01-01,7\r\r\n",
        "1,a,b,1,2000-01-01,7",
        "1,a\r",
        "1,\"a\",b,1,2000-01-01,7\r\n",
        "1,a\x7f,b,1,2000-01-01,7\r\n",
        "1,a\xc3,b,1,2000-01-01,7\r\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char rows[512];
        (void)snprintf(rows, sizeof rows, "%s%s%s%s", "1" REST, "1" REST, refused[i], "1" REST);
        expect_runs(rows, 2 * (1 + REST_BYTES), runs, 1);
    }
}

/* ------------------------------------------------------------- borders ---- */

/* Bytes that mean something to the scan or to text. */
static const char special[] = "\r\n,\"\xc3\xa9\x80\x7f\x1f 0-\xff";

/* Three rows, the first one's name so long that everything behind it moves by a byte each time. */
static size_t three_rows(char *rows, size_t capacity, int name_bytes)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";
    return (size_t)snprintf(rows, capacity,
                            "1,%.*s"
                            "é,b,1,2000-01-01,7\r\n1,c,dé,22,2001-12-31,"
                            "7574\r\n2,e,f,3,1999-10-10,1\r\n",
                            name_bytes, name);
}

static void rows_may_end_anywhere_in_a_block(void **state)
{
    (void)state;
    for (int name_bytes = 0; name_bytes <= ROW_SCAN_BLOCK_BYTES; name_bytes++) {
        char rows[256];
        size_t bytes = three_rows(rows, sizeof rows, name_bytes);
        assert_int_equal(expect_as_row_by_row(rows, bytes), bytes);
        for (size_t cut = 0; cut < bytes; cut++) {
            (void)expect_as_row_by_row(rows, cut);
        }
    }
}

static void a_wrong_byte_is_seen_at_every_place_of_a_block(void **state)
{
    (void)state;
    for (int name_bytes = 0; name_bytes <= ROW_SCAN_BLOCK_BYTES; name_bytes += 3) {
        char rows[256];
        size_t bytes = three_rows(rows, sizeof rows, name_bytes);
        for (size_t at = 0; at < bytes; at++) {
            char before = rows[at];
            for (size_t i = 0; i < sizeof special; i++) { /* the NUL behind them too */
                rows[at] = special[i];
                (void)expect_as_row_by_row(rows, bytes);
            }
            rows[at] = before;
        }
    }
}

static void pairs_of_bytes_are_judged_at_the_border_of_two_blocks(void **state)
{
    (void)state;
    for (size_t at = ROW_SCAN_BLOCK_BYTES - 2; at <= ROW_SCAN_BLOCK_BYTES + 1; at++) {
        char rows[256];
        size_t bytes = three_rows(rows, sizeof rows, ROW_SCAN_BLOCK_BYTES); /* in the first name */
        for (int first = 0; first < BYTE_VALUES; first++) {
            for (size_t i = 0; i < sizeof special; i++) {
                rows[at] = (char)first;
                rows[at + 1] = special[i];
                (void)expect_as_row_by_row(rows, bytes);
            }
        }
    }
}

/* -------------------------------------------------------------- random ---- */

static unsigned below(unsigned *seed, unsigned limit)
{
    return (unsigned)rand_r(seed) % limit;
}

static size_t put_name(char *out, unsigned *seed)
{
    static const char *const letters[] = {"a", "Z", "é", "ñ", "\"", " ", "日", "'", "0", "ü"};
    size_t used = 0;
    unsigned plain = below(seed, 3);
    for (unsigned left = 1 + below(seed, below(seed, 4) == 0 ? NAME_BYTES_MAX / 3 : 12); left > 0;
         left--) {
        const char *letter = letters[plain != 0 ? below(seed, 2) : below(seed, 10)];
        used += (size_t)sprintf(out + used, "%s", letter);
    }
    return used;
}

static size_t put_wire_row(char *out, unsigned *seed)
{
    size_t used = put_name(out, seed);
    out[used++] = ',';
    used += put_name(out + used, seed);
    unsigned document = (unsigned)rand_r(seed) >> below(seed, 31);
    int years = below(seed, 8) == 0 ? 1900 : 2000; /* with its 29 February, and without */
    used += (size_t)sprintf(out + used, ",%u%s,%04d-%02u-%02u,%u\n", document,
                            below(seed, 9) == 0 ? "00000" : "", years + 4 * (int)below(seed, 2),
                            1 + below(seed, 12), 1 + below(seed, 28),
                            (unsigned)rand_r(seed) >> below(seed, 31));
    return used;
}

/* Valid rows, in runs of random agencies. */
static size_t make_rows(char *rows, unsigned *seed)
{
    static const uint32_t agencies[] = {0, 1, 11, 12, 5, 4294967295, 42949};
    char wire[WIRE_ROW_BYTES_MAX];
    size_t used = 0;
    size_t chosen = 0;
    for (unsigned left = below(seed, ROWS_MAX); left > 0; left--) {
        if (below(seed, 3) == 0) {
            chosen = below(seed, 7);
        }
        struct bet_conversion done =
            bet_rows_to_csv(agencies[chosen], wire, put_wire_row(wire, seed), rows + used);
        assert_int_equal(done.fault, BET_VALID);
        used += done.csv_bytes;
    }
    return used;
}

static void random_rows_are_all_found(void **state)
{
    (void)state;
    static char rows[BUFFER_BYTES_MAX];
    unsigned seed = 7574;
    for (int i = 0; i < RANDOM_BUFFERS; i++) {
        size_t bytes = make_rows(rows, &seed);
        assert_int_equal(expect_as_row_by_row(rows, bytes), bytes);
    }
}

static size_t mutate(char *rows, size_t bytes, unsigned *seed)
{
    size_t at = below(seed, (unsigned)bytes);
    switch (below(seed, 4)) {
    case 0:
        rows[at] = special[below(seed, sizeof special)];
        return bytes;
    case 1:
        rows[at] = (char)below(seed, BYTE_VALUES);
        return bytes;
    case 2: /* away */
        memmove(rows + at, rows + at + 1, bytes - at - 1);
        return bytes - 1;
    default: /* in between */
        memmove(rows + at + 1, rows + at, bytes - at);
        rows[at] = special[below(seed, sizeof special)];
        return bytes + 1;
    }
}

static void mutated_rows_end_the_scan_where_the_parser_would(void **state)
{
    (void)state;
    static char rows[BUFFER_BYTES_MAX + MUTATIONS_MAX];
    unsigned seed = 2201;
    int refused = 0;
    for (int i = 0; i < RANDOM_BUFFERS; i++) {
        size_t bytes = make_rows(rows, &seed);
        for (unsigned left = 1 + below(&seed, MUTATIONS_MAX); left > 0 && bytes > 0; left--) {
            bytes = mutate(rows, bytes, &seed);
        }
        refused += expect_as_row_by_row(rows, bytes) < bytes;
    }
    assert_in_range(refused, RANDOM_BUFFERS / 10, RANDOM_BUFFERS - RANDOM_BUFFERS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_agency_that_stand_together_are_one_run),
        cmocka_unit_test(agencies_that_begin_alike_are_not_one_run),
        cmocka_unit_test(a_run_goes_on_over_a_row_that_needs_the_long_way),
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(a_row_that_is_refused_ends_the_scan_before_it),
        cmocka_unit_test(rows_may_end_anywhere_in_a_block),
        cmocka_unit_test(a_wrong_byte_is_seen_at_every_place_of_a_block),
        cmocka_unit_test(pairs_of_bytes_are_judged_at_the_border_of_two_blocks),
        cmocka_unit_test(random_rows_are_all_found),
        cmocka_unit_test(mutated_rows_end_the_scan_where_the_parser_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
