/*
 * target_bet.c - bet_rows_to_csv, bet_csv_parse, bet_csv_scan, bet_csv_to_row, on any bytes.
 *
 * Promises: which rows are valid, and what they become, agrees with a slow
 * reader and writer that follow bet.h and RFC 4180 field by field; the output
 * keeps within its bound; what was written is read back as it was; a row of
 * bets.csv is valid exactly when bet_rows_to_csv could have written it.
 *
 * The input's first four bytes are the agency, the rest is rows of the wire,
 * and each of its lines is taken for a row of bets.csv as well.
 */
#include "bet/bet.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <inttypes.h>

/* ---------------------------------------------------------- valid or not ---- */

/* One character by the bit patterns of RFC 3629, section 3; -1 where there is none. */
static int32_t reference_character(const unsigned char *text, size_t left, size_t *used)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = text[0];
    *used = lead < 0x80              ? 1
            : (lead & 0xe0U) == 0xc0 ? 2
            : (lead & 0xf0U) == 0xe0 ? 3
            : (lead & 0xf8U) == 0xf0 ? 4
                                     : 0;
    if (*used == 0 || *used > left) {
        return -1;
    }
    uint32_t value = *used == 1 ? lead : lead & (0x7fU >> *used);
    for (size_t i = 1; i < *used; i++) {
        if ((text[i] & 0xc0U) != 0x80) {
            return -1;
        }
        value = value << 6U | (text[i] & 0x3fU);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < least[*used] || value > 0x10ffff || surrogate ? -1 : (int32_t)value;
}

static bool reference_text(const char *text, size_t bytes)
{
    for (size_t at = 0, used = 0; at < bytes; at += used) {
        int32_t value = reference_character((const unsigned char *)text + at, bytes - at, &used);
        if (value < 0x20 || (value >= 0x7f && value <= 0x9f)) {
            return false;
        }
    }
    return true;
}

static bool reference_digits(struct bet_field field)
{
    for (size_t i = 0; i < field.bytes; i++) {
        if (!isdigit((unsigned char)field.text[i])) {
            return false;
        }
    }
    return field.bytes > 0;
}

static bool reference_date(struct bet_field field)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char text[11] = "";
    int year = 0;
    int month = 0;
    int day = 0;
    if (field.bytes != sizeof text - 1) {
        return false;
    }
    memcpy(text, field.text, field.bytes);
    for (size_t i = 0; i < field.bytes; i++) {
        if (i == 4 || i == 7 ? text[i] != '-' : !isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    year = (int)strtol(text, NULL, 10);
    month = (int)strtol(text + 5, NULL, 10);
    day = (int)strtol(text + 8, NULL, 10);
    bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= month_days[month - 1] &&
           (month != 2 || day < 29 || leap);
}

static bool reference_number(struct bet_field field)
{
    uint64_t value = 0;
    if (!reference_digits(field)) {
        return false;
    }
    for (size_t i = 0; i < field.bytes && value <= UINT32_MAX; i++) {
        value = value * 10 + (uint64_t)(field.text[i] - '0');
    }
    return value <= UINT32_MAX;
}

static bool reference_split(const char *row, size_t bytes, struct bet *bet)
{
    size_t field = 0;
    bet->fields[0] = (struct bet_field){row, 0};
    for (size_t i = 0; i < bytes; i++) {
        if (row[i] != ',') {
            bet->fields[field].bytes++;
        } else if (++field < BET_FIELDS) {
            bet->fields[field] = (struct bet_field){row + i + 1, 0};
        } else {
            return false;
        }
    }
    return field == BET_FIELDS - 1;
}

static bool reference_valid(const char *row, size_t bytes, struct bet *bet)
{
    return reference_text(row, bytes) && reference_split(row, bytes, bet) &&
           bet->fields[BET_FIRST_NAME].bytes > 0 && bet->fields[BET_LAST_NAME].bytes > 0 &&
           reference_digits(bet->fields[BET_DOCUMENT]) &&
           reference_date(bet->fields[BET_BIRTHDATE]) && reference_number(bet->fields[BET_NUMBER]);
}

/* ------------------------------------------------------------------- CSV ---- */

/* The row in bets.csv without CRLF, quoted where RFC 4180 asks; returns its bytes. */
static size_t reference_write(uint32_t agency, const struct bet *bet, char *out)
{
    size_t used = (size_t)sprintf(out, "%" PRIu32, agency);
    for (int i = 0; i < BET_FIELDS; i++) {
        const struct bet_field *field = &bet->fields[i];
        bool quoted = field->bytes > 0 && memchr(field->text, '"', field->bytes) != NULL;
        out[used++] = ',';
        if (quoted) {
            out[used++] = '"';
        }
        for (size_t k = 0; k < field->bytes; k++) {
            if (field->text[k] == '"') {
                out[used++] = '"';
            }
            out[used++] = field->text[k];
        }
        if (quoted) {
            out[used++] = '"';
        }
    }
    return used;
}

/* Takes quotes away as Python's csv does, without asking whether they were needed. */
static size_t reference_unquote(const char *row, size_t bytes, char *out)
{
    size_t used = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes; i++) {
        bool field_begins = i == 0 || row[i - 1] == ',';
        if (row[i] != '"') {
            out[used++] = row[i];
        } else if (!inside && field_begins) {
            inside = true;
        } else if (inside && i + 1 < bytes && row[i + 1] == '"') {
            out[used++] = '"';
            i++;
        } else if (inside) {
            inside = false;
        } else {
            out[used++] = '"';
        }
        if (row[i] == ',') {
            inside = false; /* none of our fields has a comma inside */
        }
    }
    return used;
}

