/*
 * histogram.h - how long acknowledgements took, in buckets of at most 1/16 of their value.
 * Each agency of the load has its own.
 */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 4, HISTOGRAM_BUCKETS = 64 << HISTOGRAM_SUB_BITS };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value_ns, uint64_t times);

/* Adds all of `other` to `sum`. */
void histogram_merge(struct histogram *sum, const struct histogram *other);

/* The value below which this share (0..1) of all entries lies, in ns; 0 without entries. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

/* The smallest value that falls into the bucket, in ns. */
uint64_t histogram_bucket_value(unsigned bucket);

#endif
