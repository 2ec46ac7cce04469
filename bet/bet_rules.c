/*
 * bet_rules.c - see bet_rules.h.
 */
#include "bet/bet_rules.h"

#include <string.h>

bool bet_rules_are_set(const struct bet_rules *rules)
{
    return rules->number_max < UINT32_MAX || rules->born_until[0] != '\0';
}

static enum bet_fault check_row(const struct bet_rules *rules, const char *row, size_t bytes)
{
    struct bet bet;
    uint32_t number = 0;
    enum bet_fault fault = bet_parse(row, bytes, &bet);
    if (fault != BET_VALID) {
        return fault;
    }
    const struct bet_field *birthdate = &bet.fields[BET_BIRTHDATE];
    const struct bet_field *digits = &bet.fields[BET_NUMBER];
    if (rules->born_until[0] != '\0' &&
        memcmp(birthdate->text, rules->born_until, birthdate->bytes) > 0) {
        return BET_BORN_TOO_LATE; /* as text: years have four digits */
    }
    bet_parse_uint32(digits->text, digits->bytes, &number);
    return number > rules->number_max ? BET_NUMBER_TOO_HIGH : BET_VALID;
}

enum bet_fault bet_rules_check(const struct bet_rules *rules, const char *rows, size_t bytes,
                               size_t *row)
{
    const char *end = rows + bytes;
    *row = 0;
    for (const char *at = rows; at < end; (*row)++) {
        const char *line_feed = memchr(at, '\n', (size_t)(end - at));
        const char *row_end = line_feed == NULL ? end : line_feed;
        enum bet_fault fault = check_row(rules, at, (size_t)(row_end - at));
        if (fault != BET_VALID) {
            return fault;
        }
        at = row_end + 1;
    }
    return BET_VALID;
}
