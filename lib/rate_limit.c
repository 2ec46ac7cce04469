/*
 * rate_limit.c - see rate_limit.h. Sums that would overflow stay at the end of time.
 */
#include "lib/rate_limit.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t add(uint64_t left, uint64_t right)
{
    return left > UINT64_MAX - right ? UINT64_MAX : left + right;
}

static uint64_t multiply(uint64_t left, uint64_t right)
{
    return right != 0 && left > UINT64_MAX / right ? UINT64_MAX : left * right;
}

struct rate_limit rate_limit_make(uint64_t per_second, uint64_t burst)
{
    if (per_second == 0) {
        return (struct rate_limit){0};
    }
    uint64_t unit_ns = NS_PER_SECOND / per_second;
    unit_ns = unit_ns > 0 ? unit_ns : 1;
    return (struct rate_limit){.unit_ns = unit_ns, .burst_ns = multiply(unit_ns, burst)};
}

bool rate_limit_is_set(const struct rate_limit *limit)
{
    return limit->unit_ns != 0;
}

/* What a bucket becomes, and how long its new owner waits for it. */
struct step {
    uint64_t bucket, wait_ns;
};

static struct step take(const struct rate_limit *limit, uint64_t bucket, uint64_t now_ns,
                        uint64_t units)
{
    uint64_t from_ns = bucket > now_ns ? bucket : now_ns;
    uint64_t cost_ns = multiply(limit->unit_ns, units);
    /* A full bucket admits more than it holds, else nobody ever could. */
    uint64_t needed_ns = cost_ns < limit->burst_ns ? cost_ns : limit->burst_ns;
    uint64_t begins_ns = add(from_ns, needed_ns);
    uint64_t allowed_ns = add(now_ns, limit->burst_ns);
    return (struct step){.bucket = add(from_ns, cost_ns),
                         .wait_ns = begins_ns > allowed_ns ? begins_ns - allowed_ns : 0};
}

bool rate_limit_take(const struct rate_limit *limit, uint64_t *bucket, uint64_t now_ns,
                     uint64_t units)
{
    if (!rate_limit_is_set(limit)) {
        return true;
    }
    struct step step = take(limit, *bucket, now_ns, units);
    if (step.wait_ns > 0) {
        return false;
    }
    *bucket = step.bucket;
    return true;
}

bool rate_limit_admits(const struct rate_limit *limit, uint64_t bucket, uint64_t now_ns)
{
    return rate_limit_take(limit, &bucket, now_ns, 1);
}

bool rate_limit_admits_beside(const struct rate_limit *limit, uint64_t bucket, uint64_t now_ns,
                              uint64_t pending)
{
    return rate_limit_admits(limit, take(limit, bucket, now_ns, pending).bucket, now_ns);
}

void rate_limit_charge(const struct rate_limit *limit, uint64_t *bucket, uint64_t now_ns)
{
    if (!rate_limit_is_set(limit)) {
        return;
    }
    uint64_t most_owed = add(now_ns, multiply(limit->burst_ns, 2));
    uint64_t charged = take(limit, *bucket, now_ns, 1).bucket;
    *bucket = charged < most_owed ? charged : most_owed;
}

uint64_t rate_limit_reserve(const struct rate_limit *limit, _Atomic uint64_t *bucket,
                            uint64_t now_ns, uint64_t units, uint64_t patience_ns)
{
    if (!rate_limit_is_set(limit)) {
        return 0;
    }
    uint64_t seen = atomic_load_explicit(bucket, memory_order_relaxed);
    struct step step;
    do {
        step = take(limit, seen, now_ns, units);
        if (step.wait_ns > patience_ns) {
            return RATE_LIMIT_TOO_LONG;
        }
    } while (!atomic_compare_exchange_weak_explicit(bucket, &seen, step.bucket,
                                                    memory_order_relaxed, memory_order_relaxed));
    return step.wait_ns;
}
