/*
 * log_moment.c - see log_moment.h.
 */
#include "lib/log_moment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUARTER_S = 900, HOUR_S = 3600, MINUTE_S = 60, DAY_S = 86400, NS_PER_MS = 1000000 };

/* The quarter of an hour since 1970 in the upper half, the offset in seconds in the lower one: threads
 * that look it up at the same time leave one of both pairs. */
static _Atomic int64_t zone;

static const int64_t half = INT64_C(1) << 32;

static int64_t quarter_of(int64_t pair)
{
    return (pair - (int32_t)(uint32_t)(uint64_t)pair) / half;
}

static long offset_of(int64_t pair)
{
    return (int32_t)(uint32_t)(uint64_t)pair;
}

void log_moment_look_up_zone(time_t now)
{
    struct tm broken_down;
    int64_t quarter = (int64_t)now / QUARTER_S;
    if (quarter != quarter_of(atomic_load_explicit(&zone, memory_order_relaxed)) &&
        localtime_r(&now, &broken_down) != NULL) {
        atomic_store_explicit(&zone, quarter * half + broken_down.tm_gmtoff, memory_order_relaxed);
    }
}

/* Writes so many digits, and returns their end. */
static char *put_digits(char *text, int digits, long value)
{
    for (int i = digits - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return text + digits;
}

/*
 * The calendar is that of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", for days since
 * 1970: years begin in March, and repeat after 400 of them.
 */
static char *put_date(char *text, long since_1970)
{
    enum { ERA_DAYS = 146097, TO_ERA = 719468, YEAR_DAYS = 365 };
    long days = since_1970 + TO_ERA;
    long era_day = days % ERA_DAYS;
    long year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / YEAR_DAYS;
    long year_day = era_day - (YEAR_DAYS * year + year / 4 - year / 100);
    long month = (5 * year_day + 2) / 153; /* 0 is March */
    long day = year_day - (153 * month + 2) / 5 + 1;
    text = put_digits(text, 4, year + days / ERA_DAYS * 400 + (month >= 10 ? 1 : 0));
    *text++ = '-';
    text = put_digits(text, 2, month < 10 ? month + 3 : month - 9);
    *text++ = '-';
    return put_digits(text, 2, day);
}

static char *put_hour_and_minute(char *text, long of_day_s)
{
    text = put_digits(text, 2, of_day_s / HOUR_S);
    *text++ = ':';
    return put_digits(text, 2, of_day_s / MINUTE_S % MINUTE_S);
}

char *log_moment_write(char *text, const struct timespec *moment, char between)
{
    long offset_s = offset_of(atomic_load_explicit(&zone, memory_order_relaxed));
    long local_s = moment->tv_sec + offset_s;
    text = put_date(text, local_s / DAY_S);
    *text++ = between;
    text = put_hour_and_minute(text, local_s % DAY_S);
    *text++ = ':';
    text = put_digits(text, 2, local_s % MINUTE_S);
    *text++ = '.';
    text = put_digits(text, 3, moment->tv_nsec / NS_PER_MS);
    *text++ = offset_s < 0 ? '-' : '+';
    return put_hour_and_minute(text, offset_s < 0 ? -offset_s : offset_s);
}
