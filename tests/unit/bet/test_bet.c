/*
 * test_bet.c - every fault of a row, and the rows of bets.csv: what is written
 * is read by others as RFC 4180 says, and what is accepted is what is written.
 */
#include "bet/bet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h> /* after what it needs */

enum {
    ROW_BYTES_MAX = 512,
    RANDOM_ROWS = 20000,
    MUTATIONS = 200000,
    ROWS_OF_BATCH = 40,
    ROWS_OF_SMALL_BATCH = 8,
    BATCHES = 30000
};

/* What is wrong with a row; reading it and converting it have to agree. */
static enum bet_fault fault_of_bytes(const char *row, size_t bytes)
{
    struct bet bet;
    enum bet_fault fault = bet_parse(row, bytes, &bet);
    if (bytes > 0 && memchr(row, '\n', bytes) == NULL) {
        char csv[BET_CSV_BYTES_MAX(ROW_BYTES_MAX)];
        assert_int_equal(bet_rows_to_csv(1, row, bytes, csv).fault, fault);
    }
    return fault;
}

static enum bet_fault fault_of(const char *row)
{
    return fault_of_bytes(row, strlen(row));
}

/* ----------------------------------------------------------- reckoning ---- */

/* What a field of bets.csv says, its quoting undone. */
struct text {
    char bytes[ROW_BYTES_MAX];
    size_t count;
};

static void put(struct text *text, char c)
{
    text->bytes[text->count++] = c;
}

static void put_all(struct text *text, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(text, bytes[i]);
    }
}

/* One field by the grammar of RFC 4180, section 2; returns where it ends, or NULL. */
static const char *read_rfc4180_field(const char *at, const char *end, struct text *field)
{
    field->count = 0;
    if (at == end || *at != '"') {
        for (; at < end && *at != ','; at++) {
            if (*at == '"') {
                return NULL;
            }
            put(field, *at);
        }
        return at;
    }
    for (at++; at < end; at++) {
        if (*at == '"') {
            if (at + 1 == end || at[1] != '"') {
                return at + 1 == end || at[1] == ',' ? at + 1 : NULL;
            }
            at++;
        }
        put(field, *at);
    }
    return NULL;
}

/* Cuts a record into at most `most` fields; 0 where it is none, or has more. */
static size_t read_rfc4180_record(const char *row, size_t bytes, struct text *fields, size_t most)
{
    const char *end = row + bytes;
    for (size_t i = 0; i < most; i++) {
        row = read_rfc4180_field(row, end, &fields[i]);
        if (row == NULL) {
            return 0;
        }
        if (row == end) {
            return i + 1;
        }
        row++;
    }
    return 0;
}

static bool is_decimal(const struct text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        if (strchr("0123456789", text->bytes[i]) == NULL || text->bytes[i] == '\0') {
            return false;
        }
    }
    return text->count > 0;
}

/* Digits whose value is below 2^32, compared as text. */
static bool is_32_bit_decimal(const struct text *text)
{
    static const char largest[] = "4294967295";
    size_t zeros = 0;
    while (zeros < text->count && text->bytes[zeros] == '0') {
        zeros++;
    }
    size_t digits = text->count - zeros;
    return is_decimal(text) &&
           /* cppcheck-suppress knownConditionTrueFalse ; it takes all digits for zeros */
           (digits < strlen(largest) ||
            (digits == strlen(largest) && memcmp(text->bytes + zeros, largest, digits) <= 0));
}

/* A date that the C library's calendar leaves as it is. */
static bool is_calendar_date(const struct text *text)
{
    char shape[ROW_BYTES_MAX + 1];
    memcpy(shape, text->bytes, text->count);
    shape[text->count] = '\0';
    if (text->count != 10 || strspn(shape, "0123456789") != 4 || shape[4] != '-' ||
        strspn(shape + 5, "0123456789") != 2 || shape[7] != '-' ||
        strspn(shape + 8, "0123456789") != 2) {
        return false;
    }
    struct tm date = {.tm_year = atoi(shape) - 1900, /* NOLINT(cert-err34-c): digits, seen above */
                      .tm_mon = atoi(shape + 5) - 1, /* NOLINT(cert-err34-c) */
                      .tm_mday = atoi(shape + 8)};   /* NOLINT(cert-err34-c) */
    struct tm same = date;
    (void)timegm(&same);
    return date.tm_year > -1900 && same.tm_year == date.tm_year && same.tm_mon == date.tm_mon &&
           same.tm_mday == date.tm_mday;
}

