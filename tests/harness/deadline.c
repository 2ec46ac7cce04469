/*
 * deadline.c - see deadline.h.
 */
#include "tests/harness/deadline.h"

#include <time.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000, PAUSE_MS = 2 };

int64_t deadline_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

struct deadline deadline_in(int64_t ms)
{
    return (struct deadline){.at_ms = deadline_clock_ms() + ms};
}

int deadline_left_ms(struct deadline deadline)
{
    int64_t left_ms = deadline.at_ms - deadline_clock_ms();
    return left_ms > 0 ? (int)left_ms : 0;
}

bool deadline_pause(struct deadline deadline)
{
    if (deadline_left_ms(deadline) == 0) {
        return false;
    }
    const struct timespec pause = {.tv_nsec = (long)PAUSE_MS * NS_PER_MS};
    (void)nanosleep(&pause, NULL);
    return true;
}
