/*
 * primary_patience.c - how long a primary's shipper tries: for ever, and where it was asked to end for as
 * long as its setting says (timeouts.shutdown). See primary.h.
 */
#include "shipper/primary.h"

#include "lib/clock.h"
#include "shipper/stop_signal.h"

#include <time.h>

enum { CALL_LEAST_MS = 100 }; /* of one call, however little time is left */

/* True once it was asked to end, and has tried for as long as it may. */
bool primary_is_out_of_patience(struct primary *primary)
{
    if (!stop_signal_has_come()) {
        return false;
    }
    if (primary->stops_at_ms == 0) {
        primary->stops_at_ms = clock_monotonic_ms() + primary->setting->patience_ms;
    }
    return clock_monotonic_ms() >= primary->stops_at_ms;
}

/* How long the next call of the engine may take: no longer than there is time before the end. */
void primary_limit_call(struct primary *primary)
{
    int64_t left_ms = PRIMARY_CALL_MS;
    if (stop_signal_has_come()) {
        (void)primary_is_out_of_patience(primary); /* which begins to count with the first look */
        left_ms = primary->stops_at_ms - clock_monotonic_ms();
    }
    primary->shipment.timeout_ms = left_ms > PRIMARY_CALL_MS ? PRIMARY_CALL_MS
                                   : left_ms < CALL_LEAST_MS ? CALL_LEAST_MS
                                                             : left_ms;
}

/* Waits a moment before the next try. False when it is time to end. */
bool primary_pause_before_retry(struct primary *primary)
{
    if (primary_is_out_of_patience(primary)) {
        return false;
    }
    primary_note_beat(primary);
    struct timespec pause = clock_interval(PRIMARY_RETRY_MS);
    (void)nanosleep(&pause, NULL);
    return true;
}
