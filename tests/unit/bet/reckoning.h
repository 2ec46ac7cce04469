/*
 * reckoning.h - rows and bets.csv by the slow, obvious way, for tests of the fast one.
 *
 * It shares no code with bet/: fields by the grammar of RFC 4180, dates by the C library's
 * calendar. It also makes random rows, and changes them. Included by test_bet.c,
 * test_bet_csv.c and test_bet_convert.c only.
 */
#ifndef TESTS_UNIT_BET_RECKONING_H
#define TESTS_UNIT_BET_RECKONING_H

#include "bet/bet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h> /* after what it needs */

enum { ROW_BYTES_MAX = 512, RANDOM_ROWS = 20000, MUTATIONS = 200000 };

/* ----------------------------------------------------------- reckoning ---- */

/* What a field of bets.csv says, its quoting undone. */
struct text {
    char bytes[ROW_BYTES_MAX];
    size_t count;
};

static inline void put(struct text *text, char c)
{
    text->bytes[text->count++] = c;
}

static inline void put_all(struct text *text, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(text, bytes[i]);
    }
}

/* One field by the grammar of RFC 4180, section 2; returns where it ends, or NULL. */
static inline const char *read_rfc4180_field(const char *at, const char *end, struct text *field)
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
static inline size_t read_rfc4180_record(const char *row, size_t bytes, struct text *fields,
                                         size_t most)
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

static inline bool is_decimal(const struct text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        if (strchr("0123456789", text->bytes[i]) == NULL || text->bytes[i] == '\0') {
            return false;
        }
    }
    return text->count > 0;
}

/* Digits whose value is below 2^32, compared as text. */
static inline bool is_32_bit_decimal(const struct text *text)
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
static inline bool is_calendar_date(const struct text *text)
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
static inline bool is_plain_text(const struct text *text)
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

static inline bool is_name(const struct text *text)
{
    return text->count > 0 && is_plain_text(text) && memchr(text->bytes, ',', text->count) == NULL;
}

/* A field as it has to stand in bets.csv: in quotes when there is a quote inside. */
static inline void put_canonical(struct text *row, const struct text *field)
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
static inline bool is_row_slowly(const struct text *row)
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
static inline bool is_csv_row_slowly(const char *row, size_t bytes, uint32_t *agency)
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

static inline unsigned below(unsigned *seed, unsigned limit)
{
    return limit == 0 ? 0 : (unsigned)rand_r(seed) % limit;
}

/* A name of quotes, above all. */
static inline void put_random_name(struct text *row, unsigned *seed)
{
    static const char *const pieces[] = {"\"", "\"", "\"", "\"\"", "a", "7574",
                                         " ",  "ñ",  "É",  "x\"y", "'"};
    for (unsigned left = 1 + below(seed, 6); left > 0; left--) {
        const char *piece = pieces[below(seed, sizeof pieces / sizeof pieces[0])];
        put_all(row, piece, strlen(piece));
    }
}

/* A name as people have them, of any length that a word or a block of a scan may have. */
static inline void put_plain_name(struct text *row, unsigned *seed)
{
    for (unsigned left = 1 + below(seed, below(seed, 4) == 0 ? 70 : 12); left > 0; left--) {
        put(row, (char)('a' + below(seed, 26)));
    }
}

static inline void put_name(struct text *row, unsigned *seed)
{
    if (below(seed, 2) == 0) {
        put_plain_name(row, seed);
    } else {
        put_random_name(row, seed);
    }
}

/* A valid row of the wire, without LF. */
static inline void make_random_row(struct text *row, unsigned *seed)
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

static inline uint32_t random_agency(unsigned *seed)
{
    static const uint32_t agencies[] = {0, 1, 5, 10, 4294967295U, 4000000000U};
    return agencies[below(seed, sizeof agencies / sizeof agencies[0])];
}

static inline void mutate(char *row, size_t *bytes, unsigned *seed)
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
static inline bool has_longer_characters(const char *row, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)row[i] >= 0xe0) {
            return true;
        }
    }
    return false;
}

#endif