/* Only ASCII and two-byte characters are in these tests' rows; test_text.c has them all. */
static bool is_plain_text(const struct text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        unsigned char next = i + 1 < text->count ? (unsigned char)text->bytes[i + 1] : 0;
        if (c >= 0xc2 && c < 0xe0 && next >= (c == 0xc2 ? 0xa0 : 0x80) && next < 0xc0) {
            i++;
        } else if (c < 0x20 || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_name(const struct text *text)
{
    return text->count > 0 && is_plain_text(text) && memchr(text->bytes, ',', text->count) == NULL;
}

/* A field as it has to stand in bets.csv: in quotes when there is a quote inside. */
static void put_canonical(struct text *row, const struct text *field)
{
    bool quoted = memchr(field->bytes, '"', field->count) != NULL;
    if (quoted) {
        put(row, '"');
    }
    for (size_t i = 0; i < field->count; i++) {
        if (field->bytes[i] == '"') {
            put(row, '"');
        }
        put(row, field->bytes[i]);
    }
    if (quoted) {
        put(row, '"');
    }
}

/* True when these bytes, without LF, are a valid row of the wire: no quoting there. */
static bool is_row_slowly(const struct text *row)
{
    struct text fields[BET_FIELDS] = {{.count = 0}};
    size_t field = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (row->bytes[i] != ',') {
            put(&fields[field], row->bytes[i]);
        } else if (++field == BET_FIELDS) {
            return false;
        }
    }
    return field == BET_NUMBER && is_name(&fields[BET_FIRST_NAME]) &&
           is_name(&fields[BET_LAST_NAME]) && is_decimal(&fields[BET_DOCUMENT]) &&
           is_calendar_date(&fields[BET_BIRTHDATE]) && is_32_bit_decimal(&fields[BET_NUMBER]);
}

enum { CSV_AGENCY, CSV_FIRST, CSV_LAST, CSV_DOCUMENT, CSV_BIRTHDATE, CSV_NUMBER, CSV_FIELDS };

/* True when these bytes, without CRLF, are a row that a server may have written. */
static bool is_csv_row_slowly(const char *row, size_t bytes, uint32_t *agency)
{
    struct text fields[CSV_FIELDS];
    if (read_rfc4180_record(row, bytes, fields, CSV_FIELDS) != CSV_FIELDS ||
        !is_32_bit_decimal(&fields[CSV_AGENCY]) || !is_name(&fields[CSV_FIRST]) ||
        !is_name(&fields[CSV_LAST]) || !is_decimal(&fields[CSV_DOCUMENT]) ||
        !is_calendar_date(&fields[CSV_BIRTHDATE]) || !is_32_bit_decimal(&fields[CSV_NUMBER])) {
        return false;
    }
    fields[CSV_AGENCY].bytes[fields[CSV_AGENCY].count] = '\0';
    *agency = (uint32_t)strtoul(fields[CSV_AGENCY].bytes, NULL, 10);
    struct text canonical = {.count = 0};
    canonical.count = (size_t)snprintf(canonical.bytes, sizeof canonical.bytes, "%u", *agency);
    for (size_t i = CSV_FIRST; i < CSV_FIELDS; i++) {
        put(&canonical, ',');
        put_canonical(&canonical, &fields[i]);
    }
    return canonical.count == bytes && memcmp(canonical.bytes, row, bytes) == 0;
}

/* ---------------------------------------------------------- generating ---- */

static unsigned below(unsigned *seed, unsigned limit)
{
    return limit == 0 ? 0 : (unsigned)rand_r(seed) % limit;
}

/* A name of quotes, above all. */
static void put_random_name(struct text *row, unsigned *seed)
{
    static const char *const pieces[] = {"\"", "\"", "\"", "\"\"", "a", "7574",
                                         " ",  "ñ",  "É",  "x\"y", "'"};
    for (unsigned left = 1 + below(seed, 6); left > 0; left--) {
        const char *piece = pieces[below(seed, sizeof pieces / sizeof pieces[0])];
        put_all(row, piece, strlen(piece));
    }
}

/* A name as people have them, of any length that a word or a block of a scan may have. */
static void put_plain_name(struct text *row, unsigned *seed)
{
    for (unsigned left = 1 + below(seed, below(seed, 4) == 0 ? 70 : 12); left > 0; left--) {
        put(row, (char)('a' + below(seed, 26)));
    }
}

static void put_name(struct text *row, unsigned *seed)
{
    if (below(seed, 2) == 0) {
        put_plain_name(row, seed);
    } else {
        put_random_name(row, seed);
    }
}

/* A valid row of the wire, without LF. */
static void make_random_row(struct text *row, unsigned *seed)
{
    static const char *const rests[] = {
        ",0,0001-01-01,0",
        ",30904465,1999-03-17,7574",
        ",1,2000-02-29,4294967295",
        ",00,9999-12-31,0000000",
        ",99999999999999999999,2024-02-29,1",
        ",12345678,1985-10-09,12345678",
        ",123456789,1985-10-09,123456789",
    };
    row->count = 0;
    put_name(row, seed);
    put(row, ',');
    put_name(row, seed);
    const char *rest = rests[below(seed, sizeof rests / sizeof rests[0])];
    put_all(row, rest, strlen(rest));
}

static uint32_t random_agency(unsigned *seed)
{
    static const uint32_t agencies[] = {0, 1, 5, 10, 4294967295U, 4000000000U};
    return agencies[below(seed, sizeof agencies / sizeof agencies[0])];
}

/* -------------------------------------------------------------- faults ---- */

static void a_row_is_cut_into_its_five_fields(void **state)
{
    (void)state;
    static const char row[] = "Santiago Lionel,Lorca,30904465,1999-03-17,2201";
    static const char *const fields[] = {"Santiago Lionel", "Lorca", "30904465", "1999-03-17",
                                         "2201"};
    struct bet bet;
    assert_int_equal(bet_parse(row, strlen(row), &bet), BET_VALID);
    for (int i = 0; i < BET_FIELDS; i++) {
        assert_int_equal(bet.fields[i].bytes, strlen(fields[i]));
        assert_memory_equal(bet.fields[i].text, fields[i], strlen(fields[i]));
        assert_true(bet.fields[i].text >= row && bet.fields[i].text < row + sizeof row);
    }
}

static void anything_but_five_fields_is_refused(void **state)
{
    (void)state;
    assert_int_equal(fault_of(""), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01,1,"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01,1,2"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("x,x,x,x,x,x,x,x,a,b,1,2000-01-01,7"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("\"a,b\",c,1,2000-01-01,1"), BET_NOT_FIVE_FIELDS); /* no quoting */
}

static void names_may_be_anything_but_empty(void **state)
{
    (void)state;
    assert_int_equal(fault_of(",b,1,2000-01-01,1"), BET_EMPTY_NAME);
    assert_int_equal(fault_of("a,,1,2000-01-01,1"), BET_EMPTY_NAME);
    assert_int_equal(fault_of(" ,\",1,2000-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("Peñé,日本,1,2000-01-01,1"), BET_VALID);
}

static void a_document_is_digits_of_any_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "1 ", "-1", "+1", "1.0", "12a", "0x1", "١"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,%s,2000-01-01,1", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_DOCUMENT);
    }
    assert_int_equal(fault_of("a,b,0,2000-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,123456789012345678901234567890,2000-01-01,1"), BET_VALID);
}

static void a_birthdate_has_one_shape_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "2000-1-1",    "2000/01/01",  "2000-01/01",
                                      "20000101",   "2000-01-01 ", " 2000-01-01", "200a-01-01",
                                      "2000-0a-01", "2000-01-0a",  "12000-01-01", "-000-01-01",
                                      "2000-01-1",  "01-01-2000",  "2000--1-01"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,%s,1", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_BIRTHDATE);
    }
}

