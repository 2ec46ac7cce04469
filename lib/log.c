/*
 * log.c - see log.h.
 *
 * The threshold is the one piece of process-wide state: every module logs, and
 * a logger handed through every call would say nothing that the process does
 * not already know.
 */
#include "lib/log.h"

#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[LOG_LEVELS] = {
    [LOG_LEVEL_DEBUG] = "DEBUG", [LOG_LEVEL_INFO] = "INFO",         [LOG_LEVEL_WARNING] = "WARNING",
    [LOG_LEVEL_ERROR] = "ERROR", [LOG_LEVEL_CRITICAL] = "CRITICAL",
};

static enum log_level log_threshold = LOG_LEVEL_INFO;

void log_set_threshold(enum log_level threshold)
{
    log_threshold = threshold;
}

bool log_enabled(enum log_level level)
{
    return level >= log_threshold;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_from_name(const char *name, enum log_level *level)
{
    for (int i = 0; i < LOG_LEVELS; i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    if (strcasecmp(name, "WARN") == 0) {
        *level = LOG_LEVEL_WARNING;
        return true;
    }
    if (strcasecmp(name, "FATAL") == 0) {
        *level = LOG_LEVEL_CRITICAL;
        return true;
    }
    return false;
}

/* Writes date, time and level; returns the bytes written. */
static size_t write_prefix(char *line, size_t capacity, enum log_level level)
{
    time_t now = time(NULL);
    struct tm broken_down;
    (void)localtime_r(&now, &broken_down);
    size_t used = strftime(line, capacity, "%Y-%m-%d %H:%M:%S ", &broken_down);
    return used + (size_t)snprintf(line + used, capacity - used, "%-8s ", level_names[level]);
}

static void write_line(enum log_level level, const char *format, va_list arguments)
{
    char line[LOG_LINE_BYTES];
    size_t used = write_prefix(line, sizeof line, level);
    int wanted = vsnprintf(line + used, sizeof line - used, format, arguments);
    size_t text_bytes = wanted < 0 ? 0 : (size_t)wanted;
    if (text_bytes > sizeof line - used - 1) {
        text_bytes = sizeof line - used - 1;
    }
    /* A control character would let a client forge a line of ours; a cut one ends as `?`. */
    text_make_clean(line + used, text_bytes);
    used += text_bytes;
    line[used++] = '\n';
    ssize_t written = write(STDOUT_FILENO, line, used);
    (void)written; /* a log that can't be written can't be complained about either */
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    va_list arguments;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}

_Noreturn void log_panic(const char *file, int line, const char *condition, const char *format, ...)
{
    char values[LOG_LINE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(values, sizeof values, format, arguments);
    va_end(arguments);
    log_critical("action: invariant | result: fail | place: %s:%d | broken: %s | values: %s", file,
                 line, condition, values);
    abort();
}
