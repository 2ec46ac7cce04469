/*
 * deadline.h - how long a test waits before it says that something did not happen.
 *
 * A test awaits events; a deadline only keeps it from waiting for ever, so it
 * is generous: a sanitizer's build on a busy machine has to fit in.
 * Called by the test's process only.
 */
#ifndef HARNESS_DEADLINE_H
#define HARNESS_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

enum { DEADLINE_MS = 30000 };

/*
 * How many times slower than its authors' the machine is taken to be: the whole number in
 * LOTTERY_TEST_PATIENCE, 1 to DEADLINE_PATIENCE_MAX, 1 where it is not set. Every deadline and
 * every limit of a test is multiplied by it. What is no such number ends the program.
 */
int64_t deadline_patience(void);

enum { DEADLINE_PATIENCE_MAX = 100 };

struct deadline {
    int64_t at_ms; /* of deadline_clock_ms */
};

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t deadline_clock_ms(void);

/* In so many ms, times deadline_patience(). */
struct deadline deadline_in(int64_t ms);

/* What is left, in ms, never below 0: as poll takes it. */
int deadline_left_ms(struct deadline deadline);

/*
 * For conditions that nothing tells of (a value in shared memory, a process
 * that is not our child): lets two milliseconds go by. False once the deadline
 * has passed, so that `while (!condition && deadline_pause(deadline))` ends.
 */
bool deadline_pause(struct deadline deadline);

#endif