static void every_day_of_the_calendar_is_a_birthdate_and_no_other(void **state)
{
    (void)state;
    static const int years[] = {0, 1, 4, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2100, 9999};
    for (size_t y = 0; y < sizeof years / sizeof years[0]; y++) {
        for (int month_and_day = 0; month_and_day < 10000; month_and_day++) {
            char row[ROW_BYTES_MAX];
            struct text date = {.count = 10};
            (void)snprintf(date.bytes, sizeof date.bytes, "%04d-%02d-%02d", years[y],
                           month_and_day / 100, month_and_day % 100);
            (void)snprintf(row, sizeof row, "a,b,1,%.10s,1", date.bytes);
            enum bet_fault expected = is_calendar_date(&date) ? BET_VALID : BET_BAD_BIRTHDATE;
            if (fault_of(row) != expected) {
                fail_msg("%s", date.bytes);
            }
        }
    }
}

static void leap_days_and_the_ends_of_time_are_known(void **state)
{
    (void)state;
    assert_int_equal(fault_of("a,b,1,2000-02-29,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,2024-02-29,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,1900-02-29,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,2023-02-29,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,2000-02-30,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,0000-01-01,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,0001-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,9999-12-31,1"), BET_VALID);
}

static void a_number_is_a_decimal_below_two_to_the_32(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      "1a",
                                      "4294967296",
                                      "4294967300",
                                      "5000000000",
                                      "10000000000",
                                      "18446744073709551617",
                                      "99999999999999999999999999"};
    static const char *const good[] = {"0",      "00",         "7574",
                                       "007574", "4294967295", "00000000000000000000004294967295"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,2000-01-01,%s", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_NUMBER);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,2000-01-01,%s", good[i]);
        assert_int_equal(fault_of(row), BET_VALID);
    }
}

