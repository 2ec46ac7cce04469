/*
 * roll_call.c - see roll_call.h.
 */
#include "server/storer/roll_call.h"

#include "shm/agencies.h"

#include <stdlib.h>
#include <string.h>

struct calling {
    const struct agency_set *named; /* agencies that are called by name, present or not */
    struct roll *roll;
};

static bool has_said_done(const struct agency *agency)
{
    uint64_t phase = atomic_load(&agency->phase);
    return phase == AGENCY_DONE_ASKED || phase == AGENCY_DONE;
}

/* Takes an agency that has spoken. One that is called by name comes by its name. */
static void take_present(void *context, const struct agency *agency)
{
    const struct calling *calling = context;
    struct roll *roll = calling->roll;
    roll->asked = roll->asked || atomic_load(&agency->phase) == AGENCY_DONE_ASKED;
    if (has_said_done(agency)) {
        roll->done++;
    } else if (!agency_set_has(calling->named, agency->id)) {
        roll->missing[roll->count++] = agency->id;
    }
}

static void take_named(const struct heritage *heritage, const struct agency_set *named,
                       struct roll *roll)
{
    for (uint32_t i = 0; i < named->count; i++) {
        for (uint64_t id = named->ranges[i].first; id <= named->ranges[i].last; id++) {
            if (!roll_is_done(heritage, (uint32_t)id)) {
                roll->missing[roll->count++] = (uint32_t)id;
            }
        }
    }
}

static int compare_ids(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a > *b) - (*a < *b);
}

bool roll_call(const struct heritage *heritage, enum roll_scope scope, struct roll *roll)
{
    static const struct agency_set nobody;
    const struct agency_set *allowed = &heritage->config.allowed;
    const struct agency_set *named = scope == ROLL_ALLOWED && !allowed->any ? allowed : &nobody;
    size_t capacity = heritage->segment.shared->identity.agency_capacity + agency_set_size(named);
    *roll = (struct roll){.missing = malloc(capacity * sizeof *roll->missing)};
    if (roll->missing == NULL) {
        return false;
    }
    struct calling calling = {.named = named, .roll = roll};
    agencies_visit(&heritage->segment, take_present, &calling);
    take_named(heritage, named, roll);
    qsort(roll->missing, roll->count, sizeof *roll->missing, compare_ids);
    return true;
}

void roll_close(struct roll *roll)
{
    free(roll->missing);
    *roll = (struct roll){0};
}

bool roll_is_done(const struct heritage *heritage, uint32_t agency)
{
    const struct agency *present = agencies_find(&heritage->segment, agency);
    return present != NULL && has_said_done(present);
}

bool roll_write(const uint32_t *agencies, size_t count, char *text, size_t capacity)
{
    struct agency_set set = {.count = 0};
    bool fits = true;
    for (size_t i = 0; i < count && fits; i++) {
        fits = agency_set_add(&set, agencies[i]);
    }
    return agency_set_write(&set, text, capacity) < capacity && fits;
}
