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

enum dial_end { DIAL_CONNECTED, DIAL_FAILED, DIAL_STOPPED };

/*
 * One attempt: every address of the name in turn. The socket in *fd is
 * non-blocking, without Nagle's delay, and the caller's to close.
 */
enum dial_end dial_once(struct interrupt *interrupt, const struct resolver_name *server,
                        int64_t deadline_ms, int *fd, struct failure *failure);

/* Attempt after attempt, with growing pauses, until the patience is over. */
enum dial_end dial_persistently(struct interrupt *interrupt, const struct resolver_name *server,
                                struct patience *patience, int *fd, struct failure *failure);

/* Pauses before another attempt. False when the patience is over or the process is to stop. */
bool dial_pause(struct interrupt *interrupt, struct patience *patience);

#endif