static void decimals_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    uint32_t value = 77;
    assert_false(bet_parse_uint32("", 0, &value));
    assert_false(bet_parse_uint32("12x", 3, &value));
    assert_false(bet_parse_uint32("4294967296", 10, &value));
    assert_int_equal(value, 77);
    assert_true(bet_parse_uint32("12x", 2, &value));
    assert_int_equal(value, 12);
    assert_true(bet_parse_uint32("0000000000004294967295", 22, &value));
    assert_int_equal(value, 4294967295U);
}

static void a_row_with_a_control_character_anywhere_is_refused(void **state)
{
    (void)state;
    static const char row[] = "ab,cd,12,2000-01-01,12";
    for (size_t at = 0; at < sizeof row - 1; at++) {
        static const char controls[] = {'\0', '\n', '\r', '\t', 0x1f, 0x7f};
        for (size_t i = 0; i < sizeof controls; i++) {
            char changed[sizeof row];
            memcpy(changed, row, sizeof row);
            changed[at] = controls[i];
            assert_int_equal(fault_of_bytes(changed, sizeof row - 1), BET_BAD_TEXT);
        }
    }
    assert_int_equal(fault_of("a\xff,b,1,2000-01-01,1"), BET_BAD_TEXT);
}

static void every_fault_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < BET_FAULTS; i++) {
        assert_non_null(bet_fault_text((enum bet_fault)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(bet_fault_text((enum bet_fault)i),
                                    bet_fault_text((enum bet_fault)j));
        }
    }
}

/* ----------------------------------------------------------------- CSV ---- */

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
    struct text fields[CSV_FIELDS];
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

