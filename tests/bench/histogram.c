/*
 * histogram.c - see histogram.h. A bucket is an exponent and the four bits behind the leading one.
 */
#include "tests/bench/histogram.h"

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS, VALUE_BITS = 64 };

static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS) {
        return (unsigned)value;
    }
    unsigned exponent = VALUE_BITS - 1 - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - HISTOGRAM_SUB_BITS;
    unsigned sub = (unsigned)(value >> shift) & (SUB_BUCKETS - 1);
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + sub;
}

uint64_t histogram_bucket_value(unsigned bucket)
{
    if (bucket < SUB_BUCKETS) {
        return bucket;
    }
    unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    return (uint64_t)(SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) << shift;
}

void histogram_add(struct histogram *histogram, uint64_t value_ns, uint64_t times)
{
    histogram->counts[bucket_of(value_ns)] += times;
}

void histogram_merge(struct histogram *sum, const struct histogram *other)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum->counts[i] += other->counts[i];
    }
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        total += histogram->counts[i];
    }
    uint64_t wanted = (uint64_t)((double)total * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (histogram->counts[i] > 0 && seen >= wanted) {
            return histogram_bucket_value(i);
        }
    }
    return 0;
}
