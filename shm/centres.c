/*
 * centres.c - see centres.h.
 */
#include "shm/centres.h"

#include "shm/replica.h"
#include "shm/waiting.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_SAID (UINT64_C(1) << 32)

static const char *const state_names[CENTRE_STATES] = {
    [CENTRE_UNKNOWN] = "unknown", [CENTRE_OPEN] = "open",         [CENTRE_AWAITS] = "awaits",
    [CENTRE_READY] = "ready",     [CENTRE_RELEASED] = "released", [CENTRE_HELD] = "held"};
static const char *const standing_names[CENTRE_STANDINGS] = {[CENTRE_AWAITED] = "awaited",
                                                             [CENTRE_CLOSED] = "closed",
                                                             [CENTRE_CLOSED_OUT] = "closed out",
                                                             [CENTRE_CONTRADICTS] = "contradicts"};

const char *centres_state_name(enum centre_state state)
{
    return (unsigned)state < CENTRE_STATES ? state_names[state] : "?";
}

const char *centres_standing_name(enum centre_standing standing)
{
    return (unsigned)standing < CENTRE_STANDINGS ? standing_names[standing] : "?";
}

enum centre_state centres_state(const struct segment *segment)
{
    return (enum centre_state)atomic_load(&segment->shared->centres.state);
}

void centres_read_reason(const struct segment *segment, char reason[SHARED_HELD_BYTES])
{
    replica_read(segment, segment->shared->centres.reason, SHARED_HELD_BYTES, reason);
}

/* ------------------------------------------------------------- by the storer ---- */

bool centres_are_released(const struct segment *segment, uint32_t *number)
{
    const struct shared_shipper *shipper = &segment->shared->shipper;
    if (atomic_load(&shipper->released) == 0) {
        return false;
    }
    *number = atomic_load(&shipper->winning_number);
    return true;
}

void centres_read_drawn(const struct segment *segment, char sha256[SHARED_DIGEST_BYTES])
{
    (void)snprintf(sha256, SHARED_DIGEST_BYTES, "%s", segment->shared->centres.drawn_sha256);
}

void centres_say_number(const struct segment *segment, uint32_t number)
{
    atomic_store(&segment->shared->centres.number_said, NUMBER_SAID + number);
    wake_shipper(segment);
}

void centres_unsay_number(const struct segment *segment)
{
    atomic_store(&segment->shared->centres.number_said, 0);
}

void centres_hand_on_order(const struct segment *segment)
{
    atomic_store(&segment->shared->centres.asked, atomic_load(&segment->shared->order.posted));
    wake_shipper(segment);
}

bool centres_take_answer(const struct segment *segment, bool *carried_out,
                         char text[SHARED_ANSWER_BYTES])
{
    const struct shared_centres *centres = &segment->shared->centres;
    if (atomic_load(&centres->answered) != atomic_load(&segment->shared->order.posted)) {
        return false;
    }
    *carried_out = centres->carried_out != 0;
    (void)snprintf(text, SHARED_ANSWER_BYTES, "%s", centres->answer);
    return true;
}

/* ------------------------------------------------------------ by the shipper ---- */

bool centres_was_number_said(const struct segment *segment, uint32_t *number)
{
    uint64_t said = atomic_load(&segment->shared->centres.number_said);
    *number = (uint32_t)said;
    return said != 0;
}

bool centres_are_asked(const struct segment *segment)
{
    const struct shared_centres *centres = &segment->shared->centres;
    return atomic_load(&centres->asked) != atomic_load(&centres->answered);
}

void centres_answer(const struct segment *segment, bool carried_out, const char *text)
{
    struct shared_centres *centres = &segment->shared->centres;
    centres->carried_out = carried_out ? 1 : 0;
    (void)snprintf(centres->answer, sizeof centres->answer, "%s", text);
    atomic_store(&centres->answered, atomic_load(&centres->asked));
    wake_storer(segment);
}

void centres_show(const struct segment *segment, uint32_t place, const char *name,
                  enum centre_standing standing, uint64_t bets)
{
    struct shared_centres *centres = &segment->shared->centres;
    struct shared_centre *centre = &centres->centres[place];
    if (strcmp(centre->name, name) != 0) {
        replica_tell(segment, centre->name, sizeof centre->name, name);
    }
    atomic_store(&centre->bets, bets);
    atomic_store(&centre->standing, (uint32_t)standing);
    if (atomic_load(&centres->count) <= place) {
        atomic_store(&centres->count, place + 1);
    }
}

void centres_tell(const struct segment *segment, enum centre_state state, const char *reason)
{
    struct shared_centres *centres = &segment->shared->centres;
    if (strcmp(centres->reason, reason) != 0) {
        replica_tell(segment, centres->reason, sizeof centres->reason, reason);
    }
    if (atomic_load(&centres->state) != (uint32_t)state) {
        atomic_store(&centres->state, (uint32_t)state);
        wake_storer(segment);
    }
}

void centres_close_sales(const struct segment *segment)
{
    if (atomic_exchange(&segment->shared->centres.closed_out, 1) == 0) {
        wake_storer(segment);
    }
}

bool centres_are_sales_over(const struct segment *segment)
{
    return atomic_load(&segment->shared->centres.closed_out) != 0;
}

void centres_release(const struct segment *segment, uint32_t number, const char *sha256)
{
    struct shared_centres *centres = &segment->shared->centres;
    struct shared_shipper *shipper = &segment->shared->shipper;
    if (atomic_load(&shipper->released) == 0) {
        (void)snprintf(centres->drawn_sha256, sizeof centres->drawn_sha256, "%s", sha256);
        atomic_store(&shipper->winning_number, number);
        atomic_store(&shipper->released, 1);
        wake_storer(segment);
    }
}
