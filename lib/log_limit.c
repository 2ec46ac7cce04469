/*
 * log_limit.c - see log_limit.h.
 *
 * Credit is time: a line costs LINE_COST_MS of it, and it grows with the clock
 * up to what a burst costs. So nothing is ever rounded.
 */
#include "lib/log_limit.h"

enum { LINE_COST_MS = 1000 / LOG_LIMIT_PER_SECOND, CREDIT_MAX_MS = LOG_LIMIT_BURST * LINE_COST_MS };

void log_limit_open(struct log_limit *limit, int64_t now_ms)
{
    *limit = (struct log_limit){.credit_ms = CREDIT_MAX_MS, .credited_at_ms = now_ms};
}

bool log_limit_admits(struct log_limit *limit, int64_t now_ms)
{
    int64_t earned_ms = now_ms - limit->credited_at_ms;
    limit->credited_at_ms = now_ms;
    limit->credit_ms =
        earned_ms > CREDIT_MAX_MS - limit->credit_ms ? CREDIT_MAX_MS : limit->credit_ms + earned_ms;
    if (limit->credit_ms >= LINE_COST_MS) {
        limit->credit_ms -= LINE_COST_MS;
        return true;
    }
    if (limit->suppressed++ == 0) {
        limit->summary_at_ms = now_ms + LOG_LIMIT_SUMMARY_MS;
    }
    return false;
}

uint64_t log_limit_take_suppressed(struct log_limit *limit, int64_t now_ms)
{
    return log_limit_patience_ms(limit, now_ms) == 0 ? log_limit_take_rest(limit) : 0;
}

uint64_t log_limit_take_rest(struct log_limit *limit)
{
    uint64_t suppressed = limit->suppressed;
    limit->suppressed = 0;
    return suppressed;
}

int64_t log_limit_patience_ms(const struct log_limit *limit, int64_t now_ms)
{
    if (limit->suppressed == 0) {
        return -1;
    }
    return now_ms >= limit->summary_at_ms ? 0 : limit->summary_at_ms - now_ms;
}
