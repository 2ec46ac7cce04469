/*
 * rate_limit.h - limits how often something may happen: the generic cell rate algorithm.
 *
 * Why it exists: a peer that asks without end must not take what others need. The algorithm (GCRA,
 * ITU-T I.371, annex A: "virtual scheduling") is a token bucket in one number: the theoretical
 * arrival time, in ns of the monotonic clock, at which the bucket is full again. 0 is a full
 * bucket, so a table of zeros is a table of full buckets. No time is added up, so nothing is
 * rounded and nothing has to run in between.
 *
 * A bucket is private to a process, or stands in shared memory as an atomic. The atomic one is
 * changed by compare-and-exchange. A process that dies in here has taken all or nothing.
 *
 * No call reads a clock: `now_ns` is clock_monotonic_ns(). One that is smaller than that of an
 * earlier call, as of another process, gives nothing and takes nothing back. Any process may call.
 */
#ifndef LIB_RATE_LIMIT_H
#define LIB_RATE_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The rule of a bucket; {0}: no limit, and then every call below admits at once. */
struct rate_limit {
    uint64_t unit_ns;  /* in which the bucket gets one unit */
    uint64_t burst_ns; /* in which an empty bucket gets full: the burst, in time */
};

enum { RATE_LIMIT_PER_SECOND_MAX = 1000 * 1000 * 1000 };

#define RATE_LIMIT_TOO_LONG UINT64_MAX

/*
 * The rule for `per_second` units, at most RATE_LIMIT_PER_SECOND_MAX (0: no limit), of which
 * `burst`, at least 1, may come at once.
 */
struct rate_limit rate_limit_make(uint64_t per_second, uint64_t burst);

/* True when there is a limit. */
bool rate_limit_is_set(const struct rate_limit *limit);

/* Takes `units` and returns true, or takes nothing and returns false. More than a burst: see below. */
bool rate_limit_take(const struct rate_limit *limit, uint64_t *bucket, uint64_t now_ns,
                     uint64_t units);

/* True when rate_limit_take would take one unit now. */
bool rate_limit_admits(const struct rate_limit *limit, uint64_t bucket, uint64_t now_ns);

/*
 * The same, where `pending` units more than were taken are on their way: it may be that none of
 * them is taken in the end.
 */
bool rate_limit_admits_beside(const struct rate_limit *limit, uint64_t bucket, uint64_t now_ns,
                              uint64_t pending);

/*
 * Takes one unit of what has happened already. Where the bucket is empty it owes that unit, so that
 * those which come in waves come no more often in the end; but it owes a burst at most.
 */
void rate_limit_charge(const struct rate_limit *limit, uint64_t *bucket, uint64_t now_ns);

/*
 * Takes `units` of a shared bucket, and returns for how many ns the caller has to wait until they
 * are its own; 0: now. Whoever comes later waits until after that. Units that are more than a burst
 * wait until the bucket is full, and whoever comes next waits for all of them. If the wait were
 * longer than `patience_ns`, it takes nothing and returns RATE_LIMIT_TOO_LONG.
 */
uint64_t rate_limit_reserve(const struct rate_limit *limit, _Atomic uint64_t *bucket,
                            uint64_t now_ns, uint64_t units, uint64_t patience_ns);

#endif
