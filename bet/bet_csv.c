/*
 * bet_csv.c - reads the rows of bets.csv; see bet.h.
 */
#include "bet/bet.h"

#include "bet/bet_plain.h"
#include "bet/row_scan.h"
#include "lib/text.h"

#include <string.h>

/* Bytes of "agency," at the start of a row of bets.csv, as we would write it; else 0. */
static size_t read_prefix(const char *row, size_t bytes, uint32_t *agency)
{
    size_t window = bytes < BET_AGENCY_PREFIX_BYTES_MAX ? bytes : BET_AGENCY_PREFIX_BYTES_MAX;
    const char *comma = memchr(row, ',', window);
    if (comma == NULL) {
        return 0;
    }
    size_t digits = (size_t)(comma - row);
    bool leading_zero = digits > 1 && row[0] == '0';
    return !leading_zero && bet_parse_uint32(row, digits, agency) ? digits + 1 : 0;
}

/* Undoes write_csv_name for all that follows the prefix; lenient, for rows known or checked. */
static size_t unquote(const char *text, size_t bytes, char *out)
{
    size_t written = 0;
    bool at_start = true;
    bool quoted = false;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (c == '"' && (at_start || (quoted && (i + 1 == bytes || text[i + 1] != '"')))) {
            quoted = at_start;
            at_start = false;
            continue;
        }
        if (c == '"' && quoted) {
            i++; /* a doubled quote stands for one */
        }
        at_start = c == ',';
        out[written++] = c;
    }
    return written;
}

/*
 * The end of a name in bets.csv (where its comma is), or NULL when we would
 * not have written it so: quotes around it exactly when there is one inside.
 */
static const char *end_of_csv_name(const char *at, const char *end)
{
    if (*at != '"') {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        bool quote_inside = comma != NULL && memchr(at, '"', (size_t)(comma - at)) != NULL;
        return comma == at || quote_inside ? NULL : comma;
    }
    size_t doubled = 0;
    for (at++; end - at >= 2; at++) {
        if (at[0] == '"' && at[1] == '"') {
            doubled++;
            at++;
        } else if (at[0] == '"') {
            return at[1] == ',' && doubled > 0 ? at + 1 : NULL;
        } else if (at[0] == ',') {
            return NULL; /* a name of ours has no comma */
        }
    }
    return NULL;
}

/* Rows with a quote in a name are rare, so they are read apart, field by field. */
static enum bet_fault parse_quoted(const char *rest, size_t bytes)
{
    const char *end = rest + bytes;
    const char *first_end = end_of_csv_name(rest, end);
    if (first_end == NULL || first_end + 1 == end) {
        return BET_NOT_FIVE_FIELDS;
    }
    const char *last_end = end_of_csv_name(first_end + 1, end);
    if (last_end == NULL || !text_is_clean(rest, (size_t)(last_end - rest))) {
        return last_end == NULL ? BET_NOT_FIVE_FIELDS : BET_BAD_TEXT;
    }
    struct bet bet;
    return bet_parse_from(BET_DOCUMENT, last_end + 1, (size_t)(end - last_end - 1), &bet);
}

enum bet_fault bet_csv_parse(const char *row, size_t bytes, uint32_t *agency)
{
    size_t prefix_bytes = read_prefix(row, bytes, agency);
    if (prefix_bytes == 0) {
        return BET_NOT_FIVE_FIELDS;
    }
    const char *rest = row + prefix_bytes;
    size_t rest_bytes = bytes - prefix_bytes;
    if (memchr(rest, '"', rest_bytes) != NULL) {
        return parse_quoted(rest, rest_bytes);
    }
    struct bet bet;
    return bet_parse(rest, rest_bytes, &bet);
}

/* ----------------------------------------------------------------- scan ---- */

enum { CSV_COMMAS = 1 + PLAIN_COMMAS };

struct scanner {
    const char *rows;
    size_t bytes;
    void (*run)(void *context, uint32_t agency, uint64_t rows, uint64_t bytes);
    void *context;
    size_t row_start;
    uint32_t agency;      /* of the run */
    size_t prefix_bytes;  /* of the run's rows; 0: there is no run */
    uint64_t prefix;      /* its first word */
    uint64_t prefix_mask; /* of that word, the bytes that are the prefix's */
    size_t run_start;
    uint64_t run_rows;
};

static void end_run(struct scanner *scanner)
{
    if (scanner->run_rows > 0) {
        scanner->run(scanner->context, scanner->agency, scanner->run_rows,
                     scanner->row_start - scanner->run_start);
    }
    scanner->run_rows = 0;
    scanner->prefix_bytes = 0;
}

/* Ends the run, and begins another one, unless it is the same agency's. A row has eight bytes. */
static void begin_run(struct scanner *scanner, uint32_t agency, size_t prefix_bytes)
{
    if (scanner->prefix_bytes > 0 && agency == scanner->agency) {
        return;
    }
    end_run(scanner);
    scanner->agency = agency;
    scanner->prefix_bytes = prefix_bytes;
    scanner->prefix_mask = prefix_bytes < PLAIN_WORD_BYTES
                               ? ~(UINT64_MAX << (prefix_bytes * PLAIN_BYTE_BITS))
                               : UINT64_MAX;
    scanner->prefix = plain_load_word(scanner->rows + scanner->row_start) & scanner->prefix_mask;
    scanner->run_start = scanner->row_start;
}