static void csv_never_takes_more_room_than_promised(void **state)
{
    (void)state;
    unsigned seed = 7574;
    for (int i = 0; i < RANDOM_ROWS / ROWS_OF_BATCH; i++) {
        char *rows = malloc((size_t)ROWS_OF_BATCH * ROW_BYTES_MAX);
        size_t bytes = 0;
        assert_non_null(rows);
        for (unsigned left = 1 + below(&seed, ROWS_OF_BATCH); left > 0; left--) {
            struct text row;
            make_random_row(&row, &seed);
            memcpy(rows + bytes, row.bytes, row.count);
            bytes += row.count;
            rows[bytes++] = '\n';
        }
        bytes -= below(&seed, 2); /* the last LF may be missing */
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

static bool csv_is_accepted(const char *row)
{
    uint32_t agency = 0;
    return bet_csv_parse(row, strlen(row), &agency) == BET_VALID;
}

static void only_what_we_would_write_is_accepted_from_bets_csv(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ",",
        "1",
        "1,",
        "a,b,1,2000-01-01,7",
        "1,\"",
        "1,\"\"",
        "1,\"\"\"\"",
        "1,\"\"\"\",",
        "01,a,b,1,2000-01-01,7",
        "00,a,b,1,2000-01-01,7",
        "-1,a,b,1,2000-01-01,7",
        "+1,a,b,1,2000-01-01,7",
        " 1,a,b,1,2000-01-01,7",
        "4294967296,a,b,1,2000-01-01,7",
        "10000000000,a,b,1,2000-01-01,7",
        "1,\"a\",b,1,2000-01-01,7",
        "1,\"a,b\",c,1,2000-01-01,7",
        "1,\"a,\"\"b\",c,1,2000-01-01,7",
        "1,a\"b,c,1,2000-01-01,7",
        "1,a\"\"b,c,1,2000-01-01,7",
        "1,\"\",b,1,2000-01-01,7",
        "1,\"\"\"a,b,1,2000-01-01,7",
        "1,\"\"\"a\" ,b,1,2000-01-01,7",
        "1,a,\"\"\"b\"\"\"\",1,2000-01-01,7",
        "1,a,b,\"1\",2000-01-01,7",
        "1,a,b,1,\"2000-01-01\",7",
        "1,a,b,1,2000-01-01,\"7\"",
        "1,a,b,1,2000-01-01,7\r",
        "1,\"\"\"\",b,1,2000-01-01,7,",
        "1,\"\"\"\",,1,2000-01-01,7",
        "1,\"\"\"\t\",b,1,2000-01-01,7",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (csv_is_accepted(bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_true(csv_is_accepted("0,a,b,1,2000-01-01,7"));
    assert_true(csv_is_accepted("4294967295,\"\"\"\",\"a\"\"\",1,2000-01-01,007"));
}

static void mutate(char *row, size_t *bytes, unsigned *seed)
{
    static const char likely[] = "\"\"\",,019-aé \r\n\t";
    size_t at = below(seed, (unsigned)*bytes);
    switch (below(seed, 4)) {
    case 0:
        row[at] = likely[below(seed, sizeof likely)];
        break;
    case 1:
        row[at] = (char)below(seed, 256);
        break;
    case 2: /* away */
        memmove(row + at, row + at + 1, *bytes - at - 1);
        *bytes -= 1;
        break;
    default: /* in between */
        memmove(row + at + 1, row + at, *bytes - at);
        row[at] = likely[below(seed, sizeof likely)];
        *bytes += 1;
        break;
    }
}

/* Only characters that is_plain_text knows: the others are test_text.c's. */
static bool has_longer_characters(const char *row, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)row[i] >= 0xe0) {
            return true;
        }
    }
    return false;
}

static void a_changed_csv_row_is_judged_as_by_the_slow_reckoning(void **state)
{
    (void)state;
    unsigned seed = 4180;
    int accepted = 0;
    for (int i = 0; i < MUTATIONS; i++) {
        struct text row;
        char csv[2 * ROW_BYTES_MAX];
        make_random_row(&row, &seed);
        size_t bytes =
            bet_rows_to_csv(random_agency(&seed), row.bytes, row.count, csv).csv_bytes - 2;
        for (unsigned left = 1 + below(&seed, 3); left > 0; left--) {
            mutate(csv, &bytes, &seed);
        }
        uint32_t agency = 0;
        uint32_t agency_slowly = 0;
        if (has_longer_characters(csv, bytes)) {
            continue;
        }
        char *copy = malloc(bytes > 0 ? bytes : 1); /* of exactly this size, for AddressSanitizer */
        assert_non_null(copy);
        memcpy(copy, csv, bytes);
        bool valid = bet_csv_parse(copy, bytes, &agency) == BET_VALID;
        free(copy);
        if (valid != is_csv_row_slowly(csv, bytes, &agency_slowly)) {
            fail_msg("accepted: %d: %.*s", valid, (int)bytes, csv);
        }
        assert_true(!valid || agency == agency_slowly);
        accepted += valid ? 1 : 0;
    }
    assert_in_range(accepted, MUTATIONS / 50, MUTATIONS / 2); /* both answers were met */
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
        size_t bytes = 0;
        for (unsigned left = 1 + below(&seed, ROWS_OF_SMALL_BATCH - 1); left > 0; left--) {
            struct text row;
            make_random_row(&row, &seed);
            memcpy(batch + bytes, row.bytes, row.count);
            bytes += row.count;
            batch[bytes++] = '\n';
        }
        bytes -= below(&seed, 2); /* the last LF may be missing */
        for (unsigned left = below(&seed, 3); left > 0; left--) {
            mutate(batch, &bytes, &seed);
        }
        expect_conversion_as_reckoned(random_agency(&seed), batch, bytes);
    }
}

