/*
 * long_work.c - see long_work.h.
 */
#include "server/storer/long_work.h"

#include "server/signals.h"
#include "shm/heartbeat.h"

#include <stddef.h>

static _Atomic int64_t *beat_at_ms;

void long_work_begin(const struct segment *segment)
{
    beat_at_ms = &segment->shared->storer.beat_at_ms;
}

bool long_work_should_stop(void)
{
    if (beat_at_ms != NULL) {
        heartbeat_beat(beat_at_ms);
    }
    return signals_terminate_requested();
}
