/*
 * log_limit.h - limits how many lines of the log a peer can provoke.
 *
 * A peer can repeat a wrong message as fast as the network carries it. A token
 * bucket lets the first LOG_LIMIT_BURST lines through, and LOG_LIMIT_PER_SECOND
 * a second from then on; the bucket is full again after LOG_LIMIT_BURST /
 * LOG_LIMIT_PER_SECOND quiet seconds. Lines that are not let through are counted,
 * and the caller logs the count in a line of its own, `suppressed: N`, once in
 * LOG_LIMIT_SUMMARY_MS at most and at the end. So a caller's lines are never
 * more than LOG_LIMIT_BURST + (LOG_LIMIT_PER_SECOND + 1) * seconds + 1.
 *
 *     int64_t now_ms = clock_monotonic_ms();
 *     if (log_limit_admits(&limit, now_ms)) {
 *         log_warning(LOG_..., "result: fail | ...");
 *     }
 *     uint64_t suppressed = log_limit_take_suppressed(&limit, now_ms);
 *     if (suppressed > 0) {
 *         log_warning(LOG_..., "result: fail | suppressed: %" PRIu64 "...", suppressed);
 *     }
 *
 * The process that logs owns the struct: a handler has one for its connection, the
 * supervisor one for connections that it refuses. There is no other state, and no call
 * reads a clock: `now_ms` is clock_monotonic_ms() and must not go back.
 */
#ifndef LIB_LOG_LIMIT_H
#define LIB_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOG_LIMIT_BURST = 20,       /* lines at once */
    LOG_LIMIT_PER_SECOND = 2,   /* lines a second, from then on */
    LOG_LIMIT_SUMMARY_MS = 1000 /* from the first line that is suppressed to the line about it */
};

struct log_limit {
    int64_t credit_ms;      /* what it may still use: a line costs 1000 / LOG_LIMIT_PER_SECOND */
    int64_t credited_at_ms; /* time up to here has been turned into credit */
    int64_t summary_at_ms;  /* the summary is due from here on; valid while suppressed > 0 */
    uint64_t suppressed;    /* lines not let through, and not told yet */
};

/* Makes it a full bucket. */
void log_limit_open(struct log_limit *limit, int64_t now_ms);

/* True: write the line. False: don't; it has been counted. Call it once for each line. */
bool log_limit_admits(struct log_limit *limit, int64_t now_ms);

/*
 * Returns how many lines were suppressed since the last summary, and sets the count to 0.
 * Returns 0 also where the summary is not due yet. Call it after log_limit_admits, and
 * when log_limit_patience_ms has gone by.
 */
uint64_t log_limit_take_suppressed(struct log_limit *limit, int64_t now_ms);

/* The same, due or not, for the caller's end. */
uint64_t log_limit_take_rest(struct log_limit *limit);

/* Returns the ms until a summary is due, for a timeout of poll(2); -1 where nothing is. */
int64_t log_limit_patience_ms(const struct log_limit *limit, int64_t now_ms);

#endif
