/*
 * dial.h - gets a TCP connection to the server, trying again for as long as
 * the agency's patience lasts.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "client/interrupt.h"
#include "client/patience.h"
#include "client/resolver.h"
#include "lib/failure.h"

/* One address that does not answer must not eat the whole lapse: milliseconds for each. */
enum { DIAL_ATTEMPT_MS = 5000 };

enum dial_end {
    DIAL_CONNECTED,
    DIAL_FAILED,
    DIAL_LATE, /* the deadline came before anybody had said why not: `failure` says just that */
    DIAL_STOPPED
};

/*
 * One attempt: every address of the name in turn. The socket in *fd is
 * non-blocking, without Nagle's delay, and the caller's to close. Of several reasons the
 * last one is told, but rather one that came over the network than that this machine has
 * no way to an address.
 */
enum dial_end dial_once(struct interrupt *interrupt, const struct resolver_name *server,
                        int64_t deadline_ms, int *fd, struct failure *failure);

/*
 * Attempt after attempt, with growing pauses, until the patience is over. Why it does not
 * work is logged as a WARNING at once, and again when the reason changes; at the end `failure`
 * holds the last reason that there was. Never returns DIAL_LATE.
 */
enum dial_end dial_persistently(struct interrupt *interrupt, const struct resolver_name *server,
                                struct patience *patience, int *fd, struct failure *failure);

/*
 * Pauses before another attempt. False when the patience is over by then, or the process is to
 * stop: there is no other attempt.
 */
bool dial_pause(struct interrupt *interrupt, struct patience *patience);

#endif
