/*
 * clock.c - see clock.h.
 */
#include "lib/clock.h"

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000 };

static struct timespec read_clock(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return now;
}

static int64_t to_ms(struct timespec time)
{
    return (int64_t)time.tv_sec * MS_PER_SECOND + time.tv_nsec / NS_PER_MS;
}

int64_t clock_monotonic_ms(void)
{
    return to_ms(read_clock(CLOCK_MONOTONIC));
}

int64_t clock_monotonic_ns(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t clock_boot_ms(void)
{
    int64_t now_ms = to_ms(read_clock(CLOCK_BOOTTIME));
    return now_ms == 0 ? 1 : now_ms;
}

int64_t clock_wall_ms(void)
{
    return to_ms(read_clock(CLOCK_REALTIME_COARSE));
}

struct timespec clock_interval(int64_t length_ms)
{
    return (struct timespec){
        .tv_sec = (time_t)(length_ms / MS_PER_SECOND),
        .tv_nsec = (long)(length_ms % MS_PER_SECOND) * NS_PER_MS,
    };
}

struct timespec clock_deadline(int64_t from_now_ms)
{
    struct timespec when = read_clock(CLOCK_MONOTONIC);
    struct timespec interval = clock_interval(from_now_ms);
    when.tv_sec += interval.tv_sec;
    when.tv_nsec += interval.tv_nsec;
    if (when.tv_nsec >= NS_PER_SECOND) {
        when.tv_sec++;
        when.tv_nsec -= NS_PER_SECOND;
    }
    return when;
}
