/*
 * quorum.h - which agencies the draw waits for, and the gate that says how many.
 *
 * The draw waits until agencies.expected agencies are done, and then for agencies.grace at most
 * while others have begun and are not done. The count of agencies that are done is in the segment
 * (struct shared_storer) and outlives a storer. When the storer dies, the grace begins again.
 * Used by the storer's process alone.
 */
#ifndef SERVER_STORER_QUORUM_H
#define SERVER_STORER_QUORUM_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

/* Starts as zeros. */
struct quorum {
    int64_t reached_at_ms; /* since when enough are done, monotonic clock; 0: they are not */
    bool crowd_told;       /* more agencies than are expected have been seen, and the log has it */
};

/* Returns how many agencies still have to be done before the draw. */
uint32_t quorum_missing(const struct heritage *heritage);

/* True when the draw has to wait for no agency any more. */
bool quorum_is_complete(struct quorum *quorum, const struct heritage *heritage);

/*
 * Sets the gate to the number of agencies that are missing. The last one is taken off it only
 * when the draw has been held. Without effect when nothing has changed.
 */
void quorum_set_gate(const struct heritage *heritage);

/*
 * Warns, once, that more agencies than agencies.expected have spoken: the slower ones will be cut
 * off.
 */
void quorum_tell_crowd(struct quorum *quorum, const struct heritage *heritage);

/* Warns of each agency that has begun, is not done, and bets no more because sales are closed. */
void quorum_tell_cut_off(const struct heritage *heritage);

#endif
