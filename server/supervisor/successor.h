/*
 * successor.h - the process that replaces this server, as the running supervisor sees it.
 *
 * Why it exists: a new version of the server takes the listening sockets over from the running one, so
 * that nobody who connects meanwhile is refused. server/predecessor.h is the other end, and has the
 * protocol.
 *
 * What it promises: until the successor has said that it can go on, this server serves as ever, and
 * forgets a successor that has gone or takes too long. After that the server stops accepting and stops as
 * at any stop. If the successor has gone before this server has given up its directory, it serves again.
 *
 * Called by the supervisor; children close the connection. If the supervisor dies, the successor reads
 * the end of the stream, and recovers as after any death.
 */
#ifndef SERVER_SUPERVISOR_SUCCESSOR_H
#define SERVER_SUPERVISOR_SUCCESSOR_H

#include "server/heritage.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum successor_state {
    SUCCESSOR_NONE,
    SUCCESSOR_TESTS, /* it has the sockets, and finds out whether it can go on */
    SUCCESSOR_GOES   /* it waits for the end of this server */
};

/* Zeroed but for the pointer: there is none. */
struct successor {
    struct heritage *heritage; /* has the connection, which children close */
    enum successor_state state;
    pid_t pid;           /* 0: it is outside our pid namespace */
    int64_t deadline_ms; /* monotonic clock; while it tests */
};

/*
 * Answers the request to be replaced, whose client is at the heritage's door: sends the sockets, or the
 * reason why not.
 */
void successor_welcome(struct successor *successor);

/* What poll(2) is to watch, or -1. */
void successor_watch(const struct successor *successor, struct pollfd *poll);

/* Milliseconds until its time is up; -1: never. */
int64_t successor_patience_ms(const struct successor *successor);

/* Goes on with it; `is_ready`: poll(2) has found what successor_watch asks for. */
void successor_attend(struct successor *successor, bool is_ready);

/* True where the successor is not there any more. */
bool successor_has_gone(const struct successor *successor);

/* Forgets it, and closes its connection. */
void successor_dismiss(struct successor *successor);

#endif
