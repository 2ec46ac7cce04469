/*
 * generate.h - writes agencies' files of bets whose winners are known beforehand.
 *
 * The files look like the real ones: the same skew between agencies, CRLF line
 * ends, names with accents. Of each agency's rows 2, 3, 3, 2 or 0, over and
 * over, bear the winning number, and no other row does: a test that has run
 * them through the system knows what has to come out. The same plan gives the
 * same bytes.
 */
#ifndef GENERATE_GENERATE_H
#define GENERATE_GENERATE_H

#include "lib/failure.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    GENERATE_BETS_DEFAULT = 78697, /* what the real five files hold */
    GENERATE_BETS_MAX = 1000000000,
    GENERATE_AGENCIES_DEFAULT = 5,
    GENERATE_AGENCIES_MAX = 10000,
    GENERATE_WINNING_NUMBER_DEFAULT = 7574
};

struct generate_plan {
    uint64_t bets;     /* of all agencies together, at most GENERATE_BETS_MAX */
    uint32_t agencies; /* 1 .. GENERATE_AGENCIES_MAX */
    uint64_t seed;
    uint32_t winning_number; /* 0 .. 9999 */
    const char *directory;
};

struct generate_file {
    char path[PATH_MAX];
    uint64_t rows;
    uint32_t winners;
};

/* How many rows agency 1 .. plan->agencies gets; together they are plan->bets. */
uint64_t generate_rows(const struct generate_plan *plan, uint32_t agency);

/* How many of them win. */
uint32_t generate_winners(const struct generate_plan *plan, uint32_t agency);

/*
 * Writes DIRECTORY/agency-<agency>.csv, by way of a temporary name, and says
 * in *file what was written.
 */
bool generate_write(const struct generate_plan *plan, uint32_t agency, struct generate_file *file,
                    struct failure *failure);

#endif
