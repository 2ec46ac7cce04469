/*
 * people.h - draws plausible bettors: names, documents, birthdates.
 *
 * The same seed gives the same people on every machine. The random numbers are not fit
 * for cryptography. Pure functions; the caller owns the generator's state.
 */
#ifndef GENERATE_PEOPLE_H
#define GENERATE_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

/* The longest row with its CRLF: names of at most 24 bytes each, and the rest. */
enum { GENERATE_ROW_BYTES_MAX = 128, GENERATE_NUMBERS = 10000 };

struct generate_random {
    uint64_t state; /* any value is a good seed */
};

/* Draws a number below `bound`, which is at least 1. */
uint32_t generate_below(struct generate_random *random, uint32_t bound);

/*
 * Writes one row, `first,last,document,birthdate,number CRLF`, to `row`, which has
 * room for GENERATE_ROW_BYTES_MAX bytes. Returns its bytes. `number` is below
 * GENERATE_NUMBERS.
 */
size_t generate_row(struct generate_random *random, uint32_t number, char *row);

#endif
