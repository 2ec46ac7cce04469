/*
 * shorter.h - since when a log seems to end before what was read of it.
 *
 * Why it exists: a node of the engine that has just started again tells of less than there is. So that a
 * log is shorter is believed only where it stays so.
 *
 * Called by lottery-shipper, by its one thread.
 */
#ifndef SHIPPER_SHORTER_H
#define SHIPPER_SHORTER_H

#include "lib/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHORTER_MAX_MS = 15000 }; /* so long a node may tell old news: an election, and more */

/* Zeroed: it is not. */
struct shorter {
    int64_t since_ms; /* monotonic; 0: it is not */
};

/* The log seems shorter now. True where it has for `patience_ms`, at each look. */
static inline bool shorter_is_believed(struct shorter *shorter, int64_t patience_ms)
{
    const int64_t now_ms = clock_monotonic_ms();
    if (shorter->since_ms == 0) {
        shorter->since_ms = now_ms;
    }
    return now_ms - shorter->since_ms >= patience_ms;
}

/* The log has all that was read. */
static inline void shorter_is_not(struct shorter *shorter)
{
    shorter->since_ms = 0;
}

#endif
