/*
 * dial.h - connects to the server by TCP, and tries again for as long as the
 * agency's patience lasts.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include "client/interrupt.h"
#include "client/patience.h"
#include "client/servers.h"
#include "lib/failure.h"

enum {
    /* The longest wait for one address, so that one that is silent does not use up the lapse. */
    DIAL_ATTEMPT_MS = 5000,
    /* The same where there are other servers. A SYN that was lost is sent again after a second. */
    DIAL_ATTEMPT_OF_SEVERAL_MS = 1500,
    /* Of a name, then. The C library asks the next name server after five seconds. */
    DIAL_LOOKUP_OF_SEVERAL_MS = 6000
};

enum dial_end { DIAL_CONNECTED, DIAL_FAILED, DIAL_STOPPED };

/*
 * Makes attempts, with growing pauses, until the patience is over. An attempt tries each server,
 * from the current one on, and every address of its name, one after the other. The socket in *fd
 * is non-blocking, without Nagle's delay, and the caller closes it; it goes to the server that is
 * the current one afterwards.
 *
 * The first reason is logged as a WARNING at once, and every other one when it changes. It holds
 * each server's last failure, in the order of the list. A failure that only says that this machine
 * has no route never replaces one that came over the network. DIAL_FAILED: `failure` holds the last
 * reason. DIAL_CONNECTED: it says why others were passed over; where none was it is untouched.
 */
enum dial_end dial_persistently(struct interrupt *interrupt, struct servers *servers,
                                struct patience *patience, int *fd, struct failure *failure);

/*
 * Pauses before another attempt. Returns false when there must be no other one: the patience
 * is over by then, or a signal asks the process to stop.
 */
bool dial_pause(struct interrupt *interrupt, struct patience *patience);

#endif
