/*
 * draw_facts.h - what control says of a draw, as lottery-admin shows it: for people, and as JSON.
 *
 * One table has the facts; both outputs are loops over it. Pure functions. Called by
 * lottery-admin's commands.
 */
#ifndef ADMIN_DRAW_FACTS_H
#define ADMIN_DRAW_FACTS_H

#include "admin/members.h"
#include "store/control.h"

#include <stdint.h>
#include <stdio.h>

/* How many bets a draw has where nobody has counted them. */
#define DRAW_BETS_UNKNOWN UINT64_MAX

struct draw_facts {
    struct control control;
    uint64_t bets; /* DRAW_BETS_UNKNOWN, or counted */
};

/* Prints a line for each fact that is known, indented. */
void draw_facts_print(FILE *file, const struct draw_facts *facts);

/* Adds a member for each fact; null where it is not known. */
void draw_facts_add(struct members *members, const struct draw_facts *facts);

#endif
