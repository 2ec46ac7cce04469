/*
 * clock.h - the clocks, and the two units that they are asked in.
 *
 * Waiting and measuring use CLOCK_MONOTONIC: a wall clock that is set must
 * neither prolong nor cut short anything. Any process may call; these calls
 * can't fail for these clocks.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Since some moment that stays the same while the machine is up. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/*
 * Since the machine was started, the time that it slept included (CLOCK_BOOTTIME): for how
 * long something has been there. The same in all processes of the machine, and never 0.
 */
int64_t clock_boot_ms(void);

/* Wall-clock time, ms since 1970, as cheap and as coarse as the kernel has it. */
int64_t clock_wall_ms(void);

/* A length of time, of at least 0 ms. */
struct timespec clock_interval(int64_t length_ms);

/* The moment of CLOCK_MONOTONIC that is so many ms, at least 0, from now. */
struct timespec clock_deadline(int64_t from_now_ms);

#endif
