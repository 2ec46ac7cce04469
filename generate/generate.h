/*
 * generate.h - writes agencies' files of bets whose winners are known beforehand.
 *
 * The files look like the real ones: the same skew between agencies, CRLF line
 * ends, names with accents. Agencies 1 to 5 have 2, 3, 3, 2 and 0 rows with the winning
 * number, agencies 6 to 10 again, and so on. So a test knows the winners beforehand. The
 * same plan gives the same bytes.
 *
 * Called by lottery-generate, which is one process.
 */
#ifndef GENERATE_GENERATE_H
#define GENERATE_GENERATE_H

#include "lib/failure.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    GENERATE_BETS_DEFAULT = 78697, /* as many as the five real files hold */
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

/* Returns how many rows the agency, 1 .. plan->agencies, gets. All together get plan->bets. */
uint64_t generate_rows(const struct generate_plan *plan, uint32_t agency);

/* Returns how many of the agency's rows win. */
uint32_t generate_winners(const struct generate_plan *plan, uint32_t agency);

/*
 * Writes DIRECTORY/agency-<agency>.csv under a temporary name, and renames it when it is
 * complete. *file tells what was written. Returns false with the failure.
 */
bool generate_write(const struct generate_plan *plan, uint32_t agency, struct generate_file *file,
                    struct failure *failure);

#endif
