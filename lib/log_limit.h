/*
 * log_limit.h - how many lines of the log somebody outside can provoke.
 *
 * A peer can repeat a wrong message as fast as the network carries it. A token
 * bucket lets the first LOG_LIMIT_BURST lines through, and LOG_LIMIT_PER_SECOND
 * a second from then on; the bucket is full again after LOG_LIMIT_BURST /
 * LOG_LIMIT_PER_SECOND quiet seconds. What is not let through is counted, and
 * the count is to be told in a line of its own, `suppressed: N`, once in
 * LOG_LIMIT_SUMMARY_MS at most and at the end. So a caller's lines are never
 * more than LOG_LIMIT_BURST + (LOG_LIMIT_PER_SECOND + 1) * seconds + 1.
 *
 *     int64_t now_ms = clock_monotonic_ms();
 *     if (log_limit_admits(&limit, now_ms)) {
 *         log_warning("action: ... | result: fail | ...");
 *     }
 *     uint64_t suppressed = log_limit_take_suppressed(&limit, now_ms);
 *     if (suppressed > 0) {
 *         log_warning("action: ... | result: fail | suppressed: %llu | ...", suppressed, ...);
 *     }
 *
 * Who logs owns the struct: a handler one for its connection, the supervisor
 * one for what it refuses. There is no other state, and no call reads a clock:
 * `now_ms` is clock_monotonic_ms() and may stand still, but not go back.
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
    int64_t credited_at_ms; /* up to when time has been turned into credit */
    int64_t summary_at_ms;  /* from when on the summary is due; counts while suppressed > 0 */
    uint64_t suppressed;    /* lines not let through, and not told yet */
};

/* A full bucket. */
void log_limit_open(struct log_limit *limit, int64_t now_ms);

/* True: write the line. False: don't, it has been counted. To be asked once for each line. */
bool log_limit_admits(struct log_limit *limit, int64_t now_ms);

/*
 * Returns how many lines were suppressed since this was last told, and forgets
 * them; 0 where there are none, or where the summary is not due yet. To be
 * called after log_limit_admits, and wherever the caller comes by anyway.
 */
uint64_t log_limit_take_suppressed(struct log_limit *limit, int64_t now_ms);

/* The same at the end, due or not: nothing more will come of this caller. */
uint64_t log_limit_take_rest(struct log_limit *limit);

/* Milliseconds until a summary is due, for a timeout of poll; -1 where nothing is to be told. */
int64_t log_limit_patience_ms(const struct log_limit *limit, int64_t now_ms);

#endif
