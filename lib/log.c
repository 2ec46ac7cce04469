/*
 * log.c - see log.h.
 *
 * Threshold, output, losses and what is done around a line are process-wide state:
 * every module logs, and a logger handed through every call would say nothing that
 * the process does not already know.
 *
 * A process that is killed after it has taken the untold losses and before it
 * has written them leaves them untold. The count of all lost lines has them still.
 */
#include "lib/log.h"

#include "lib/clock.h"
#include "lib/log_output.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
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

enum {
    TELL_EVERY_MS = 1000,
    MOMENT_BYTES = 20, /* "2026-11-23 10:00:00 " */
    LEVEL_BYTES = 9,   /* "INFO", filled up with spaces */
    COLOUR_BYTES = 16, /* around it, on a terminal */
    ACTION_BYTES = 43  /* the longest `action: ... | ` */
};

static enum log_level log_threshold = LOG_LEVEL_INFO;
static struct log_output log_output = {.descriptor = STDOUT_FILENO, .kind = LOG_OUTPUT_FILE};
static struct log_losses own_losses;
static struct log_losses *losses = &own_losses;
static const struct log_around *log_around;
static long utc_offset_s; /* of local time when the log was opened */
static bool is_coloured;

/* Select Graphic Rendition (ECMA-48, 8.3.117), so that what needs a look is seen. */
static const char *const level_colours[LOG_LEVELS] = {
    [LOG_LEVEL_DEBUG] = "\x1b[2m",       [LOG_LEVEL_INFO] = "",
    [LOG_LEVEL_WARNING] = "\x1b[33m",    [LOG_LEVEL_ERROR] = "\x1b[31m",
    [LOG_LEVEL_CRITICAL] = "\x1b[1;31m",
};
static const char colour_end[] = "\x1b[0m";

void log_set_threshold(enum log_level threshold)
{
    log_threshold = threshold;
}