static void a_row_is_valid_exactly_when_the_slow_reckoning_says_so(void **state)
{
    (void)state;
    unsigned seed = 5;
    for (int i = 0; i < MUTATIONS; i++) {
        struct text row;
        make_random_row(&row, &seed);
        for (unsigned left = below(&seed, 3); left > 0; left--) {
            mutate(row.bytes, &row.count, &seed);
        }
        if (has_longer_characters(row.bytes, row.count)) {
            continue;
        }
        bool valid = fault_of_bytes(row.bytes, row.count) == BET_VALID;
        if (valid != is_row_slowly(&row)) {
            fail_msg("valid: %d: %.*s", valid, (int)row.count, row.bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_cut_into_its_five_fields),
        cmocka_unit_test(anything_but_five_fields_is_refused),
        cmocka_unit_test(names_may_be_anything_but_empty),
        cmocka_unit_test(a_document_is_digits_of_any_length),
        cmocka_unit_test(a_birthdate_has_one_shape_only),
        cmocka_unit_test(every_day_of_the_calendar_is_a_birthdate_and_no_other),
        cmocka_unit_test(leap_days_and_the_ends_of_time_are_known),
        cmocka_unit_test(a_number_is_a_decimal_below_two_to_the_32),
        cmocka_unit_test(decimals_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_row_with_a_control_character_anywhere_is_refused),
        cmocka_unit_test(every_fault_has_a_text_of_its_own),
        cmocka_unit_test(rows_become_csv_with_their_agency_in_front),
        cmocka_unit_test(names_with_quotes_are_quoted_as_rfc_4180_asks),
        cmocka_unit_test(conversion_stops_at_the_first_bad_row_and_says_which),
        cmocka_unit_test(random_rows_become_csv_and_rows_again),
        cmocka_unit_test(csv_never_takes_more_room_than_promised),
        cmocka_unit_test(the_row_that_grows_most_fits),
        cmocka_unit_test(only_what_we_would_write_is_accepted_from_bets_csv),
        cmocka_unit_test(a_changed_csv_row_is_judged_as_by_the_slow_reckoning),
        cmocka_unit_test(a_batch_is_converted_as_its_rows_are_one_by_one),
        cmocka_unit_test(a_row_is_valid_exactly_when_the_slow_reckoning_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