/* Valid exactly when writing what it says gives the same bytes. */
static bool reference_csv_valid(const char *row, size_t bytes, uint32_t *agency)
{
    const char *comma = bytes == 0 ? NULL : memchr(row, ',', bytes);
    struct bet_field id = {row, comma == NULL ? 0 : (size_t)(comma - row)};
    if (comma == NULL || !reference_number(id)) {
        return false;
    }
    const size_t rest_bytes = (size_t)(row + bytes - (comma + 1));
    uint64_t value = 0;
    for (size_t i = 0; i < id.bytes; i++) {
        value = value * 10 + (uint64_t)(row[i] - '0');
    }
    *agency = (uint32_t)value;
    char *plain = fuzz_copy(comma + 1, rest_bytes);
    size_t plain_bytes = reference_unquote(comma + 1, rest_bytes, plain);
    struct bet bet;
    bool valid = reference_valid(plain, plain_bytes, &bet);
    if (valid) {
        char *again = malloc(2 * bytes + 32);
        FUZZ_EXPECT(again != NULL);
        valid = reference_write(*agency, &bet, again) == bytes && memcmp(again, row, bytes) == 0;
        free(again);
    }
    free(plain);
    return valid;
}

/* ------------------------------------------------------------- comparison ---- */

/* What was written for a valid row is read back as that row. */
static void check_round_trip(uint32_t agency, const char *csv, size_t csv_bytes, const char *row,
                             size_t row_bytes)
{
    uint32_t got_agency = 0;
    char *exact = fuzz_copy(csv, csv_bytes);
    char *back = malloc(csv_bytes);
    FUZZ_EXPECT(back != NULL);
    FUZZ_EXPECT(bet_csv_parse(exact, csv_bytes, &got_agency) == BET_VALID);
    FUZZ_EXPECT(got_agency == agency);
    FUZZ_EXPECT(bet_csv_to_row(exact, csv_bytes, back) == row_bytes);
    FUZZ_EXPECT(memcmp(back, row, row_bytes) == 0);
    free(back);
    free(exact);
}

static size_t row_bytes_at(const char *rows, size_t at, size_t bytes)
{
    size_t end = at;
    while (end < bytes && rows[end] != '\n') {
        end++;
    }
    return end - at;
}

static void check_conversion(uint32_t agency, const char *rows, size_t bytes)
{
    size_t bound = BET_CSV_BYTES_MAX(bytes + 1);
    char *csv = malloc(bound);
    char *expected = malloc(2 * bytes + 64);
    FUZZ_EXPECT(csv != NULL && expected != NULL);
    struct bet_conversion done = bet_rows_to_csv(agency, rows, bytes, csv);
    size_t csv_at = 0;
    size_t converted = 0;
    bool all_valid = true;
    for (size_t at = 0; at < bytes && all_valid;) {
        size_t row_bytes = row_bytes_at(rows, at, bytes);
        struct bet bet;
        all_valid = reference_valid(rows + at, row_bytes, &bet);
        if (all_valid) {
            size_t written = reference_write(agency, &bet, expected);
            FUZZ_EXPECT(csv_at + written + 2 <= bound);
            FUZZ_EXPECT(memcmp(csv + csv_at, expected, written) == 0);
            FUZZ_EXPECT(memcmp(csv + csv_at + written, "\r\n", 2) == 0);
            check_round_trip(agency, csv + csv_at, written, rows + at, row_bytes);
            csv_at += written + 2;
            converted++;
        }
        at += row_bytes + 1;
    }
    FUZZ_EXPECT((done.fault == BET_VALID) == all_valid);
    FUZZ_EXPECT(done.rows == converted);
    FUZZ_EXPECT(!all_valid || done.csv_bytes == csv_at);
    FUZZ_EXPECT(bet_fault_text(done.fault) != NULL);
    free(expected);
    free(csv);
}

