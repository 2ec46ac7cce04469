/*
 * keys.h - what a user has pressed, from the bytes that a terminal sends.
 *
 * A key that has no character is a sequence of several bytes (ECMA-48 and xterm: ESC [ A), which
 * may come in pieces. The reader remembers the beginning of one. Called by lottery-stat alone.
 */
#ifndef STAT_KEYS_H
#define STAT_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum { KEYS_SEQUENCE_BYTES = 8, KEYS_PATIENCE_MS = 50 };

/* Zeroed: nothing has been pressed. */
struct keys {
    char sequence[KEYS_SEQUENCE_BYTES]; /* the bytes of a key that is not whole yet */
    size_t used;
};

/* A character is itself, in lower case; the others have these numbers. */
enum key {
    KEY_UNKNOWN = 256, /* a sequence that means nothing here */
    KEY_UP,
    KEY_DOWN,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_ESCAPE /* keys_give_up */
};

/*
 * Takes one byte. Returns true when it completes a key, which *key is then: the number of a
 * character, or one of enum key.
 */
bool keys_take(struct keys *keys, char byte, int *key);

/*
 * True while ESC has come and nothing after it: the key Escape, or the beginning of another one. Where
 * nothing more comes within KEYS_PATIENCE_MS it was Escape, and keys_give_up forgets it.
 */
bool keys_are_open(const struct keys *keys);
void keys_give_up(struct keys *keys);

#endif
