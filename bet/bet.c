/*
 * bet.c - what a valid bet is; see bet.h. bet_convert.c and bet_csv.c are its
 * other two files: to bets.csv, and back.
 */
#include "bet/bet.h"

#include "lib/text.h"

#include <string.h>

enum {
    BIRTHDATE_BYTES = 10, /* YYYY-MM-DD */
    ROW_COMMAS = BET_FIELDS - 1,
    FEBRUARY = 2
};

static const char *const fault_texts[BET_FAULTS] = {
    [BET_VALID] = "the bet is valid",
    [BET_NOT_FIVE_FIELDS] = "not five fields",
    [BET_EMPTY_NAME] = "a name is empty",
    [BET_BAD_DOCUMENT] = "the document is not digits",
    [BET_BAD_BIRTHDATE] = "the birthdate is not a date YYYY-MM-DD",
    [BET_BAD_NUMBER] = "the number is not a non-negative 32-bit decimal",
    [BET_BAD_TEXT] = "not UTF-8, or a control character",
    [BET_NUMBER_TOO_HIGH] = "the number is above rules.number_max",
    [BET_BORN_TOO_LATE] = "the birthdate is in the future (rules.birthdate)",
};

const char *bet_fault_text(enum bet_fault fault)
{
    return fault_texts[fault];
}

/* ------------------------------------------------------------- fields ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(struct bet_field field)
{
    for (size_t i = 0; i < field.bytes; i++) {
        if (!is_digit(field.text[i])) {
            return false;
        }
    }
    return field.bytes > 0;
}

static unsigned two_digits(const char *text)
{
    return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

unsigned bet_days_of_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == FEBRUARY && leap ? 1U : 0U);
}

static bool is_date(struct bet_field field)
{
    static const char shape[] = "dddd-dd-dd";
    if (field.bytes != BIRTHDATE_BYTES) {
        return false;
    }
    for (size_t i = 0; i < BIRTHDATE_BYTES; i++) {
        if (shape[i] == 'd' ? !is_digit(field.text[i]) : field.text[i] != shape[i]) {
            return false;
        }
    }
    unsigned year = two_digits(field.text) * 100 + two_digits(field.text + 2);
    unsigned month = two_digits(field.text + 5);
    unsigned day = two_digits(field.text + 8);
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= bet_days_of_month(year, month);
}

bool bet_parse_uint32(const char *digits, size_t bytes, uint32_t *value)
{
    if (bytes == 0) {
        return false;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (!is_digit(digits[i])) {
            return false;
        }
        sum = sum * 10 + (uint64_t)(digits[i] - '0');
        if (sum > UINT32_MAX) {
            return false;
        }
    }
    *value = (uint32_t)sum;
    return true;
}

/* ---------------------------------------------------------------- rows ---- */

/* Cuts a row into the fields from `first` to the last one; false when their number is wrong. */
static bool split_row(enum bet_field_index first, const char *row, size_t bytes, struct bet *bet)
{
    const char *at = row;
    const char *end = row + bytes;
    for (int i = (int)first; i < ROW_COMMAS; i++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (comma == NULL) {
            return false;
        }
        bet->fields[i] = (struct bet_field){at, (size_t)(comma - at)};
        at = comma + 1;
    }
    bet->fields[BET_NUMBER] = (struct bet_field){at, (size_t)(end - at)};
    return memchr(at, ',', (size_t)(end - at)) == NULL;
}

enum bet_fault bet_parse_from(enum bet_field_index first, const char *row, size_t bytes,
                              struct bet *bet)
{
    if (!text_is_clean(row, bytes)) {
        return BET_BAD_TEXT;
    }
    if (!split_row(first, row, bytes, bet)) {
        return BET_NOT_FIVE_FIELDS;
    }
    const struct bet_field *fields = bet->fields;
    for (int i = (int)first; i <= BET_LAST_NAME; i++) {
        if (fields[i].bytes == 0) {
            return BET_EMPTY_NAME;
        }
    }
    if (!all_digits(fields[BET_DOCUMENT])) {
        return BET_BAD_DOCUMENT;
    }
    if (!is_date(fields[BET_BIRTHDATE])) {
        return BET_BAD_BIRTHDATE;
    }
    uint32_t number = 0;
    bool fits = bet_parse_uint32(fields[BET_NUMBER].text, fields[BET_NUMBER].bytes, &number);
    return fits ? BET_VALID : BET_BAD_NUMBER;
}

enum bet_fault bet_parse(const char *row, size_t bytes, struct bet *bet)
{
    return bet_parse_from(BET_FIRST_NAME, row, bytes, bet);
}
