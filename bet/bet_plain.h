/*
 * bet_plain.h - a quick test that a row is valid, on words of eight bytes.
 *
 * For bet_convert.c and bet_csv.c, which go through millions of rows. A row that
 * passes is valid. A row that fails may still be valid; bet_parse decides.
 */
#ifndef BET_BET_PLAIN_H
#define BET_BET_PLAIN_H

#include "bet/bet.h"

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    PLAIN_COMMAS = BET_FIELDS - 1,
    PLAIN_WORD_BYTES = 8,
    PLAIN_BYTE_BITS = 8,
    PLAIN_DATE_BYTES = 10, /* YYYY-MM-DD */
    PLAIN_MONTHS = 12
};

#define PLAIN_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))
#define PLAIN_HIGH_BITS        PLAIN_EACH_BYTE(0x80)

/* Reads eight bytes, the first one lowest, whatever the processor's byte order. */
static inline uint64_t plain_load_word(const char *bytes)
{
    uint64_t word = 0;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

/* True when all eight bytes are digits. */
static inline bool plain_all_digits(uint64_t word)
{
    const uint64_t over_nine = word + PLAIN_EACH_BYTE(0x80 - '9' - 1);
    const uint64_t under_zero = word - PLAIN_EACH_BYTE('0');
    return ((over_nine | under_zero | word) & PLAIN_HIGH_BITS) == 0;
}

/* True when the `count` (1 to 8) bytes at `digits` are digits. Eight bytes must be readable. */
static inline bool plain_digits_from(const char *digits, size_t count)
{
    uint64_t others = count == PLAIN_WORD_BYTES ? 0 : UINT64_MAX << (count * PLAIN_BYTE_BITS);
    return plain_all_digits((plain_load_word(digits) & ~others) | (PLAIN_EACH_BYTE('0') & others));
}

/* True when the `count` (1 to 8) bytes before `end` are digits. Eight must be readable. */
static inline bool plain_digits_before(const char *end, size_t count)
{
    uint64_t others = count == PLAIN_WORD_BYTES ? 0 : UINT64_MAX >> (count * PLAIN_BYTE_BITS);
    uint64_t word = plain_load_word(end - PLAIN_WORD_BYTES);
    return plain_all_digits((word & ~others) | (PLAIN_EACH_BYTE('0') & others));
}

/* Byte number `index` of a word, 0 to 7. */
static inline unsigned plain_byte(uint64_t word, unsigned index)
{
    return (unsigned)(word >> (index * PLAIN_BYTE_BITS)) & 0xffU;
}

/* True for a valid date YYYY-MM-DD but 29 February, which bet_parse decides. */
static inline bool plain_date(const char *date)
{
    static const unsigned char days[PLAIN_MONTHS + 1] = {0,  31, 28, 31, 30, 31, 30,
                                                         31, 31, 30, 31, 30, 31};
    /* Less "0000-00-", a digit's byte is 0 to 9 and a dash's is 0. */
    const uint64_t values = plain_load_word(date) ^ plain_load_word("0000-00-");
    const uint64_t limits = plain_load_word("\x76\x76\x76\x76\x7f\x76\x76\x7f");
    const unsigned tens = (unsigned)(unsigned char)date[8] - '0';
    const unsigned ones = (unsigned)(unsigned char)date[9] - '0';
    if (((values | (values + limits)) & PLAIN_HIGH_BITS) != 0 || tens > 9 || ones > 9) {
        return false;
    }
    const unsigned month = plain_byte(values, 5) * 10 + plain_byte(values, 6);
    const unsigned day = tens * 10 + ones;
    const bool has_year = (uint32_t)values != 0;
    return has_year && month >= 1 && month <= PLAIN_MONTHS && day >= 1 && day <= days[month];
}

/*
 * True when the row [row_start, row_end) of `rows`, with commas at `comma`[0..3], has five
 * valid fields of the usual lengths. Its text has to be known to be clean.
 */
static inline bool plain_row(const char *rows, size_t row_start, const uint16_t *comma,
                             size_t row_end)
{
    const size_t document_bytes = (size_t)comma[2] - comma[1] - 1;
    const size_t number_bytes = row_end - comma[3] - 1;
    return comma[0] > row_start && comma[1] > comma[0] + 1 &&
           comma[3] - comma[2] - 1 == PLAIN_DATE_BYTES && document_bytes - 1 < PLAIN_WORD_BYTES &&
           number_bytes - 1 < PLAIN_WORD_BYTES &&
           plain_digits_from(rows + comma[1] + 1, document_bytes) &&
           plain_date(rows + comma[2] + 1) && plain_digits_before(rows + row_end, number_bytes);
}

#endif
