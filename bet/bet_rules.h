/*
 * bet_rules.h - a lottery's own rules: a highest number, no birthdate after today.
 *
 * They are set by configuration, and off by default. Bets are checked as they
 * arrive; bets that are stored already are not checked again.
 *
 * Pure functions; any process may call them.
 */
#ifndef BET_BET_RULES_H
#define BET_BET_RULES_H

#include "bet/bet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BET_RULES_DATE_BYTES = sizeof "9999-12-31" };

struct bet_rules {
    uint32_t number_max;                   /* the highest number that may be bet on */
    char born_until[BET_RULES_DATE_BYTES]; /* the latest birthdate, YYYY-MM-DD; "": any */
};

/* True when there is a rule to check. Where it is false, every valid row passes. */
bool bet_rules_are_set(const struct bet_rules *rules);

/*
 * Looks for the first row that breaks a rule among `bytes` bytes of valid rows, each ended
 * by LF (the last one's LF may be missing). Returns BET_VALID when there is none; else what
 * is wrong, and in *row the row's index, counted from 0.
 */
enum bet_fault bet_rules_check(const struct bet_rules *rules, const char *rows, size_t bytes,
                               size_t *row);

#endif
