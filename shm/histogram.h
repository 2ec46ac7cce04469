/*
 * histogram.h - how long something took, counted in fixed buckets in the segment.
 *
 * Why it exists: a mean and a worst value hide how many had to wait. Prometheus computes quantiles of
 * buckets, over any time and over several servers.
 *
 * Any process of the server counts, each in the shard that it is given, so that processes rarely meet
 * in a cache line; who looks adds the shards up. The counts outlive the process that counted, and end
 * with the segment. If a process dies between its two additions, the sum lacks one value.
 */
#ifndef SHM_HISTOGRAM_H
#define SHM_HISTOGRAM_H

#include "shm/layout.h"

#include <stddef.h>
#include <stdint.h>

/* What a histogram holds at one look. `counts` are of each bucket alone, the last one is above all bounds. */
struct histogram_sum {
    uint64_t counts[SHARED_HISTOGRAM_BOUNDS + 1];
    uint64_t sum_ns;
};

/*
 * Returns the upper bound of bucket `index`, which belongs to the bucket, in nanoseconds. `index` is
 * below SHARED_HISTOGRAM_BOUNDS.
 */
uint64_t histogram_bound_ns(size_t index);

/* Counts `times` values of `duration_ns` each. Relaxed: the counts tell of nothing but themselves. */
void histogram_count(struct shared_histogram *histogram, uint64_t duration_ns, uint64_t times);

/* Adds what the histogram holds to *sum. Called by lottery-stat. */
void histogram_add(const struct shared_histogram *histogram, struct histogram_sum *sum);

#endif
