/*
 * bet_rules.h - what a lottery may ask of its bets beyond their form: a highest number, no birthday to come.
 *
 * Rules of business, set by configuration, and off by default. They are held
 * against bets as they arrive; what is stored already is not judged by them.
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

/* True when there is anything to check: else every valid row keeps the rules. */
bool bet_rules_are_set(const struct bet_rules *rules);

/*
 * Looks for the first of the valid rows, each ended by LF (the last one's LF may be missing), that
 * breaks a rule. BET_VALID when there is none; else what is wrong, and *row is its
 * index, counted from 0.
 */
enum bet_fault bet_rules_check(const struct bet_rules *rules, const char *rows, size_t bytes,
                               size_t *row);

#endif
