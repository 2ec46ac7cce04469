/*
 * config_value.c - see config_value.h.
 *
 * A value is checked as a whole before anything is written. A text that is too
 * long is refused and never cut, because half a path is another path.
 */
#include "lib/config_value.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Enough for any number of 64 bits with its units. */
enum { NUMBER_TEXT_BYTES = 64 };

/* How much of a wrong value is worth repeating in a message. */
enum { SHOWN_VALUE_BYTES = 60 };

struct unit {
    const char *name;
    uint64_t factor;
};

enum { DURATION_UNITS = 4, BYTES_UNITS = 3 };

static const struct unit duration_units[DURATION_UNITS] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static const struct unit bytes_units[BYTES_UNITS] = {
    {"G", 1024UL * 1024 * 1024}, {"M", 1024UL * 1024}, {"k", 1024}};

/* Reads the digits at *text and moves it past them. False for none, or for too many. */
static bool take_digits(const char **text, uint64_t *number)
{
    const char *digit = *text;
    *number = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(*number, 10U, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*digit - '0'), number)) {
            return false;
        }
    }
    bool found = digit != *text;
    *text = digit;
    return found;
}

/* Finds the unit at *text among those from index `from` on, and moves past it; -1: none. */
static int take_duration_unit(const char **text, int from)
{
    size_t letters = strspn(*text, "hms");
    for (int i = from; i < DURATION_UNITS; i++) {
        if (strlen(duration_units[i].name) == letters &&
            strncmp(*text, duration_units[i].name, letters) == 0) {
            *text += letters;
            return i;
        }
    }
    return -1;
}

bool config_value_parse_duration(const char *text, uint64_t *duration_ms)
{
    uint64_t total = 0;
    bool plain_zero = strcmp(text, "0") == 0;
    for (int unit = -1; !plain_zero;) {
        uint64_t amount;
        if (!take_digits(&text, &amount)) {
            return false;
        }
        unit = take_duration_unit(&text, unit + 1);
        if (unit < 0 || __builtin_mul_overflow(amount, duration_units[unit].factor, &amount) ||
            __builtin_add_overflow(total, amount, &total)) {
            return false;
        }
        if (*text == '\0') {
            break;
        }
    }
    *duration_ms = total;
    return true;
}

bool config_value_parse_bytes(const char *text, uint64_t *bytes)
{
    uint64_t amount;
    if (!take_digits(&text, &amount)) {
        return false;
    }
    uint64_t factor = *text == '\0' ? 1 : 0;
    for (int i = 0; i < BYTES_UNITS; i++) {
        if (strcasecmp(text, bytes_units[i].name) == 0) {
            factor = bytes_units[i].factor;
        }
    }
    if (factor == 0 || __builtin_mul_overflow(amount, factor, &amount)) {
        return false;
    }
    *bytes = amount;
    return true;
}

static void format_duration(uint64_t duration_ms, char *text, size_t capacity)
{
    snprintf(text, capacity, "0");
    size_t used = 0;
    for (int i = 0; i < DURATION_UNITS && used < capacity; i++) {
        uint64_t amount = duration_ms / duration_units[i].factor;
        duration_ms %= duration_units[i].factor;
        if (amount > 0) {
            used += (size_t)snprintf(text + used, capacity - used, "%" PRIu64 "%s", amount,
                                     duration_units[i].name);
        }
    }
}

static void format_bytes(uint64_t bytes, char *text, size_t capacity)
{
    for (int i = 0; i < BYTES_UNITS; i++) {
        if (bytes > 0 && bytes % bytes_units[i].factor == 0) {
            snprintf(text, capacity, "%" PRIu64 "%s", bytes / bytes_units[i].factor,
                     bytes_units[i].name);
            return;
        }
    }
    snprintf(text, capacity, "%" PRIu64, bytes);
}

static void format_number(enum config_kind kind, uint64_t number, char *text, size_t capacity)
{
    if (kind == CONFIG_DURATION) {
        format_duration(number, text, capacity);
    } else if (kind == CONFIG_BYTES) {
        format_bytes(number, text, capacity);
    } else {
        snprintf(text, capacity, "%" PRIu64, number);
    }
}

/* The name of a choice, or of a log level; NULL after the last one. */
static const char *choice_name(const struct config_key *key, int index)
{
    if (key->kind == CONFIG_CHOICE) {
        return key->choices[index];
    }
    return index < LOG_LEVELS ? log_level_name((enum log_level)index) : NULL;
}

static void describe_number(const struct config_key *key, char text[CONFIG_WANTED_BYTES])
{
    const char *noun = "a whole number";
    const char *hint = "";
    if (key->kind == CONFIG_DURATION) {
        noun = "a duration";
        hint = " (write it like 100ms, 5s, 1m30s or 1h)";
    } else if (key->kind == CONFIG_BYTES) {
        noun = "a size in bytes";
        hint = " (write it like 8192, 64k, 8M or 1G)";
    }
    char minimum[NUMBER_TEXT_BYTES];
    char maximum[NUMBER_TEXT_BYTES];
    format_number(key->kind, key->minimum, minimum, sizeof minimum);
    format_number(key->kind, key->maximum, maximum, sizeof maximum);
    snprintf(text, CONFIG_WANTED_BYTES, "%s from %s to %s%s", noun, minimum, maximum, hint);
}

