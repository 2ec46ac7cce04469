/*
 * deadline.c - see deadline.h.
 */
#include "tests/harness/deadline.h"

#include "bet/bet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000, PAUSE_MS = 2 };

int64_t deadline_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

int64_t deadline_patience(void)
{
    static const char variable[] = "LOTTERY_TEST_PATIENCE";
    const char *text = getenv(variable);
    uint32_t factor = 1;
    if (text == NULL || text[0] == '\0') {
        return factor;
    }
    if (!bet_parse_uint32(text, strlen(text), &factor) || factor < 1 ||
        factor > DEADLINE_PATIENCE_MAX) {
        (void)fprintf(stderr, "%s: \"%s\" is not a whole number from 1 to %d\n", variable, text,
                      DEADLINE_PATIENCE_MAX);
        exit(EXIT_FAILURE);
    }
    return factor;
}

struct deadline deadline_in(int64_t ms)
{
    return (struct deadline){.at_ms = deadline_clock_ms() + ms * deadline_patience()};
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
