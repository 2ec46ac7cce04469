/*
 * timing.c - see timing.h.
 */
#include "client/timing.h"

#include "lib/clock.h"

uint64_t timing_now_ms(void)
{
    return (uint64_t)clock_monotonic_ms();
}
