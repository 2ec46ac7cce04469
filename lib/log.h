/*
 * log.h - log lines that programs can read, whole lines even when many
 * processes write to the same place.
 *
 * A line is `2026-11-23 10:00:00 INFO     action: a | result: success | ...`
 * and leaves the process in one write(2) to standard output (POSIX: a write of
 * at most PIPE_BUF bytes to a pipe is atomic). A line longer than LOG_LINE_BYTES
 * is cut. Whatever was to be logged, a line is valid UTF-8 without control
 * characters: what is not becomes `?`. Fields are `name: value`, separated by ` | `; `result` is success,
 * fail or in_progress.
 *
 * Any process may call; the threshold is set once by main before it forks.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
    LOG_LEVELS
};

enum { LOG_LINE_BYTES = 1024 };

/* Lines below the threshold are not written. The default is LOG_LEVEL_INFO. */
void log_set_threshold(enum log_level threshold);

/* True when a line of this level would be written. */
bool log_enabled(enum log_level level);

/* The level's name as it stands in a line, "INFO" for example. */
const char *log_level_name(enum log_level level);

/*
 * Reads a level's name, in any case; "WARN" and "FATAL" are taken too.
 * Returns false and leaves *level alone where the name is unknown.
 */
bool log_level_from_name(const char *name, enum log_level *level);

/* Writes one line; a failed write is nobody's business. Keeps errno. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)    log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)     log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)

/*
 * An invariant that breaks stops the process with the place and the values:
 * it is we who are wrong, and going on could only damage what is stored.
 */
#define invariant(condition, format, ...)                                                          \
    ((condition) ? (void)0 : log_panic(__FILE__, __LINE__, #condition, format, __VA_ARGS__))

_Noreturn void log_panic(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
