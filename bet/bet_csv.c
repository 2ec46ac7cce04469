/*
 * bet_csv.c - reads the rows of bets.csv; see bet.h.
 */
#include "bet/bet.h"

#include "bet/bet_plain.h"
#include "bet/block_scan.h"
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

enum { COMMAS_KEPT = 8, CSV_COMMAS = 1 + PLAIN_COMMAS };

struct scanner {
    const char *rows;
    void (*run)(void *context, uint32_t agency, uint64_t rows, uint64_t bytes);
    void *context;
    size_t row_start;
    size_t comma[COMMAS_KEPT];
    unsigned commas;
    bool suspect;        /* the row is in a block that is */
    uint32_t agency;     /* of the run */
    size_t prefix_bytes; /* of the run's rows; 0: there is no run */
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

/* True when the row begins as the run's rows do. */
static inline bool continues_run(const struct scanner *scanner)
{
    return scanner->prefix_bytes > 0 &&
           scanner->comma[0] + 1 == scanner->row_start + scanner->prefix_bytes &&
           memcmp(scanner->rows + scanner->row_start, scanner->rows + scanner->run_start,
                  scanner->prefix_bytes) == 0;
}

static void begin_run(struct scanner *scanner, uint32_t agency, size_t prefix_bytes)
{
    end_run(scanner);
    scanner->agency = agency;
    scanner->prefix_bytes = prefix_bytes;
    scanner->run_start = scanner->row_start;
}

/* A row whose CRLF stands at `row_end`; false when it is not valid. */
static inline bool scan_row(struct scanner *scanner, size_t row_end)
{
    const char *row = scanner->rows + scanner->row_start;
    bool plain = scanner->commas == CSV_COMMAS && !scanner->suspect && continues_run(scanner) &&
                 plain_row(scanner->rows, scanner->comma[0] + 1, scanner->comma + 1, row_end);
    if (!plain) {
        uint32_t agency = 0;
        if (bet_csv_parse(row, row_end - scanner->row_start, &agency) != BET_VALID) {
            return false;
        }
        if (scanner->prefix_bytes == 0 || agency != scanner->agency) {
            begin_run(scanner, agency, read_prefix(row, row_end - scanner->row_start, &agency));
        }
    }
    scanner->run_rows++;
    scanner->row_start = row_end + sizeof "\r\n" - 1;
    scanner->commas = 0;
    return true;
}

static inline bool scan_block(struct scanner *scanner, size_t base, const struct block_masks *masks)
{
    scanner->suspect |= masks->suspect;
    for (uint64_t ends = masks->commas | masks->line_feeds; ends != 0; ends &= ends - 1) {
        const unsigned bit = (unsigned)__builtin_ctzll(ends);
        const size_t at = base + bit;
        if ((masks->line_feeds >> bit & 1) == 0) {
            scanner->comma[scanner->commas++ % COMMAS_KEPT] = at;
            continue;
        }
        if (at == scanner->row_start || scanner->rows[at - 1] != '\r' ||
            !scan_row(scanner, at - 1)) {
            return false;
        }
        scanner->suspect = masks->suspect;
    }
    return true;
}

/* Carriage returns elsewhere than before line feeds are control characters like any other. */
static void mark_stray_returns(struct block_masks *masks, bool return_before)
{
    uint64_t expected = masks->carriage_returns << 1 | (return_before ? 1 : 0);
    masks->suspect |= (expected & ~masks->line_feeds) != 0;
}

size_t bet_csv_scan(const char *rows, size_t bytes,
                    void (*run)(void *context, uint32_t agency, uint64_t rows, uint64_t bytes),
                    void *context)
{
    struct scanner scanner = {.rows = rows, .run = run, .context = context};
    bool open = false;
    bool return_before = false;
    bool good = true;
    for (size_t base = 0; base < bytes && good; base += BLOCK_SCAN_BYTES) {
        char last_block[BLOCK_SCAN_BYTES];
        const char *block = rows + base;
        if (bytes - base < BLOCK_SCAN_BYTES) {
            memset(last_block, ' ', sizeof last_block);
            memcpy(last_block, block, bytes - base);
            block = last_block;
        }
        struct block_masks masks = block_scan(block, open);
        mark_stray_returns(&masks, return_before);
        open = masks.open;
        return_before = masks.carriage_returns >> (BLOCK_SCAN_BYTES - 1) != 0;
        good = scan_block(&scanner, base, &masks);
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