void config_value_describe(const struct config_key *key, char text[CONFIG_WANTED_BYTES])
{
    switch (key->kind) {
    case CONFIG_TEXT:
        snprintf(text, CONFIG_WANTED_BYTES, "a text");
        break;
    case CONFIG_UINT32:
    case CONFIG_UINT64:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        describe_number(key, text);
        break;
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL:
        snprintf(text, CONFIG_WANTED_BYTES, "one of");
        for (int i = 0; choice_name(key, i) != NULL; i++) {
            size_t used = strlen(text);
            snprintf(text + used, CONFIG_WANTED_BYTES - used, "%s %s", i == 0 ? "" : ",",
                     choice_name(key, i));
        }
        break;
    }
}

/* Says what the value is not, and shows as much of it as helps. */
static bool refuse_value(const struct config_key *key, const char *text, size_t bytes,
                         const char *place, struct failure *failure)
{
    char wanted[CONFIG_WANTED_BYTES];
    config_value_describe(key, wanted);
    return failure_set(failure, "%s: \"%.*s%s\" is not %s", place, (int)SHOWN_VALUE_BYTES, text,
                       bytes > SHOWN_VALUE_BYTES ? "..." : "", wanted);
}

static bool parse_number(const struct config_key *key, const char *text, size_t bytes,
                         const char *place, void *target, struct failure *failure)
{
    uint64_t number = 0;
    const char *end = text;
    bool understood = key->kind == CONFIG_DURATION ? config_value_parse_duration(text, &number)
                      : key->kind == CONFIG_BYTES  ? config_value_parse_bytes(text, &number)
                                                   : take_digits(&end, &number) && *end == '\0';
    if (!understood || number < key->minimum || number > key->maximum) {
        return refuse_value(key, text, bytes, place, failure);
    }
    if (key->kind == CONFIG_UINT32) {
        *(uint32_t *)target = (uint32_t)number;
    } else {
        *(uint64_t *)target = number;
    }
    return true;
}

static bool parse_choice(const struct config_key *key, const char *text, size_t bytes,
                         const char *place, int *target, struct failure *failure)
{
    enum log_level level;
    if (key->kind == CONFIG_LOG_LEVEL && log_level_from_name(text, &level)) {
        *target = (int)level;
        return true;
    }
    for (int i = 0; choice_name(key, i) != NULL; i++) {
        if (strcasecmp(text, choice_name(key, i)) == 0) {
            *target = i;
            return true;
        }
    }
    return refuse_value(key, text, bytes, place, failure);
}

static bool parse_text(const struct config_key *key, const char *text, size_t bytes,
                       const char *place, char *target, struct failure *failure)
{
    if (bytes >= CONFIG_TEXT_BYTES) {
        return failure_set(failure, "%s: is %zu bytes long; at most %d are allowed", place, bytes,
                           CONFIG_TEXT_BYTES - 1);
    }
    if (bytes < key->minimum) {
        return failure_set(failure, "%s: is %zu bytes long; at least %" PRIu64 " are needed", place,
                           bytes, key->minimum);
    }
    memset(target, 0, CONFIG_TEXT_BYTES);
    memcpy(target, text, bytes);
    return true;
}

static bool has_control_character(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

bool config_value_parse(const struct config_key *key, const char *text, size_t bytes,
                        const char *place, void *target, struct failure *failure)
{
    void *value = (char *)target + key->offset;
    if (has_control_character(text, bytes)) {
        return failure_set(failure, "%s: holds a control character; one line of text is allowed",
                           place);
    }
    switch (key->kind) {
    case CONFIG_TEXT:
        return parse_text(key, text, bytes, place, value, failure);
    case CONFIG_UINT32:
    case CONFIG_UINT64:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        return parse_number(key, text, bytes, place, value, failure);
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL:
        return parse_choice(key, text, bytes, place, value, failure);
    }
    return failure_set(failure, "%s: the table gives it an unknown kind", place);
}

void config_value_format(const struct config_key *key, const void *target, char *text,
                         size_t capacity)
{
    const void *value = (const char *)target + key->offset;
    switch (key->kind) {
    case CONFIG_TEXT:
        snprintf(text, capacity, "%s", (const char *)value);
        break;
    case CONFIG_UINT32:
        snprintf(text, capacity, "%" PRIu32, *(const uint32_t *)value);
        break;
    case CONFIG_UINT64:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        format_number(key->kind, *(const uint64_t *)value, text, capacity);
        break;
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL:
        snprintf(text, capacity, "%s", choice_name(key, *(const int *)value));
        break;
    }
}

/* ------------------------------------------------------------- comparing ---- */

/* What a value of this kind takes in the struct. */
static size_t value_bytes(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_TEXT:
        return CONFIG_TEXT_BYTES;
    case CONFIG_UINT32:
        return sizeof(uint32_t);
    case CONFIG_UINT64:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
        return sizeof(uint64_t);
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL:
        break;
    }
    return sizeof(int);
}

bool config_value_equal(const struct config_key *key, const void *one, const void *other)
{
    const char *first = (const char *)one + key->offset;
    const char *second = (const char *)other + key->offset;
    return key->kind == CONFIG_TEXT ? strcmp(first, second) == 0
                                    : memcmp(first, second, value_bytes(key->kind)) == 0;
}

void config_value_copy(const struct config_key *key, const void *from, void *target)
{
    memcpy((char *)target + key->offset, (const char *)from + key->offset, value_bytes(key->kind));
}
