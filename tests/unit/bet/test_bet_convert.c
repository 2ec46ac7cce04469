/*
 * test_bet_convert.c - rows of the wire become rows of bets.csv, which others read as
 * RFC 4180 says.
 */
#include "tests/unit/bet/reckoning.h"

enum { ROWS_OF_BATCH = 40, ROWS_OF_SMALL_BATCH = 8, BATCHES = 30000 };

static void expect_csv(uint32_t agency, const char *rows, const char *expected)
{
    char csv[2 * ROW_BYTES_MAX];
    struct bet_conversion done = bet_rows_to_csv(agency, rows, strlen(rows), csv);
    assert_int_equal(done.fault, BET_VALID);
    assert_int_equal(done.csv_bytes, strlen(expected));
    assert_memory_equal(csv, expected, strlen(expected));
}

static void rows_become_csv_with_their_agency_in_front(void **state)
{
    (void)state;
    expect_csv(1, "a,b,1,2000-01-01,7\n", "1,a,b,1,2000-01-01,7\r\n");
    expect_csv(0, "a,b,01,2000-01-01,007", "0,a,b,01,2000-01-01,007\r\n");
    expect_csv(4294967295U, "a,b,1,2000-01-01,7\nc,d,2,2000-01-02,8\n",
               "4294967295,a,b,1,2000-01-01,7\r\n4294967295,c,d,2,2000-01-02,8\r\n");
    expect_csv(1, "", "");
}

static void names_with_quotes_are_quoted_as_rfc_4180_asks(void **state)
{
    (void)state;
    expect_csv(1, "Juan \"Pepe\",b,1,2000-01-01,7", "1,\"Juan \"\"Pepe\"\"\",b,1,2000-01-01,7\r\n");
    expect_csv(1, "\",\"\",1,2000-01-01,7", "1,\"\"\"\",\"\"\"\"\"\",1,2000-01-01,7\r\n");
    expect_csv(1, "a,\"b\",1,2000-01-01,7", "1,a,\"\"\"b\"\"\",1,2000-01-01,7\r\n");
}

static void conversion_stops_at_the_first_bad_row_and_says_which(void **state)
{
    (void)state;
    static const char rows[] = "a,b,1,2000-01-01,7\nc,d,2,2000-01-02,8\ne,f,x,2000-01-01,9\n,\n";
    char csv[BET_CSV_BYTES_MAX(sizeof rows)];
    struct bet_conversion done = bet_rows_to_csv(1, rows, strlen(rows), csv);
    assert_int_equal(done.fault, BET_BAD_DOCUMENT);
    assert_int_equal(done.rows, 2);
    done = bet_rows_to_csv(1, "\n", 1, csv);
    assert_int_equal(done.fault, BET_NOT_FIVE_FIELDS);
    assert_int_equal(done.rows, 0);
    static const char gap[] = "a,b,1,2000-01-01,7\n\n";
    done = bet_rows_to_csv(1, gap, strlen(gap), csv);
    assert_int_equal(done.fault, BET_NOT_FIVE_FIELDS);
    assert_int_equal(done.rows, 1);
}

/* One row of bets.csv read back as RFC 4180 has it: `row` with `agency` in front. */
static void expect_same_fields(const char *csv, size_t bytes, uint32_t agency,
                               const struct text *row)
{
    struct text fields[CSV_FIELDS] = {{.count = 0}};
    struct text joined = {.count = 0};
    joined.count = (size_t)snprintf(joined.bytes, sizeof joined.bytes, "%u", agency);
    assert_int_equal(read_rfc4180_record(csv, bytes, fields, CSV_FIELDS), CSV_FIELDS);
    struct text read = fields[CSV_AGENCY];
    for (size_t i = CSV_FIRST; i < CSV_FIELDS; i++) {
        put(&read, ',');
        put_all(&read, fields[i].bytes, fields[i].count);
    }
    put(&joined, ',');
    put_all(&joined, row->bytes, row->count);
    assert_int_equal(read.count, joined.count);
    assert_memory_equal(read.bytes, joined.bytes, joined.count);
}

static void random_rows_become_csv_and_rows_again(void **state)
{
    (void)state;
    unsigned seed = 20261123;
    for (int i = 0; i < RANDOM_ROWS; i++) {
        struct text row;
        char csv[2 * ROW_BYTES_MAX];
        char back[2 * ROW_BYTES_MAX];
        uint32_t agency = random_agency(&seed);
        uint32_t read_agency = agency + 1;
        make_random_row(&row, &seed);
        struct bet_conversion done = bet_rows_to_csv(agency, row.bytes, row.count, csv);
        assert_int_equal(done.fault, BET_VALID);
        assert_memory_equal(csv + done.csv_bytes - 2, "\r\n", 2);
        size_t bytes = done.csv_bytes - 2;
        expect_same_fields(csv, bytes, agency, &row);
        assert_int_equal(bet_csv_parse(csv, bytes, &read_agency), BET_VALID);
        assert_int_equal(read_agency, agency);
        memset(back, 'X', sizeof back);
        assert_int_equal(bet_csv_to_row(csv, bytes, back), row.count);
        assert_memory_equal(back, row.bytes, row.count);
        assert_int_equal(back[bytes], 'X');
    }
}

/* Writes 1 to `most` rows of the wire, each ended by LF, the last one perhaps not. Their bytes. */
static size_t make_random_batch(char *rows, unsigned most, unsigned *seed)
{
    size_t bytes = 0;
    for (unsigned left = 1 + below(seed, most); left > 0; left--) {
        struct text row;
        make_random_row(&row, seed);
        memcpy(rows + bytes, row.bytes, row.count);
        bytes += row.count;
        rows[bytes++] = '\n';
    }
    return bytes - below(seed, 2);
}

