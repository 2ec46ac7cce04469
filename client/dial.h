/*
 * dial.h - connects to the server by TCP, and tries again for as long as the
 * agency's patience lasts.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "client/interrupt.h"
#include "client/patience.h"
#include "client/resolver.h"
#include "lib/failure.h"

/* The longest wait for one address, so that one that is silent does not use up the lapse. */
enum { DIAL_ATTEMPT_MS = 5000 };

enum dial_end {
    DIAL_CONNECTED,
    DIAL_FAILED,
    DIAL_LATE, /* the deadline came before any reason was known; `failure` says just that */
    DIAL_STOPPED
};

/*
 * Makes one attempt: tries every address of the name, one after the other. The socket in *fd
 * is non-blocking, without Nagle's delay, and the caller closes it. `failure` holds the last
 * of several failures. A failure that only says that this machine has no route never
 * replaces one that came over the network.
 */
enum dial_end dial_once(struct interrupt *interrupt, const struct resolver_name *server,
                        int64_t deadline_ms, int *fd, struct failure *failure);

/*
 * Makes attempts, with growing pauses, until the patience is over. The first reason is
 * logged as a WARNING at once, and every other one when it changes. At the end `failure`
 * holds the last reason. Never returns DIAL_LATE.
 */
enum dial_end dial_persistently(struct interrupt *interrupt, const struct resolver_name *server,
                                struct patience *patience, int *fd, struct failure *failure);

/*
 * Pauses before another attempt. Returns false when there must be no other one: the patience
 * is over by then, or a signal asks the process to stop.
 */
bool dial_pause(struct interrupt *interrupt, struct patience *patience);

#endif
