/*
 * refusals.c - see refusals.h.
 */
#include "shm/refusals.h"

static const struct {
    const char *name, *key;
} reasons[REFUSAL_REASONS] = {
    [REFUSAL_PER_ADDRESS] = {"per_address", "limits.connections_per_address"},
    [REFUSAL_CONNECTIONS] = {"connections", "limits.connections_per_second"},
    [REFUSAL_STRANGERS] = {"strangers", "limits.strangers_per_second"},
    [REFUSAL_NO_PLACE] = {"no_place", "limits.unidentified_connections"},
    [REFUSAL_EVICTED] = {"evicted", "limits.unidentified_connections"},
    [REFUSAL_NOT_ALLOWED] = {"not_allowed", "agencies.allowed"},
    [REFUSAL_BETS] = {"bets", "limits.bets_per_second"},
    [REFUSAL_MESSAGES] = {"messages", "limits.refused_per_second"},
    [REFUSAL_PROBES] = {"probes", "limits.refused_per_second"},
};

void refusals_count(const struct segment *segment, enum refusal_reason reason)
{
    atomic_fetch_add_explicit(&segment->shared->refusals.counts[reason], 1, memory_order_relaxed);
}

const char *refusal_name(enum refusal_reason reason)
{
    return reasons[reason].name;
}

const char *refusal_key(enum refusal_reason reason)
{
    return reasons[reason].key;
}
