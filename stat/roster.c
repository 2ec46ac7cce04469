/*
 * roster.c - see roster.h.
 */
#include "stat/roster.h"

#include <stdlib.h>

struct arrangement {
    enum roster_sort sort;
    bool missing_first;
};

const char *roster_sort_name(enum roster_sort sort)
{
    static const char *const names[] = {[ROSTER_BY_STATE] = "state",
                                        [ROSTER_BY_ID] = "id",
                                        [ROSTER_BY_BETS] = "bets",
                                        [ROSTER_BY_SILENCE] = "silent"};
    return names[sort];
}

static int ascending(uint64_t first, uint64_t second)
{
    return (first > second) - (first < second);
}

/* An agency whose latest message is not known has been silent for longer than any other. */
static uint64_t heard_at(const struct snapshot_agency *agency)
{
    return agency->seen_at_ms == SNAPSHOT_UNKNOWN ? 0 : agency->seen_at_ms;
}

static int compare_by(enum roster_sort sort, const struct snapshot_agency *first,
                      const struct snapshot_agency *second)
{
    switch (sort) {
    case ROSTER_BY_STATE:
        return ascending(snapshot_standing_of(first), snapshot_standing_of(second));
    case ROSTER_BY_BETS:
        return ascending(second->bets, first->bets);
    case ROSTER_BY_SILENCE:
        return first->missing != second->missing ? ascending(second->missing, first->missing)
                                                 : ascending(heard_at(first), heard_at(second));
    case ROSTER_BY_ID:
        break;
    }
    return 0;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct arrangement *arrangement = context;
    const struct snapshot_agency *first = left;
    const struct snapshot_agency *second = right;
    int order = arrangement->missing_first ? ascending(second->missing, first->missing) : 0;
    order = order != 0 ? order : compare_by(arrangement->sort, first, second);
    return order != 0 ? order : ascending(first->id, second->id);
}

void roster_arrange(struct snapshot *snapshot, enum roster_sort sort, bool missing_first)
{
    struct arrangement arrangement = {.sort = sort, .missing_first = missing_first};
    if (snapshot->agency_count > 0) {
        qsort_r(snapshot->agencies, snapshot->agency_count, sizeof snapshot->agencies[0], compare,
                &arrangement);
    }
}