static void csv_never_takes_more_room_than_promised(void **state)
{
    (void)state;
    unsigned seed = 7574;
    for (int i = 0; i < RANDOM_ROWS / ROWS_OF_BATCH; i++) {
        char *rows = malloc((size_t)ROWS_OF_BATCH * ROW_BYTES_MAX);
        assert_non_null(rows);
        size_t bytes = make_random_batch(rows, ROWS_OF_BATCH, &seed);
        size_t room = BET_CSV_BYTES_MAX(bytes + 1);
        char *csv = malloc(room + 1);
        assert_non_null(csv);
        csv[room] = 'X';
        struct bet_conversion done = bet_rows_to_csv(4294967295U, rows, bytes, csv);
        assert_int_equal(done.fault, BET_VALID);
        assert_true(done.csv_bytes <= room);
        assert_int_equal(csv[room], 'X');
        free(csv);
        free(rows);
    }
}

static void the_row_that_grows_most_fits(void **state)
{
    (void)state;
    static const char row[] = "\",\",0,0001-01-01,0\n";
    char csv[BET_CSV_BYTES_MAX(sizeof row - 1)];
    struct bet_conversion done = bet_rows_to_csv(4294967295U, row, sizeof row - 1, csv);
    assert_int_equal(done.fault, BET_VALID);
    assert_int_equal(done.csv_bytes, 37); /* nearly twice the row's 19 */
    assert_true(done.csv_bytes <= sizeof csv);
}

/* ------------------------------------------------------------- batches ---- */

/* A conversion, and the bytes that it has to give. */
struct reckoned {
    struct bet_conversion conversion;
    char *csv; /* owned */
};

/* Writes a row of the wire, cut at its commas, as it has to stand in bets.csv. */
static size_t write_csv_slowly(char *out, uint32_t agency, const struct bet *bet)
{
    struct text row = {.count = 0};
    row.count = (size_t)snprintf(row.bytes, sizeof row.bytes, "%u", agency);
    for (int i = 0; i < BET_FIELDS; i++) {
        struct text field = {.count = 0};
        put_all(&field, bet->fields[i].text, bet->fields[i].bytes);
        put(&row, ',');
        put_canonical(&row, &field);
    }
    put(&row, '\r');
    put(&row, '\n');
    memcpy(out, row.bytes, row.count);
    return row.count;
}

/* Row after row, each of them cut out by its LF and judged by itself. */
static struct reckoned convert_slowly(uint32_t agency, const char *rows, size_t bytes)
{
    struct reckoned reckoned = {.csv = malloc(BET_CSV_BYTES_MAX(bytes + 1))};
    struct bet_conversion *done = &reckoned.conversion;
    assert_non_null(reckoned.csv);
    for (size_t from = 0; from < bytes && done->fault == BET_VALID;) {
        size_t row_bytes = 0;
        struct bet bet;
        while (from + row_bytes < bytes && rows[from + row_bytes] != '\n') {
            row_bytes++;
        }
        done->fault = bet_parse(rows + from, row_bytes, &bet);
        if (done->fault == BET_VALID) {
            done->csv_bytes += write_csv_slowly(reckoned.csv + done->csv_bytes, agency, &bet);
            done->rows++;
        }
        from += row_bytes + 1;
    }
    return reckoned;
}

static void expect_conversion_as_reckoned(uint32_t agency, const char *rows, size_t bytes)
{
    struct reckoned expected = convert_slowly(agency, rows, bytes);
    char *exact = malloc(bytes > 0 ? bytes : 1); /* of exactly this size, for AddressSanitizer */
    char *csv = malloc(BET_CSV_BYTES_MAX(bytes + 1));
    assert_non_null(exact);
    assert_non_null(csv);
    memcpy(exact, rows, bytes);
    struct bet_conversion done = bet_rows_to_csv(agency, exact, bytes, csv);
    if (done.fault != expected.conversion.fault || done.rows != expected.conversion.rows) {
        fail_msg("fault %d of row %zu instead of %d of row %zu: %.*s", (int)done.fault, done.rows,
                 (int)expected.conversion.fault, expected.conversion.rows, (int)bytes, rows);
    }
    if (done.fault == BET_VALID) {
        assert_int_equal(done.csv_bytes, expected.conversion.csv_bytes);
        assert_memory_equal(csv, expected.csv, done.csv_bytes);
    }
    free(csv);
    free(exact);
    free(expected.csv);
}

static void a_batch_is_converted_as_its_rows_are_one_by_one(void **state)
{
    (void)state;
    unsigned seed = 17;
    for (int i = 0; i < BATCHES; i++) {
        char batch[ROWS_OF_SMALL_BATCH * ROW_BYTES_MAX] = "";
        size_t bytes = make_random_batch(batch, ROWS_OF_SMALL_BATCH - 1, &seed);
        for (unsigned left = below(&seed, 3); left > 0; left--) {
            mutate(batch, &bytes, &seed);
        }
        expect_conversion_as_reckoned(random_agency(&seed), batch, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_csv_with_their_agency_in_front),
        cmocka_unit_test(names_with_quotes_are_quoted_as_rfc_4180_asks),
        cmocka_unit_test(conversion_stops_at_the_first_bad_row_and_says_which),
        cmocka_unit_test(random_rows_become_csv_and_rows_again),
        cmocka_unit_test(csv_never_takes_more_room_than_promised),
        cmocka_unit_test(the_row_that_grows_most_fits),
        cmocka_unit_test(a_batch_is_converted_as_its_rows_are_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
