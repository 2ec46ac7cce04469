/*
 * timing.h - the clock that an agency's limits are measured with.
 *
 * Milliseconds of CLOCK_MONOTONIC: a wall clock that is set must neither
 * prolong nor cut short what an agency is waiting for.
 */
#ifndef CLIENT_TIMING_H
#define CLIENT_TIMING_H

#include <stdint.h>

/* Milliseconds since some moment that stays the same while the machine is up. */
uint64_t timing_now_ms(void);

#endif
