/*
 * timestamp.c - see timestamp.h.
 */
#include "lib/timestamp.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MS_PER_SECOND = 1000,
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    FRACTION_DIGITS = 3,
    BASE_YEAR = 1900, /* of struct tm */
    DATE_AND_TIME_BYTES = sizeof "2026-11-27T13:04:14" - 1,
    OFFSET_BYTES = sizeof "+01:00" - 1,
    HOURS_MAX = 23,
    MINUTES_MAX = 59
};

void timestamp_write(int64_t moment_ms, char text[TIMESTAMP_BYTES])
{
    const time_t seconds = (time_t)(moment_ms / MS_PER_SECOND);
    struct tm date = {0};
    (void)gmtime_r(&seconds, &date);
    size_t used = strftime(text, TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &date);
    (void)snprintf(text + used, TIMESTAMP_BYTES - used, ".%03dZ",
                   (int)((uint64_t)moment_ms % MS_PER_SECOND));
}

/* True when the text has this shape: `0` stands for any digit. */
static bool has_shape(const char *text, const char *shape)
{
    size_t i = 0;
    while (shape[i] != '\0' &&
           (shape[i] == '0' ? isdigit((unsigned char)text[i]) != 0 : text[i] == shape[i])) {
        i++;
    }
    return shape[i] == '\0';
}

static int two_digits(const char *text)
{
    enum { DECIMAL = 10 };
    return (text[0] - '0') * DECIMAL + (text[1] - '0');
}

/* Reads ".123", or nothing. Returns where the text goes on. */
static const char *take_fraction(const char *text, int64_t *fraction_ms)
{
    int64_t weight_ms = MS_PER_SECOND;
    *fraction_ms = 0;
    if (*text != '.' || !isdigit((unsigned char)text[1])) {
        return text;
    }
    text++;
    for (int i = 0; i < FRACTION_DIGITS && isdigit((unsigned char)*text); i++) {
        weight_ms /= 10;
        *fraction_ms += (*text++ - '0') * weight_ms;
    }
    return text;
}

/* Reads "Z" or "+01:00", to the end of the text. */
static bool take_offset(const char *text, int64_t *offset_s)
{
    *offset_s = 0;
    if (strcmp(text, "Z") == 0) {
        return true;
    }
    if (strlen(text) != OFFSET_BYTES || (*text != '+' && *text != '-') ||
        !has_shape(text + 1, "00:00")) {
        return false;
    }
    int hours = two_digits(text + 1);
    int minutes = two_digits(text + sizeof "+01");
    *offset_s = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE;
    *offset_s = *text == '-' ? -*offset_s : *offset_s;
    return hours <= HOURS_MAX && minutes <= MINUTES_MAX;
}

bool timestamp_parse(const char *text, int64_t *moment_ms)
{
    int64_t fraction_ms = 0;
    int64_t offset_s = 0;
    struct tm date = {0};
    if (!has_shape(text, "0000-00-00T00:00:00") ||
        !take_offset(take_fraction(text + DATE_AND_TIME_BYTES, &fraction_ms), &offset_s)) {
        return false;
    }
    date.tm_year = two_digits(text) * 100 + two_digits(text + 2) - BASE_YEAR;
    date.tm_mon = two_digits(text + sizeof "2026") - 1;
    date.tm_mday = two_digits(text + sizeof "2026-11");
    date.tm_hour = two_digits(text + sizeof "2026-11-27");
    date.tm_min = two_digits(text + sizeof "2026-11-27T13");
    date.tm_sec = two_digits(text + sizeof "2026-11-27T13:04");
    const struct tm typed = date;
    const time_t seconds = timegm(&date); /* carries what is too large into the next field */
    int64_t moment = ((int64_t)seconds - offset_s) * MS_PER_SECOND + fraction_ms;
    if (date.tm_mon != typed.tm_mon || date.tm_mday != typed.tm_mday ||
        date.tm_hour != typed.tm_hour || date.tm_min != typed.tm_min ||
        date.tm_sec != typed.tm_sec || moment < 0 || moment > TIMESTAMP_MS_MAX) {
        return false;
    }
    *moment_ms = moment;
    return true;
}
