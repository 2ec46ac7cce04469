/*
 * history.h - throughput and sync times of the last minutes, a sample a second.
 *
 * Why it exists: shared memory has totals, and a page that is opened now shows what was before, too.
 *
 * A sample is the growth of totals between two looks that are a second or more apart. Where there
 * was no server, or another one, its figures are unknown. Pure functions on the caller's struct.
 * Called by lottery-web alone; when it dies the history is forgotten.
 */
#ifndef WEB_HISTORY_H
#define WEB_HISTORY_H

#include "stat/snapshot.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { HISTORY_SAMPLES = 300, HISTORY_SAMPLE_MS = 1000 };

/* What is unknown is NAN, or SNAPSHOT_UNKNOWN. */
struct history_sample {
    uint64_t at_ms; /* its end, since 1970 */
    double bets_a_second, bytes_a_second, syncs_a_second;
    uint64_t sync_mean_ns, sync_slowest_ns; /* the slowest of those that a look has seen */
};

/* The totals that the next sample is counted from. */
struct history_base {
    bool known; /* there was a server */
    uint64_t at_ms, at_ns;
    uint64_t pid, started_at_ms;
    uint64_t bets, durable_bytes, flushes, sync_total_ns;
};

/* Zeroed: empty. */
struct history {
    struct history_base base;
    uint64_t slowest_ns;                            /* since the base */
    uint64_t count;                                 /* all samples, the forgotten ones included */
    struct history_sample samples[HISTORY_SAMPLES]; /* number n stands at n % HISTORY_SAMPLES */
};

/* Takes in one look; NULL: there was no server. `now_ms` is since 1970, `now_ns` monotonic. */
void history_look(struct history *history, const struct snapshot *snapshot, uint64_t now_ms,
                  uint64_t now_ns);

/* Prints the newest `limit` samples as a JSON array of objects, the oldest first. */
void history_print(FILE *file, const struct history *history, uint64_t limit);

#endif
