/*
 * quorum.c - see quorum.h.
 */
#include "server/storer/quorum.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/agencies.h"
#include "shm/gate.h"

#include <inttypes.h>

uint32_t quorum_missing(const struct heritage *heritage)
{
    uint64_t expected = heritage->config.agencies_expected;
    uint64_t done = atomic_load(&heritage->segment.shared->storer.agencies_done);
    return done >= expected ? 0 : (uint32_t)(expected - done);
}

static void count_open(void *context, const struct agency *agency)
{
    uint64_t *open = context;
    *open += atomic_load(&agency->phase) == AGENCY_OPEN;
}

bool quorum_is_complete(struct quorum *quorum, const struct heritage *heritage)
{
    int64_t grace_ms = (int64_t)heritage->config.agencies_grace_ms;
    int64_t now_ms = clock_monotonic_ms();
    uint64_t open = 0;
    if (quorum_missing(heritage) > 0) {
        return false;
    }
    if (quorum->reached_at_ms == 0) {
        quorum->reached_at_ms = now_ms;
    }
    if (grace_ms == 0 || now_ms - quorum->reached_at_ms >= grace_ms) {
        return true;
    }
    agencies_visit(&heritage->segment, count_open, &open);
    return open == 0;
}

void quorum_set_gate(const struct heritage *heritage)
{
    uint32_t missing = quorum_missing(heritage);
    bool drawn = atomic_load(&heritage->segment.shared->storer.drawn) != 0;
    gate_set_missing(heritage->gate_id, drawn ? 0 : missing == 0 ? 1 : missing);
}

void quorum_tell_crowd(struct quorum *quorum, const struct heritage *heritage)
{
    uint32_t seen = atomic_load(&heritage->segment.shared->append.agencies_present);
    uint64_t expected = heritage->config.agencies_expected;
    if (seen > expected && !quorum->crowd_told) {
        quorum->crowd_told = true;
        log_warning(LOG_AGENCIES_MORE_THAN_EXPECTED,
                    "result: in_progress | vistas: %u | esperadas: %" PRIu64
                    " | reason: more agencies have spoken than the draw waits for: those that are "
                    "not done when %" PRIu64 " are will be cut off; raise agencies.expected "
                    "(AGENCY_QUORUM_MIN) for the next lottery, or set agencies.grace",
                    seen, expected, expected);
    }
}

static void tell_if_open(void *context, const struct agency *agency)
{
    (void)context;
    if (atomic_load(&agency->phase) == AGENCY_OPEN) {
        log_warning(LOG_AGENCY_CUT_OFF,
                    "result: in_progress | cut_off: agency %u | cantidad: %" PRIu64
                    " | reason: enough agencies are done (agencies.expected), and this one is not: "
                    "what it has stored takes part, what it still has to send does not",
                    agency->id, atomic_load(&agency->bets));
    }
}

void quorum_tell_cut_off(const struct heritage *heritage)
{
    agencies_visit(&heritage->segment, tell_if_open, NULL);
}
