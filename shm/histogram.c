/*
 * histogram.c - see histogram.h.
 */
#include "shm/histogram.h"

#define US(count) (UINT64_C(1000) * (count))
#define MS(count) (UINT64_C(1000000) * (count))

/* From a sync of a fast disk to one that nobody should wait for. */
static const uint64_t bounds_ns[SHARED_HISTOGRAM_BOUNDS] = {
    US(100), US(250), US(500), MS(1),    MS(2) + US(500),    MS(5),     MS(10), MS(25), MS(50),
    MS(100), MS(250), MS(500), MS(1000), MS(2000) + MS(500), MS(10000),
};

uint64_t histogram_bound_ns(size_t index)
{
    return bounds_ns[index];
}

void histogram_count(struct shared_histogram *histogram, uint64_t duration_ns, uint64_t times)
{
    size_t bucket = 0;
    while (bucket < SHARED_HISTOGRAM_BOUNDS && duration_ns > bounds_ns[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&histogram->sum_ns, duration_ns * times, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->counts[bucket], times, memory_order_relaxed);
}

void histogram_add(const struct shared_histogram *histogram, struct histogram_sum *sum)
{
    for (size_t i = 0; i <= SHARED_HISTOGRAM_BOUNDS; i++) {
        sum->counts[i] += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    }
    sum->sum_ns += atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
}
