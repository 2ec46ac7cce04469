/*
 * roster.c - see roster.h.
 */
#include "stat/roster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---------------------------------------------------------------- filter ---- */

static bool begins_with(uint64_t id, const char *text)
{
    char digits[ROSTER_FILTER_BYTES];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, id);
    return strncmp(digits, text, strlen(text)) == 0;
}

bool roster_shows_handler(const struct roster_filter *filter,
                          const struct snapshot_handler *handler)
{
    const char *text = filter->text;
    return text[0] == '\0' ||
           (handler->agency != SNAPSHOT_UNKNOWN && begins_with(handler->agency, text)) ||
           strcasestr(handler->peer, text) != NULL || strstr(handler->activity, text) != NULL;
}

bool roster_shows_agency(const struct roster_filter *filter, const struct snapshot_agency *agency)
{
    const char *text = filter->text;
    return text[0] == '\0' || agency->is_shown_by_peer || begins_with(agency->id, text) ||
           strstr(agency->phase, text) != NULL;
}

static int compare_ids(const void *left, const void *right)
{
    const struct snapshot_agency *first = left;
    const struct snapshot_agency *second = right;
    return ascending(first->id, second->id);
}

/* Notes of each agency whether the peer of one of its connections has the text. */
static void note_peers(struct snapshot *snapshot, const char *text)
{
    qsort(snapshot->agencies, snapshot->agency_count, sizeof snapshot->agencies[0], compare_ids);
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        snapshot->agencies[i].is_shown_by_peer = false;
    }
    for (size_t i = 0; i < snapshot->handler_count; i++) {
        const struct snapshot_handler *handler = &snapshot->handlers[i];
        const struct snapshot_agency wanted = {.id = handler->agency};
        struct snapshot_agency *agency =
            strcasestr(handler->peer, text) == NULL
                ? NULL
                : bsearch(&wanted, snapshot->agencies, snapshot->agency_count,
                          sizeof snapshot->agencies[0], compare_ids);
        if (agency != NULL) {
            agency->is_shown_by_peer = true;
        }
    }
}

/* -------------------------------------------------------------------- whole ---- */

static int compare(const void *left, const void *right, void *context)
{
    const struct roster_order *wanted = context;
    const struct snapshot_agency *first = left;
    const struct snapshot_agency *second = right;
    int order = 0;
    if (wanted->filter != NULL) {
        order = (int)roster_shows_agency(wanted->filter, second) -
                (int)roster_shows_agency(wanted->filter, first);
    }
    order =
        order == 0 && wanted->missing_first ? ascending(second->missing, first->missing) : order;
    order = order != 0 ? order : compare_by(wanted->sort, first, second);
    return order != 0 ? order : ascending(first->id, second->id);
}

static int compare_handlers(const void *left, const void *right, void *context)
{
    const struct roster_filter *filter = context;
    const struct snapshot_handler *first = left;
    const struct snapshot_handler *second = right;
    int order =
        (int)roster_shows_handler(filter, second) - (int)roster_shows_handler(filter, first);
    order = order != 0 ? order : ascending(first->connected_at_ms, second->connected_at_ms);
    return order != 0 ? order : ascending(first->pid, second->pid);
}

void roster_arrange(struct snapshot *snapshot, const struct roster_order *order)
{
    struct roster_order wanted = *order;
    if (snapshot->agency_count > 0) {
        if (order->filter != NULL) {
            note_peers(snapshot, order->filter->text);
        }
        qsort_r(snapshot->agencies, snapshot->agency_count, sizeof snapshot->agencies[0], compare,
                &wanted);
    }
    if (order->filter != NULL && order->filter->text[0] != '\0' && snapshot->handler_count > 0) {
        struct roster_filter filter = *order->filter;
        qsort_r(snapshot->handlers, snapshot->handler_count, sizeof snapshot->handlers[0],
                compare_handlers, &filter);
    }
}
