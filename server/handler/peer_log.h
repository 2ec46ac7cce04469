/*
 * peer_log.h - what a handler logs about its connection.
 *
 * Every line ends in the handler's process and the peer's address, so that a
 * reader of the log knows who did it. What a peer can provoke as often as it likes
 * is limited; that bets were stored is always said.
 *
 * One for each connection. Called by its handler alone.
 */
#ifndef SERVER_HANDLER_PEER_LOG_H
#define SERVER_HANDLER_PEER_LOG_H

#include "lib/log.h"
#include "lib/log_limit.h"
#include "shm/layout.h"

#include <stdint.h>

struct peer_log {
    const char *peer; /* in the slot */
    int pid;
    struct log_limit limit;
};

/* `slot`, the caller's own, has to outlive it. */
void peer_log_open(struct peer_log *log, const struct slot *slot);

/* Writes a line, ` | pid: <handler> | ip: <peer>` appended. */
void peer_log_write(struct peer_log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for what the peer can repeat: written, or counted, as lib/log_limit.h admits. */
void peer_log_limited(struct peer_log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says how many lines were suppressed, where that is due. Returns ms until it is, or -1. */
int64_t peer_log_summarize(struct peer_log *log);

/* Says it for the last time. */
void peer_log_close(struct peer_log *log);

#endif
