/*
 * log.h - log lines that programs can read, whole lines even when many
 * processes write to the same place.
 *
 * A line is `2026-11-23 10:00:00 INFO     action: a | result: success | ...`
 * and leaves the process in one write to standard output (POSIX: a write of
 * at most PIPE_BUF bytes to a pipe is atomic). A line longer than LOG_LINE_BYTES
 * is cut. Every line is valid UTF-8 without control characters: each byte that is
 * not becomes `?`, but for the colour of the level on a terminal (log_output.h). Fields are `name: value`, separated by ` | `; `result` is
 * success, fail or in_progress.
 *
 * A process waits for the log no longer than a moment (log_output.h says how
 * long). Lines are lost where the log's reader has stopped, its output is closed
 * or its disk is full. They are counted in one place for all processes of a
 * program. The next line that gets out is preceded by `action: log | result: fail
 * | lost_lines: N | reason: ...`, which exactly one process writes, once a second
 * at most. While lines are being lost, each line is tried once and does not wait.
 *
 * A terminal or a socket may take a part of a line; the rest follows while there
 * is time. If time runs out, the part stays and the line counts as lost. The next
 * line that any process writes then begins with a line end, so that it stands
 * alone. (A line that another process writes at that very moment follows the part
 * in the same line.)
 *
 * Any process may call these functions; main sets threshold and output once, before
 * it forks.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/log_message.h"

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

enum { LOG_LINE_BYTES = 2048 };

/* The lost lines of all processes that log to the same place. All zeros at first. */
struct log_losses {
    _Atomic uint64_t lines;  /* lost so far */
    _Atomic uint64_t untold; /* of these, the ones that no line has told yet */
    /* When some were told last, ms of the monotonic clock; 0: never. The process that changes
     * it is the one that tells them. */
    _Atomic int64_t told_at_ms;
    _Atomic int32_t error;   /* why the latest one was lost, an errno */
    _Atomic uint32_t losing; /* 1: the latest line was lost, so that the next one does not wait */
    _Atomic uint32_t torn;   /* 1: what was written last ends within a line */
};

/*
 * Finds out what standard output is, so that it is written to without waiting.
 * SIGPIPE is ignored from then on, and SIGALRM may be the log's (log_output.h).
 * Called by main before it logs; children inherit it. Without the call, as in
 * tests, standard output is written to as if it were a file.
 */
void log_open(void);

/*
 * Tells of lost lines that no line has told of yet: in the log, or on standard error
 * where the log still takes nothing. Called by main, last of all.
 */
void log_close(void);

/*
 * Counts losses in `shared` from now on, in this process and in those that it will
 * fork; NULL: in the process's own memory, as at first. Losses that were not told yet
 * are added to it. `shared` must exist until the next call, and until all processes
 * that were forked meanwhile have ended.
 */
void log_count_losses_in(struct log_losses *shared);

/* Lines below the threshold are not written. The default is LOG_LEVEL_INFO. */
void log_set_threshold(enum log_level threshold);

/* True when a line of this level would be written. */
bool log_enabled(enum log_level level);

/* The level's name as it stands in a line, "INFO" for example. */
const char *log_level_name(enum log_level level);

/*
 * Reads a level's name, in any case; "WARN" and "FATAL" are accepted too.
 * Returns false and leaves *level alone where the name is unknown.
 */
bool log_level_from_name(const char *name, enum log_level *level);

/*
 * What this process does before and after it writes each line. The agency's progress line
 * is on the same terminal as the log: it is wiped before a line and drawn after it. Neither
 * function may log.
 */
struct log_around {
    void (*before)(void *context);
    void (*after)(void *context);
    void *context;
};

/*
 * Calls the functions of `around` from now on; NULL: none, as at first. The struct must exist
 * until the next call of this function.
 */
void log_set_around(const struct log_around *around);

/*
 * Writes one line of this message, or counts it as lost. The message's action comes first, and the
 * text of the call after it: `result: success | ...`. Keeps errno.
 */
void log_write(enum log_level level, enum log_message message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Writes one line as log_write does, by what a signal handler may call (signal-safety(7)): in one
 * write, which is not repeated. `text` is shorter than LOG_LINE_BYTES by the 45 bytes of date,
 * level and its colour, and clean. The hour is local time as it was when the log was opened.
 */
void log_write_in_signal(enum log_level level, enum log_message message, const char *text);

/*
 * Writes `PROGRAM: text` and a line end to standard error, without waiting longer than
 * for the log. For complaints of a process that is at work or at its end; before that,
 * main has program_complain (program.h).
 */
void log_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_debug(message, ...)    log_write(LOG_LEVEL_DEBUG, message, __VA_ARGS__)
#define log_info(message, ...)     log_write(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_warning(message, ...)  log_write(LOG_LEVEL_WARNING, message, __VA_ARGS__)
#define log_error(message, ...)    log_write(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_critical(message, ...) log_write(LOG_LEVEL_CRITICAL, message, __VA_ARGS__)

/*
 * Ends the process by SIGABRT where the condition is false, after logging the place and
 * the values. The program itself is wrong then, and going on could damage what is stored.
 * The line may wait LOG_WAIT_LAST_MS for the log; it goes to standard error where
 * the log takes nothing even then.
 */
#define invariant(condition, format, ...)                                                          \
    ((condition) ? (void)0 : log_panic(__FILE__, __LINE__, #condition, format, __VA_ARGS__))

/* What `invariant` calls; use that. */
_Noreturn void log_panic(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