static void check_csv_row(const char *line, size_t bytes)
{
    uint32_t agency = 0;
    uint32_t expected_agency = 0;
    char *row = fuzz_copy(line, bytes);
    bool valid = bet_csv_parse(row, bytes, &agency) == BET_VALID;
    FUZZ_EXPECT(valid == reference_csv_valid(row, bytes, &expected_agency));
    if (valid) {
        char *back = malloc(bytes);
        char *expected = malloc(bytes);
        FUZZ_EXPECT(back != NULL && expected != NULL && agency == expected_agency);
        const char *fields = (const char *)memchr(row, ',', bytes) + 1;
        size_t expected_bytes = reference_unquote(fields, bytes - (size_t)(fields - row), expected);
        FUZZ_EXPECT(bet_csv_to_row(row, bytes, back) == expected_bytes);
        FUZZ_EXPECT(memcmp(back, expected, expected_bytes) == 0);
        free(expected);
        free(back);
    }
    free(row);
}

/* --------------------------------------------------- many rows of bets.csv ---- */

/* What a scan tells, and where the next run has to begin. */
struct runs {
    uint64_t rows, bytes;
    uint32_t latest;
    bool any;
};

static void note_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct runs *runs = context;
    FUZZ_EXPECT(rows > 0 && bytes > 0);
    runs->rows += rows;
    runs->bytes += bytes;
    runs->latest = agency;
    runs->any = true;
}

/* `bytes` bytes that end in LF, or none. */
static void check_scan(const char *text, size_t bytes)
{
    char *rows = fuzz_copy(text, bytes);
    struct runs runs = {0};
    size_t good = bet_csv_scan(rows, bytes, note_run, &runs);
    size_t expected = 0;
    uint64_t expected_rows = 0;
    uint32_t agency = 0;
    while (expected < bytes) {
        size_t line_bytes = row_bytes_at(rows, expected, bytes);
        bool ends_in_cr = line_bytes > 0 && rows[expected + line_bytes - 1] == '\r';
        uint32_t latest = 0;
        if (!ends_in_cr || !reference_csv_valid(rows + expected, line_bytes - 1, &latest)) {
            break;
        }
        agency = latest;
        expected += line_bytes + 1;
        expected_rows++;
    }
    FUZZ_EXPECT(good == expected && runs.bytes == expected && runs.rows == expected_rows);
    FUZZ_EXPECT(runs.any == (expected_rows > 0) && (!runs.any || runs.latest == agency));
    free(rows);
}

/* The same lines, each with the end that bets.csv has. */
static void check_scan_with_crlf(const char *rows, size_t bytes)
{
    char *text = malloc(3 * bytes + 3);
    size_t used = 0;
    FUZZ_EXPECT(text != NULL);
    for (size_t at = 0; at < bytes;) {
        size_t line_bytes = row_bytes_at(rows, at, bytes);
        memcpy(text + used, rows + at, line_bytes);
        used += line_bytes;
        text[used++] = '\r';
        text[used++] = '\n';
        at += line_bytes + 1;
    }
    check_scan(text, used);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint32_t agency = 0;
    if (bytes < sizeof agency) {
        return 0;
    }
    memcpy(&agency, data, sizeof agency);
    size_t rows_bytes = bytes - sizeof agency;
    size_t whole_bytes = 0;
    char *rows = fuzz_copy(data + sizeof agency, rows_bytes);
    check_conversion(agency, rows, rows_bytes);
    for (size_t at = 0; at < rows_bytes;) {
        size_t line_bytes = row_bytes_at(rows, at, rows_bytes);
        check_csv_row(rows + at, line_bytes);
        at += line_bytes + 1;
        whole_bytes = at <= rows_bytes ? at : whole_bytes;
    }
    check_scan(rows, whole_bytes);
    check_scan_with_crlf(rows, rows_bytes);
    free(rows);
    return 0;
}
