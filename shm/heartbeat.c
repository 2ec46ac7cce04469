/*
 * heartbeat.c - see heartbeat.h. If the process dies, its last beat stays and its age grows.
 */
#include "shm/heartbeat.h"

#include "lib/clock.h"

void heartbeat_beat(_Atomic int64_t *beat_at_ms)
{
    atomic_store_explicit(beat_at_ms, clock_boot_ms(), memory_order_relaxed);
}

int64_t heartbeat_age_ms(const _Atomic int64_t *beat_at_ms)
{
    int64_t beat = atomic_load_explicit(beat_at_ms, memory_order_relaxed);
    if (beat == 0) {
        return -1;
    }
    int64_t age_ms = clock_boot_ms() - beat;
    return age_ms > 0 ? age_ms : 0;
}