void log_set_around(const struct log_around *around)
{
    log_around = around;
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

/* ---------------------------------------------------------------- lines ---- */

/* A line in the making. Its first byte is a line end, which is written only after a torn line. */
struct line {
    char text[1 + LOG_LINE_BYTES];
    size_t used;
};

/* Writes the level, filled up to LEVEL_BYTES columns, and returns its end. For signal handlers, too. */
static char *put_level(char *text, enum log_level level)
{
    size_t name_bytes = strlen(level_names[level]);
    bool coloured = is_coloured && level_colours[level][0] != '\0';
    if (coloured) {
        text = stpcpy(text, level_colours[level]);
    }
    text = stpcpy(text, level_names[level]);
    if (coloured) {
        text = stpcpy(text, colour_end);
    }
    memset(text, ' ', LEVEL_BYTES - name_bytes);
    return text + LEVEL_BYTES - name_bytes;
}

/* Writes `action: store | `, and returns its end. For signal handlers, too. */
static char *put_action(char *text, enum log_message message)
{
    text = stpcpy(text, "action: ");
    text = stpcpy(text, log_message_text(message)->action);
    return stpcpy(text, " | ");
}

/* A line begins with date, time, level and action. */
__attribute__((format(printf, 4, 0))) static void format_line(struct line *line,
                                                              enum log_level level,
                                                              enum log_message message,
                                                              const char *format, va_list arguments)
{
    char *text = line->text + 1;
    time_t now = time(NULL);
    struct tm broken_down;
    line->text[0] = '\n';
    localtime_r(&now, &broken_down);
    size_t used = strftime(text, LOG_LINE_BYTES, "%Y-%m-%d %H:%M:%S ", &broken_down);
    used = (size_t)(put_level(text + used, level) - text);
    used = (size_t)(put_action(text + used, message) - text);
    int wanted = vsnprintf(text + used, LOG_LINE_BYTES - used, format, arguments);
    size_t text_bytes = wanted < 0 ? 0 : (size_t)wanted;
    if (text_bytes > LOG_LINE_BYTES - used - 1) {
        text_bytes = LOG_LINE_BYTES - used - 1;
    }
    /* A control character would let a client forge a line of ours; a cut one ends as `?`. */
    text_make_clean(text + used, text_bytes);
    used += text_bytes;
    text[used++] = '\n';
    line->used = used;
}

/* Returns false, with errno, when not all of it got out. Ends what somebody left half written. */
static bool put_line(const struct line *line, enum log_patience patience)
{
    bool ends_another = atomic_load(&losses->torn) != 0 && atomic_exchange(&losses->torn, 0) != 0;
    size_t mended = ends_another ? 1 : 0;
    size_t bytes = line->used + mended;
    size_t written = log_output_write(&log_output, line->text + 1 - mended, bytes, patience);
    if (written == bytes) {
        return true;
    }
    if (written != mended) {
        atomic_store(&losses->torn, 1);
    }
    return false;
}

/* --------------------------------------------------------------- losses ---- */

static const char *loss_reason(void)
{
    int error = atomic_load(&losses->error);
    return error == EAGAIN ? "its reader did not keep up" : strerror(error);
}

/* True for the one process that is to tell, which has taken what there is. */
static bool take_untold(uint64_t *untold, int64_t *told_before_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    *told_before_ms = atomic_load(&losses->told_at_ms);
    if (*told_before_ms != 0 && now_ms - *told_before_ms < TELL_EVERY_MS) {
        return false;
    }
    if (!atomic_compare_exchange_strong(&losses->told_at_ms, told_before_ms, now_ms)) {
        return false;
    }
    *untold = atomic_exchange(&losses->untold, 0);
    return *untold > 0;
}

__attribute__((format(printf, 3, 4))) static bool
put_warning(enum log_patience patience, enum log_message message, const char *format, ...)
{
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    format_line(&line, LOG_LEVEL_WARNING, message, format, arguments);
    va_end(arguments);
    return put_line(&line, patience);
}

/* Tells of lost lines, if any. Returns false, with errno, when that did not get out. */
static bool tell_losses(enum log_patience patience)
{
    uint64_t untold = 0;
    int64_t told_before_ms = 0;
    if (atomic_load(&losses->untold) == 0 || !log_enabled(LOG_LEVEL_WARNING) ||
        !take_untold(&untold, &told_before_ms)) {
        return true;
    }
    if (put_warning(patience, LOG_LINES_LOST, "result: fail | lost_lines: %" PRIu64 " | reason: %s",
                    untold, loss_reason())) {
        return true;
    }
    int error = errno;
    atomic_fetch_add(&losses->untold, untold);
    atomic_store(&losses->told_at_ms, told_before_ms);
    errno = error;
    return false;
}

/* Returns false when the line was lost. */
static bool emit(const struct line *line, enum log_patience patience)
{
    if (!tell_losses(patience) || !put_line(line, patience)) {
        atomic_fetch_add(&losses->lines, 1);
        atomic_fetch_add(&losses->untold, 1);
        atomic_store(&losses->error, errno);
        atomic_store(&losses->losing, 1);
        return false;
    }
    if (atomic_load(&losses->losing) != 0) {
        atomic_store(&losses->losing, 0);
    }
    return true;
}

void log_count_losses_in(struct log_losses *shared)
{
    struct log_losses *before = losses;
    losses = shared == NULL ? &own_losses : shared;
    if (losses == before) {
        return;
    }
    atomic_store(&losses->lines, atomic_load(&before->lines));
    atomic_store(&losses->untold, atomic_exchange(&before->untold, 0));
    atomic_store(&losses->told_at_ms, atomic_load(&before->told_at_ms));
    atomic_store(&losses->error, atomic_load(&before->error));
    atomic_store(&losses->losing, atomic_load(&before->losing));
    atomic_store(&losses->torn, atomic_exchange(&before->torn, 0));
}

/* ------------------------------------------------------- opening, closing ---- */

void log_open(void)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone costs lines, not the process */
    log_output_close(&log_output);
    log_output_open(&log_output, STDOUT_FILENO);
    time_t now = time(NULL);
    struct tm broken_down;
    if (localtime_r(&now, &broken_down) != NULL) {
        utc_offset_s = broken_down.tm_gmtoff;
    }
    is_coloured = log_output_takes_colours(STDOUT_FILENO);
}

void log_close(void)
{
    atomic_store(&losses->told_at_ms, 0); /* now or never */
    if (!tell_losses(LOG_PATIENCE_ONCE)) {
        log_complain("%" PRIu64 " lines of the log were lost: %s", atomic_load(&losses->untold),
                     loss_reason());
    }
}

/* -------------------------------------------------------------- logging ---- */

