/*
 * peer_log.c - see peer_log.h. If the handler dies, a count of suppressed lines dies with it.
 */
#include "server/handler/peer_log.h"

#include "lib/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void peer_log_open(struct peer_log *log, const struct slot *slot)
{
    *log = (struct peer_log){.peer = slot->peer, .via = slot->via, .pid = (int)getpid()};
    log_limit_open(&log->limit, clock_monotonic_ms());
}

/* Writes a line. One that is too long loses the end of its own text, never the peers' addresses. */
static void write_line(const struct peer_log *log, enum log_level level, enum log_message message,
                       const char *format, va_list arguments)
{
    enum { OWN_BYTES = LOG_LINE_BYTES - 5 * SHARED_PEER_BYTES };
    char text[OWN_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    log_write(level, message, "%s | pid: %d | ip: %s%s%s", text, log->pid, log->peer,
              log->via[0] == '\0' ? "" : " | via: ", log->via);
}

void peer_log_write(const struct peer_log *log, enum log_level level, enum log_message message,
                    const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(log, level, message, format, arguments);
    va_end(arguments);
}

void peer_log_limited(struct peer_log *log, enum log_level level, enum log_message message,
                      const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    if (log_limit_admits(&log->limit, clock_monotonic_ms())) {
        va_list arguments;
        va_start(arguments, format);
        write_line(log, level, message, format, arguments);
        va_end(arguments);
    }
    peer_log_summarize(log);
}

static void write_summary(struct peer_log *log, uint64_t suppressed)
{
    if (suppressed > 0) {
        peer_log_write(log, LOG_LEVEL_WARNING, LOG_PEER_LINES_SUPPRESSED,
                       "result: in_progress | suppressed: %" PRIu64
                       " | reason: too many lines about one connection",
                       suppressed);
    }
}

int64_t peer_log_summarize(struct peer_log *log)
{
    int64_t now_ms = clock_monotonic_ms();
    write_summary(log, log_limit_take_suppressed(&log->limit, now_ms));
    return log_limit_patience_ms(&log->limit, now_ms);
}

void peer_log_close(struct peer_log *log)
{
    write_summary(log, log_limit_take_rest(&log->limit));
}
