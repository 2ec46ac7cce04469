/*
 * happenings.h - what has happened to the server: deaths, repairs, a full disk, the draw.
 *
 * Why it exists: shared memory has counters, and people want to see that the storer died just now,
 * and that another one goes on. Each look at the server is compared with the one before.
 *
 * The newest HAPPENINGS_KEPT are remembered, each with a number that only grows. What happens twice
 * between two looks is one happening with the count 2. Pure functions on the caller's struct.
 * Called by lottery-web alone; when it dies they are forgotten.
 */
#ifndef WEB_HAPPENINGS_H
#define WEB_HAPPENINGS_H

#include "stat/snapshot.h"

#include <stdint.h>
#include <stdio.h>

enum { HAPPENINGS_KEPT = 64 };

struct happening {
    uint64_t number;                  /* from 1 on */
    uint64_t at_ms;                   /* since 1970: when it was seen */
    uint64_t count;                   /* how many of them, or how many there are now */
    const char *kind;                 /* a word, "storer_died"; constant */
    char detail[SNAPSHOT_WORD_BYTES]; /* of a draw: its state; else "" */
};

/* Zeroed: nothing has happened. */
struct happenings {
    uint64_t count;                           /* all of them, the forgotten ones included */
    struct happening newest[HAPPENINGS_KEPT]; /* number n stands at (n - 1) % HAPPENINGS_KEPT */
};

/* Notes one. `detail` is copied, and cut where it is longer than there is room. */
void happenings_note(struct happenings *happenings, uint64_t at_ms, const char *kind,
                     uint64_t count, const char *detail);

/*
 * Notes what differs between two snapshots. Of two different servers, that another one was started
 * is all.
 */
void happenings_compare(struct happenings *happenings, const struct snapshot *older,
                        const struct snapshot *newer);

/* Prints the newest `limit` of them as a JSON array, the oldest first. Errors stay in `file`. */
void happenings_print(FILE *file, const struct happenings *happenings, uint64_t limit);

#endif
