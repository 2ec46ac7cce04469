/*
 * similar.h - which known name somebody meant who wrote another one: "adress", "address".
 *
 * Why it exists: a message about an unknown key, option or command is quicker to act on when it
 * says what was probably meant. Pure functions; any process may call them.
 */
#ifndef LIB_SIMILAR_H
#define LIB_SIMILAR_H

#include <stddef.h>

enum { SIMILAR_BYTES_MAX = 48 /* of a name; longer ones are like no other */ };

/* A search. What it points to is the caller's. */
struct similar {
    const char *name; /* what was written */
    size_t bytes;
    const char *best; /* the known name that is most like it; NULL: none is */
    size_t best_bytes;
    size_t changes; /* between the two */
};

/* Begins a search for what `bytes` bytes of `name` were meant to be. */
void similar_begin(struct similar *similar, const char *name, size_t bytes);

/*
 * Offers a known name. It is like the one that was written where one letter in three, and one at
 * least, is wrong, missing, too many, or has changed places with its neighbour. The case of
 * letters counts for nothing. Of several equally good ones the first is kept.
 */
void similar_offer(struct similar *similar, const char *known, size_t bytes);

#endif