void log_write(enum log_level level, enum log_message message, const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    format_line(&line, level, message, format, arguments);
    va_end(arguments);
    bool losing = atomic_load(&losses->losing) != 0;
    if (log_around != NULL) {
        log_around->before(log_around->context);
    }
    emit(&line, losing ? LOG_PATIENCE_NONE : LOG_PATIENCE_FAIR);
    if (log_around != NULL) {
        log_around->after(log_around->context);
    }
    errno = saved_errno;
}

void log_complain(const char *format, ...)
{
    char text[LOG_LINE_BYTES];
    char complaint[LOG_LINE_BYTES];
    struct log_output errors;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int wanted =
        snprintf(complaint, sizeof complaint, "%s: %s\n", program_invocation_short_name, text);
    size_t bytes = wanted < 0 ? 0 : (size_t)wanted;
    if (bytes >= sizeof complaint) {
        bytes = sizeof complaint - 1;
        complaint[bytes - 1] = '\n';
    }
    log_output_open(&errors, STDERR_FILENO);
    log_output_write(&errors, complaint, bytes, LOG_PATIENCE_ONCE);
    log_output_close(&errors);
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
 * Writes local time as "2026-11-23 10:00:00 ", and returns its end. gmtime and strftime take locks.
 * The calendar is that of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", for days since
 * 1970: years begin in March, and repeat after 400 of them.
 */
static char *put_moment(char *text)
{
    enum { DAY_S = 86400, ERA_DAYS = 146097, TO_ERA = 719468, YEAR_DAYS = 365 };
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    long seconds = now.tv_sec + utc_offset_s;
    long days = seconds / DAY_S + TO_ERA;
    long era_day = days % ERA_DAYS;
    long year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / YEAR_DAYS;
    long year_day = era_day - (YEAR_DAYS * year + year / 4 - year / 100);
    long month = (5 * year_day + 2) / 153; /* 0 is March */
    long day = year_day - (153 * month + 2) / 5 + 1;
    long of_day_s = seconds % DAY_S;
    text = put_digits(text, 4, year + days / ERA_DAYS * 400 + (month >= 10 ? 1 : 0));
    *text++ = '-';
    text = put_digits(text, 2, month < 10 ? month + 3 : month - 9);
    *text++ = '-';
    text = put_digits(text, 2, day);
    *text++ = ' ';
    text = put_digits(text, 2, of_day_s / 3600);
    *text++ = ':';
    text = put_digits(text, 2, of_day_s / 60 % 60);
    *text++ = ':';
    text = put_digits(text, 2, of_day_s % 60);
    *text++ = ' ';
    return text;
}

void log_write_in_signal(enum log_level level, enum log_message message, const char *text)
{
    struct line line = {.used = 0};
    size_t bytes = strlen(text);
    size_t room = LOG_LINE_BYTES - MOMENT_BYTES - LEVEL_BYTES - COLOUR_BYTES - ACTION_BYTES - 1;
    int saved_errno = errno;
    if (!log_enabled(level)) {
        return;
    }
    line.used = (size_t)(put_action(put_level(put_moment(line.text), level), message) - line.text);
    memcpy(line.text + line.used, text, bytes < room ? bytes : room);
    line.used += bytes < room ? bytes : room;
    line.text[line.used++] = '\n';
    if (write(log_output.descriptor, line.text, line.used) != (ssize_t)line.used) {
        atomic_fetch_add(&losses->lines, 1);
        atomic_fetch_add(&losses->untold, 1);
        atomic_store(&losses->error, errno);
    }
    errno = saved_errno;
}

/* The line of a broken invariant; it is tried on standard error too before it is given up. */
__attribute__((format(printf, 2, 3))) static void log_last_words(enum log_message message,
                                                                 const char *format, ...)
{
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    format_line(&line, LOG_LEVEL_CRITICAL, message, format, arguments);
    va_end(arguments);
    if (!emit(&line, LOG_PATIENCE_LAST)) {
        log_complain("%.*s", (int)line.used - 1, line.text + 1);
    }
}

_Noreturn void log_panic(const char *file, int line, const char *condition, const char *format, ...)
{
    char values[LOG_LINE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(values, sizeof values, format, arguments);
    va_end(arguments);
    log_last_words(LOG_INVARIANT_BROKEN, "result: fail | place: %s:%d | broken: %s | values: %s",
                   file, line, condition, values);
    abort();
}
