/*
 * log.h - log lines that programs can read, whole lines even when many
 * processes write to the same place.
 *
 * A line is `2026-11-23 10:00:00 INFO     action: a | result: success | ...`
 * and leaves the process in one write to standard output (POSIX: a write of
 * at most PIPE_BUF bytes to a pipe is atomic). A line longer than LOG_LINE_BYTES
 * is cut. Whatever was to be logged, a line is valid UTF-8 without control
 * characters: what is not becomes `?`. Fields are `name: value`, separated by ` | `; `result` is success,
 * fail or in_progress.
 *
 * Nobody waits for the log longer than a moment (log_output.h says how long).
 * Where its reader has stopped, where it is closed, or its disk is full, lines
 * are lost: they are counted, in one place for all processes of a program, and
 * as soon as a line gets out again it is preceded by `action: log | result: fail
 * | lost_lines: N | reason: ...`, which exactly one process writes, once a second
 * at most. While lines are being lost none waits: each is tried once.
 *
 * Of a terminal or a socket, which may take a part of a line, the rest follows
 * while there is patience. If that ends first, the part stays, the line counts
 * as lost, and the next line that anybody writes begins with a line end, so that
 * it stands alone. (Another process's line that was written within that moment
 * stands behind the part.)
 *
 * Any process may call; threshold and output are set once by main before it forks.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
    LOG_LEVELS
};

enum { LOG_LINE_BYTES = 1024 };

/* What all processes that log to the same place know of lines that did not get out. Zeros first. */
struct log_losses {
    _Atomic uint64_t lines;  /* lost so far */
    _Atomic uint64_t untold; /* of these, the ones that no line has told yet */
    /* When some were told last, ms of the monotonic clock; 0: never. Who moves it tells them. */
    _Atomic int64_t told_at_ms;
    _Atomic int32_t error;   /* why the latest one was lost, an errno */
    _Atomic uint32_t losing; /* 1: the latest line was lost, so that the next one does not wait */
    _Atomic uint32_t torn;   /* 1: what was written last ends within a line */
};

/*
 * Finds out what standard output is, so that it is written to without waiting.
 * SIGPIPE is ignored from then on, and SIGALRM may be the log's (log_output.h).
 * Called by main before it logs; children inherit it. Who never calls it, as
 * tests do, writes to standard output as if it were a file.
 */
void log_open(void);

/*
 * Tells at the end what no line has told yet: in the log, or, where that still
 * takes nothing, on standard error. Called by main, last of all.
 */
void log_close(void);

/*
 * From now on losses are counted there, by this process and those that it will
 * fork; NULL: in memory of its own, as at first. What was not told yet is taken
 * along. The caller keeps it until the next call, and processes that were forked
 * meanwhile until they end.
 */
void log_count_losses_in(struct log_losses *shared);

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

/*
 * What is to be done around the writing of each line, by this process: somebody draws
 * on the terminal that the lines go to. NULL: nothing, as at the start. Neither function
 * may log.
 */
struct log_around {
    void (*before)(void *context);
    void (*after)(void *context);
    void *context;
};

void log_set_around(const struct log_around *around);

/* Writes one line, or counts it as lost. Keeps errno. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Says something on standard error, `PROGRAM: text` and a line end, without
 * waiting longer than a moment either: for what a program complains of at its end.
 */
void log_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_debug(...)    log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)     log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_LEVEL_CRITICAL, __VA_ARGS__)

/*
 * An invariant that breaks stops the process with the place and the values:
 * it is we who are wrong, and going on could only damage what is stored. Its
 * line is worth a wait of LOG_WAIT_LAST_MS; where the log takes nothing even then,
 * it is said on standard error.
 */
#define invariant(condition, format, ...)                                                          \
    ((condition) ? (void)0 : log_panic(__FILE__, __LINE__, #condition, format, __VA_ARGS__))

_Noreturn void log_panic(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
