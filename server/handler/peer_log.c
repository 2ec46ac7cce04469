/*
 * peer_log.c - see peer_log.h. If the handler dies, a count of suppressed lines dies with it.
 */
#include "server/handler/peer_log.h"

#include "lib/clock.h"

#include <inttypes.h>

void peer_log_open(struct peer_log *log, const struct slot *slot)
{
    *log = (struct peer_log){.connection = {.number = atomic_load(&slot->connection),
                                            .ip = slot->peer,
                                            .via = slot->via}};
    log_limit_open(&log->limit, clock_monotonic_ms());
    log_set_connection(&log->connection);
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
        log_write_list(level, message, format, arguments);
        va_end(arguments);
    }
    peer_log_summarize(log);
}

static void write_summary(uint64_t suppressed)
{
    if (suppressed > 0) {
        log_warning(LOG_PEER_LINES_SUPPRESSED,
                    "result: in_progress | suppressed: %" PRIu64
                    " | reason: too many lines about one connection",
                    suppressed);
    }
}

int64_t peer_log_summarize(struct peer_log *log)
{
    int64_t now_ms = clock_monotonic_ms();
    write_summary(log_limit_take_suppressed(&log->limit, now_ms));
    return log_limit_patience_ms(&log->limit, now_ms);
}

void peer_log_close(struct peer_log *log)
{
    write_summary(log_limit_take_rest(&log->limit));
    log_set_connection(NULL);
}
