/*
 * peer_log.h - what a handler logs about its connection.
 *
 * Every line ends with the handler's pid and the peer's address, so that a reader of the log knows
 * which connection it is about. Lines that a peer can cause as often as it likes are limited. The
 * line about stored bets is always written.
 *
 * There is one for each connection. Called by its handler alone.
 */
#ifndef SERVER_HANDLER_PEER_LOG_H
#define SERVER_HANDLER_PEER_LOG_H

#include "lib/log.h"
#include "lib/log_limit.h"
#include "shm/layout.h"

#include <stdint.h>

struct peer_log {
    const char *peer, *via; /* in the slot */
    int pid;
    struct log_limit limit;
};

/* `slot`, the caller's own, has to outlive it. */
void peer_log_open(struct peer_log *log, const struct slot *slot);

/*
 * Writes a line, with ` | pid: <handler> | ip: <peer>` at its end, and ` | via: <balancer>` where
 * the connection is forwarded.
 */
void peer_log_write(const struct peer_log *log, enum log_level level, enum log_message message,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes a line that the peer can repeat. Where lib/log_limit.h does not admit it, it is counted. */
void peer_log_limited(struct peer_log *log, enum log_level level, enum log_message message,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Logs how many lines were suppressed, where that is due. Returns ms until it is, or -1. */
int64_t peer_log_summarize(struct peer_log *log);

/* Logs how many lines were suppressed since the last summary. */
void peer_log_close(struct peer_log *log);

#endif
