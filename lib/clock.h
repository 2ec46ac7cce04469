/*
 * clock.h - the clocks, and the two units that they are asked in.
 *
 * Waiting and measuring use CLOCK_MONOTONIC: setting the wall clock must neither
 * prolong nor cut short anything. Any process may call these functions. They
 * can't fail for these clocks.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Time since a moment that stays the same while the machine is up. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/*
 * Milliseconds since the machine was started, sleep included (CLOCK_BOOTTIME). Two moments
 * of it tell how long something has been there. It is the same in all processes of the
 * machine, and never 0.
 */
int64_t clock_boot_ms(void);

/* Wall-clock time, ms since 1970, as cheap and as coarse as the kernel has it. */
int64_t clock_wall_ms(void);

/* Converts a length of time of at least 0 ms. */
struct timespec clock_interval(int64_t length_ms);

/* Returns the moment of CLOCK_MONOTONIC `from_now_ms`, at least 0, from now. */
struct timespec clock_deadline(int64_t from_now_ms);

#endif
