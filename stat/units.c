/*
 * units.c - see units.h.
 */
#include "stat/units.h"

#include "lib/decimal.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum {
    COUNT_EXACT_MAX = 9999999,
    BYTES_PER_KB = 1000,
    MS_PER_SECOND = 1000,
    NS_PER_MS = 1000000,
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    SECONDS_PER_DAY = 86400
};

/* With three digits in all: without a decimal, and with one. */
static const double rounds_to_1000 = 999.5;
static const double rounds_to_100 = 99.95;

static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};

enum { PREFIXES = sizeof prefixes / sizeof prefixes[0] };

/* One decimal below 99.95, none above. What would be rounded up to 1000 takes the next prefix. */
static void write_scaled(double value, const char *space, const char *unit,
                         char text[UNITS_TEXT_BYTES])
{
    size_t prefix = 0;
    while (value >= rounds_to_1000 && prefix + 1 < PREFIXES) {
        value /= 1000.0;
        prefix++;
    }
    int decimals = value >= rounds_to_100 ? 0 : 1;
    snprintf(text, UNITS_TEXT_BYTES, "%.*f%s%s%s", decimals, value, space, prefixes[prefix], unit);
}

void units_count(uint64_t count, char text[UNITS_TEXT_BYTES])
{
    if (count <= COUNT_EXACT_MAX) {
        decimal_write_grouped(text, count);
    } else {
        write_scaled((double)count, "", "", text);
    }
}

void units_bytes(double bytes, char text[UNITS_TEXT_BYTES])
{
    if (bytes < BYTES_PER_KB - 0.5) {
        snprintf(text, UNITS_TEXT_BYTES, "%.0f B", bytes);
    } else {
        write_scaled(bytes, " ", "B", text);
    }
}

static void write_minutes_and_more(uint64_t seconds, char text[UNITS_TEXT_BYTES])
{
    if (seconds < SECONDS_PER_HOUR) {
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "m %02" PRIu64 "s",
                 seconds / SECONDS_PER_MINUTE, seconds % SECONDS_PER_MINUTE);
    } else if (seconds < SECONDS_PER_DAY) {
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "h %02" PRIu64 "m", seconds / SECONDS_PER_HOUR,
                 seconds % SECONDS_PER_HOUR / SECONDS_PER_MINUTE);
    } else {
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "d %02" PRIu64 "h", seconds / SECONDS_PER_DAY,
                 seconds % SECONDS_PER_DAY / SECONDS_PER_HOUR);
    }
}

void units_duration_ms(uint64_t duration_ms, char text[UNITS_TEXT_BYTES])
{
    uint64_t seconds = duration_ms / MS_PER_SECOND;
    if (seconds >= SECONDS_PER_MINUTE) {
        write_minutes_and_more(seconds, text);
    } else if (duration_ms >= MS_PER_SECOND) {
        uint64_t tenths = duration_ms % MS_PER_SECOND / (MS_PER_SECOND / 10);
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " s", seconds, tenths);
    } else {
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 " ms", duration_ms);
    }
}

void units_duration_ns(uint64_t duration_ns, char text[UNITS_TEXT_BYTES])
{
    static const char *const names[] = {"ns", "us", "ms"};
    double value = (double)duration_ns;
    size_t unit = 0;
    if (duration_ns >= (uint64_t)MS_PER_SECOND * NS_PER_MS) {
        units_duration_ms(duration_ns / NS_PER_MS, text);
        return;
    }
    while (value >= rounds_to_1000 && unit + 1 < sizeof names / sizeof names[0]) {
        value /= 1000.0;
        unit++;
    }
    int decimals = unit == 0 || value >= rounds_to_100 ? 0 : 1;
    snprintf(text, UNITS_TEXT_BYTES, "%.*f %s", decimals, value, names[unit]);
}

void units_percent(double part, char text[UNITS_TEXT_BYTES])
{
    snprintf(text, UNITS_TEXT_BYTES, "%.1f %%", part * 100.0);
}

void units_mean(double mean, char text[UNITS_TEXT_BYTES])
{
    write_scaled(mean, "", "", text);
}

void units_count_rate(double a_second, char text[UNITS_TEXT_BYTES])
{
    if (a_second > 0) {
        write_scaled(a_second, "", "/s", text);
    } else {
        snprintf(text, UNITS_TEXT_BYTES, "0/s");
    }
}

void units_bytes_rate(double a_second, char text[UNITS_TEXT_BYTES])
{
    if (a_second < BYTES_PER_KB - 0.5) {
        snprintf(text, UNITS_TEXT_BYTES, "%.0f B/s", a_second);
    } else {
        write_scaled(a_second, " ", "B/s", text);
    }
}
