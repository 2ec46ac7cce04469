/*
 * bet_convert.c - turns rows of the wire into rows of bets.csv; see bet.h.
 *
 * Most of a bet's processor time is spent here, so every byte is looked at once.
 * Some kilobytes at a time are scanned for commas, line feeds and unusual bytes
 * (row_scan.h). A row of usual bytes whose fields pass a few tests on whole
 * words (bet_plain.h) is copied as it stands. Every other row goes the long way
 * through bet_parse, which alone decides that a bet is bad.
 *
 * Why BET_CSV_BYTES_MAX is enough: a valid row of L bytes, its LF included,
 * has names of n1 and n2 bytes with n1 + n2 <= L - 17. In bets.csv it grows by
 * the agency's prefix (11 at most), by two quotes around each name and one for
 * each quote inside (n1 + n2 + 4 at most), and by the CR (1): 16 + L - 17 < L
 * more bytes at most. Copying in pieces writes less than BET_COPY_BYTES past
 * a row's end.
 */
#include "bet/bet.h"

#include "bet/bet_plain.h"
#include "bet/row_scan.h"
#include "lib/decimal.h"

#include <string.h>

enum { PREFIX_ROOM = 16 };

struct converter {
    const char *rows;
    size_t bytes;
    char *out;
    char prefix[PREFIX_ROOM]; /* "agency,", then whatever */
    size_t prefix_bytes;
    size_t row_start; /* of the first row that is not converted */
    size_t rows_done;
};

/* -------------------------------------------------------------- long way ---- */

/* Copies a name, quoted where RFC 4180 asks for it; returns the end of the copy. */
static char *write_csv_name(char *out, struct bet_field name)
{
    if (memchr(name.text, '"', name.bytes) == NULL) {
        memcpy(out, name.text, name.bytes);
        return out + name.bytes;
    }
    *out++ = '"';
    for (size_t i = 0; i < name.bytes; i++) {
        if (name.text[i] == '"') {
            *out++ = '"';
        }
        *out++ = name.text[i];
    }
    *out++ = '"';
    return out;
}

static char *write_csv_row(char *out, const struct converter *converter, const struct bet *bet)
{
    const struct bet_field *fields = bet->fields;
    const struct bet_field *number = &fields[BET_NUMBER];
    memcpy(out, converter->prefix, converter->prefix_bytes);
    out = write_csv_name(out + converter->prefix_bytes, fields[BET_FIRST_NAME]);
    *out++ = ',';
    out = write_csv_name(out, fields[BET_LAST_NAME]);
    const char *rest = fields[BET_DOCUMENT].text - 1; /* from the comma before the document */
    size_t rest_bytes = (size_t)(number->text + number->bytes - rest);
    memcpy(out, rest, rest_bytes);
    out += rest_bytes;
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

static enum bet_fault convert_slowly(struct converter *converter, size_t row_end)
{
    struct bet bet;
    enum bet_fault fault =
        bet_parse(converter->rows + converter->row_start, row_end - converter->row_start, &bet);
    if (fault == BET_VALID) {
        converter->out = write_csv_row(converter->out, converter, &bet);
    }
    return fault;
}

/* ------------------------------------------------------------- short way ---- */

/* Copies the row in whole pieces, where that reads nothing after the last row. */
static inline void copy_row(struct converter *converter, size_t row_end)
{
    const char *row = converter->rows + converter->row_start;
    const size_t row_bytes = row_end - converter->row_start;
    memcpy(converter->out, converter->prefix, PREFIX_ROOM);
    char *out = converter->out + converter->prefix_bytes;
    if (converter->bytes - row_end >= BET_COPY_BYTES) {
        for (size_t at = 0; at < row_bytes; at += BET_COPY_BYTES) {
            memcpy(out + at, row + at, BET_COPY_BYTES);
        }
    } else {
        memcpy(out, row, row_bytes);
    }
    out[row_bytes] = '\r';
    out[row_bytes + 1] = '\n';
    converter->out = out + row_bytes + 2;
}

/* ------------------------------------------------------------------ rows ---- */

/* The row that begins at row_start ends before `row_end`. */
static inline enum bet_fault take_row(struct converter *converter, size_t row_end, bool is_plain)
{
    if (is_plain) {
        copy_row(converter, row_end);
    } else {
        enum bet_fault fault = convert_slowly(converter, row_end);
        if (fault != BET_VALID) {
            return fault;
        }
    }
    converter->rows_done++;
    converter->row_start = row_end + 1;
    return BET_VALID;
}

/* Goes through the rows that end among the marks, which were made from `base` on. */
static enum bet_fault take_marked_rows(struct converter *converter, const struct row_marks *marks,
                                       size_t base)
{
    const char *rows = converter->rows + base;
    size_t first = 0;
    for (size_t i = 0; i < marks->row_count; i++) {
        const size_t start = converter->row_start - base;
        const size_t row_end = marks->row_ends[i];
        const bool is_usual = row_is_usual(marks, start, row_end, first, PLAIN_COMMAS);
        const bool is_plain = is_usual && plain_row(rows, start, marks->ends + first, row_end);
        enum bet_fault fault = take_row(converter, base + row_end, is_plain);
        if (fault != BET_VALID) {
            return fault;
        }
        first = is_usual ? first + PLAIN_COMMAS + 1 : row_skip_ends(marks, first, row_end);
    }
    return BET_VALID;
}

/* A row of more bytes than are scanned at once. */
static enum bet_fault take_long_row(struct converter *converter)
{
    const char *row = converter->rows + converter->row_start;
    const char *line_feed = memchr(row, '\n', converter->bytes - converter->row_start);
    const size_t row_end =
        line_feed == NULL ? converter->bytes : (size_t)(line_feed - converter->rows);
    return take_row(converter, row_end, false);
}

struct bet_conversion bet_rows_to_csv(uint32_t agency, const char *rows, size_t bytes, char *csv)
{
    struct converter converter = {.rows = rows, .bytes = bytes, .out = csv};
    char *prefix_end = decimal_write(converter.prefix, agency);
    *prefix_end++ = ',';
    converter.prefix_bytes = (size_t)(prefix_end - converter.prefix);
    struct row_marks marks;
    enum bet_fault fault = BET_VALID;
    while (converter.row_start < bytes && fault == BET_VALID) {
        const size_t base = converter.row_start;
        row_scan(rows + base, bytes - base, &marks);
        fault = marks.row_count > 0 ? take_marked_rows(&converter, &marks, base)
                                    : take_long_row(&converter);
    }
    return (struct bet_conversion){
        .rows = converter.rows_done,
        .csv_bytes = fault == BET_VALID ? (size_t)(converter.out - csv) : 0,
        .fault = fault,
    };
}
