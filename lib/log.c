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
#include "lib/log_journal.h"
#include "lib/log_moment.h"
#include "lib/log_output.h"

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

enum { TELL_EVERY_MS = 1000, PROGRAM_BYTES = 32 };

static enum log_level log_threshold = LOG_LEVEL_INFO;
static const _Atomic uint32_t *followed_threshold; /* NULL: log_threshold counts */
static struct log_output log_output = {.descriptor = STDOUT_FILENO, .kind = LOG_OUTPUT_FILE};
static struct log_losses own_losses;
static struct log_losses *losses = &own_losses;
static const struct log_around *log_around;
static const struct log_connection *log_connection;
static enum log_format wanted_format = LOG_FORMAT_TEXT; /* of log.format */
static enum log_format log_format = LOG_FORMAT_TEXT;    /* what came of it */
static struct log_decoration decoration;
static const char *journal_path = LOG_JOURNAL_PATH;
static int journal = -1;
static char program[PROGRAM_BYTES] = "lottery";

void log_set_threshold(enum log_level threshold)
{
    log_threshold = threshold;
}

void log_set_format(enum log_format format)
{
    wanted_format = format;
}

void log_set_journal(const char *path)
{
    journal_path = path == NULL ? LOG_JOURNAL_PATH : path;
}

void log_set_connection(const struct log_connection *connection)
{
    log_connection = connection;
}

void log_follow_threshold(const _Atomic uint32_t *shared)
{
    followed_threshold = shared;
}

void log_set_around(const struct log_around *around)
{
    log_around = around;
}

bool log_enabled(enum log_level level)
{
    uint32_t threshold = followed_threshold == NULL
                             ? (uint32_t)log_threshold
                             : atomic_load_explicit(followed_threshold, memory_order_relaxed);
    return level == LOG_LEVEL_CRITICAL || (uint32_t)level >= threshold;
}

bool log_level_from_name(const char *name, enum log_level *level)
{
    for (int i = 0; i < LOG_LEVELS; i++) {
        if (strcasecmp(name, log_level_name((enum log_level)i)) == 0) {
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
    char text[1 + LOG_DATAGRAM_BYTES];
    size_t used;
};

/* Who says it. A line about another process has that one's pid among its own fields. */
static void add_sender(struct log_fields *tail, const struct log_fields *own)
{
    if (!log_fields_have(own, "pid")) {
        log_fields_add(tail, "pid: %d", (int)getpid());
    }
    if (log_connection != NULL) {
        log_fields_add(tail, "%-sip: %s%-s%s | connection: %" PRIu64, tail->bytes == 0 ? "" : " | ",
                       log_connection->ip,
                       log_connection->via[0] == '\0' ? "" : " | via: ", log_connection->via,
                       log_connection->number);
    }
}

/* For signal handlers, too. */
__attribute__((format(printf, 4, 0))) static void format_line(struct line *line,
                                                              enum log_level level,
                                                              enum log_message message,
                                                              const char *format, va_list arguments)
{
    struct log_fields own = {.bytes = 0};
    struct log_fields tail = {.bytes = 0};
    struct log_record record = {
        .level = level, .message = message, .own = &own, .tail = &tail, .program = program};
    clock_gettime(CLOCK_REALTIME, &record.moment);
    log_fields_add_list(&own, format, arguments);
    add_sender(&tail, &own);
    line->text[0] = '\n';
    switch (log_format) {
    case LOG_FORMAT_JSON:
        line->used = log_format_json(&record, &decoration, line->text + 1);
        break;
    case LOG_FORMAT_JOURNALD:
        line->used = log_format_journal(&record, line->text + 1);
        break;
    case LOG_FORMAT_TEXT:
    case LOG_FORMATS:
        line->used = log_format_text(&record, &decoration, line->text + 1);
        break;
    }
}

/* Returns false, with errno, when not all of it got out. Ends what somebody left half written. */
static bool put_line(const struct line *line, enum log_patience patience)
{
    bool ends_another = log_format != LOG_FORMAT_JOURNALD && atomic_load(&losses->torn) != 0 &&
                        atomic_exchange(&losses->torn, 0) != 0;
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

/* Opens what the format wants. False, with errno, where it can't be had: it is text then. */
static bool open_output(void)
{
    log_format = wanted_format;
    log_output_close(&log_output);
    if (journal >= 0) {
        close(journal);
    }
    journal = wanted_format == LOG_FORMAT_JOURNALD ? log_journal_open(journal_path) : -1;
    int error = errno;
    bool has_it = journal >= 0 || wanted_format != LOG_FORMAT_JOURNALD;
    log_format = has_it ? wanted_format : LOG_FORMAT_TEXT;
    log_output_open(&log_output, journal >= 0 ? journal : STDOUT_FILENO);
    decoration = (struct log_decoration){.is_coloured = log_format == LOG_FORMAT_TEXT &&
                                                        log_output_takes_colours(STDOUT_FILENO),
                                         .has_priority = log_journal_reads(STDOUT_FILENO)};
    errno = error;
    return has_it;
}

void log_open(void)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone costs lines, not the process */
    (void)snprintf(program, sizeof program, "%s", program_invocation_short_name);
    log_moment_look_up_zone(time(NULL));
    if (!open_output()) {
        log_warning(LOG_JOURNAL_MISSING,
                    "result: in_progress | socket: %s | error: %s | reason: log.format is "
                    "journald; the log goes to standard output instead",
                    journal_path, strerror(errno));
    }
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

void log_write_list(enum log_level level, enum log_message message, const char *format,
                    va_list arguments)
{
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    log_moment_look_up_zone(time(NULL));
    format_line(&line, level, message, format, arguments);
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

void log_write(enum log_level level, enum log_message message, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write_list(level, message, format, arguments);
    va_end(arguments);
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

void log_write_in_signal(enum log_level level, enum log_message message, const char *format, ...)
{
    struct line line;
    va_list arguments;
    int saved_errno = errno;
    if (!log_enabled(level)) {
        return;
    }
    va_start(arguments, format);
    format_line(&line, level, message, format, arguments);
    va_end(arguments);
    if (write(log_output.descriptor, line.text + 1, line.used) != (ssize_t)line.used) {
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