/* True when the row begins as the run's rows do. Its first comma is at `comma`. */
static inline bool continues_run(const struct scanner *scanner, size_t comma)
{
    const char *row = scanner->rows + scanner->row_start;
    return comma + 1 == scanner->row_start + scanner->prefix_bytes &&
           (plain_load_word(row) & scanner->prefix_mask) == scanner->prefix &&
           (scanner->prefix_bytes <= PLAIN_WORD_BYTES ||
            memcmp(row + PLAIN_WORD_BYTES, scanner->rows + scanner->run_start + PLAIN_WORD_BYTES,
                   scanner->prefix_bytes - PLAIN_WORD_BYTES) == 0);
}

/* True when a row that has passed plain_row after its first comma is its run's, or begins one. */
static inline bool takes_agency(struct scanner *scanner, size_t comma, size_t row_end)
{
    if (continues_run(scanner, comma)) {
        return true;
    }
    uint32_t agency = 0;
    size_t prefix_bytes =
        read_prefix(scanner->rows + scanner->row_start, row_end - scanner->row_start, &agency);
    if (prefix_bytes > 0) {
        begin_run(scanner, agency, prefix_bytes);
    }
    return prefix_bytes > 0;
}

/* Looks at the row byte by byte; false when it is not valid. */
static bool takes_row_slowly(struct scanner *scanner, size_t row_end)
{
    const char *row = scanner->rows + scanner->row_start;
    const size_t bytes = row_end - scanner->row_start;
    uint32_t agency = 0;
    if (bet_csv_parse(row, bytes, &agency) != BET_VALID) {
        return false;
    }
    begin_run(scanner, agency, read_prefix(row, bytes, &agency));
    return true;
}

/* The row's line feed is at `line_feed`. Where it is no CRLF, or the row is not valid, false. */
static bool take_unusual_row(struct scanner *scanner, size_t line_feed)
{
    if (line_feed == scanner->row_start || scanner->rows[line_feed - 1] != '\r' ||
        !takes_row_slowly(scanner, line_feed - 1)) {
        return false;
    }
    scanner->run_rows++;
    scanner->row_start = line_feed + 1;
    return true;
}

/* Goes through the rows that end among the marks, which were made from `base` on. */
static bool take_marked_rows(struct scanner *scanner, const struct row_marks *marks, size_t base)
{
    const char *rows = scanner->rows + base;
    const size_t row_count = marks->row_count - (marks->is_open ? 1 : 0);
    size_t first = 0;
    size_t start = 0;
    for (size_t i = 0; i < row_count; i++) {
        const size_t line_feed = marks->row_ends[i];
        const uint16_t *ends = marks->ends + first;
        const bool is_usual = row_is_usual(marks, start, line_feed, first, CSV_COMMAS);
        if (is_usual && rows[line_feed - 1] == '\r' &&
            plain_row(rows, (size_t)ends[0] + 1, ends + 1, line_feed - 1) &&
            takes_agency(scanner, base + ends[0], base + line_feed - 1)) {
            scanner->run_rows++;
            scanner->row_start = base + line_feed + 1;
        } else if (!take_unusual_row(scanner, base + line_feed)) {
            return false;
        }
        first = is_usual ? first + CSV_COMMAS + 1 : row_skip_ends(marks, first, line_feed);
        start = line_feed + 1;
    }
    return true;
}

/* A row of more bytes than are scanned at once; false, too, when it has no line feed. */
static bool take_long_row(struct scanner *scanner)
{
    const char *row = scanner->rows + scanner->row_start;
    const char *line_feed = memchr(row, '\n', scanner->bytes - scanner->row_start);
    return line_feed != NULL && take_unusual_row(scanner, (size_t)(line_feed - scanner->rows));
}

size_t bet_csv_scan(const char *rows, size_t bytes,
                    void (*run)(void *context, uint32_t agency, uint64_t rows, uint64_t bytes),
                    void *context)
{
    struct scanner scanner = {.rows = rows, .bytes = bytes, .run = run, .context = context};
    struct row_marks marks;
    bool good = true;
    while (good && scanner.row_start < bytes) {
        const size_t base = scanner.row_start;
        row_scan(rows + base, bytes - base, &marks);
        good = take_marked_rows(&scanner, &marks, base);
        if (good && scanner.row_start == base) {
            good = take_long_row(&scanner);
        }
    }
    end_run(&scanner);
    return scanner.row_start;
}

/* ----------------------------------------------------------------- back ---- */

size_t bet_csv_to_row(const char *row, size_t bytes, char *row_out)
{
    uint32_t agency = 0;
    size_t prefix_bytes = read_prefix(row, bytes, &agency);
    return unquote(row + prefix_bytes, bytes - prefix_bytes, row_out);
}
