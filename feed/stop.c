/*
 * stop.c - see stop.h.
 */
#include "feed/stop.h"

#include "lib/clock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

bool stop_block(struct failure *failure)
{
    sigset_t all;
    sigfillset(&all);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &all, NULL) != 0) {
        return failure_set_errno(failure, "block signals");
    }
    return true;
}

void stop_pause(struct stop *stop, int64_t ms)
{
    const struct timespec length = clock_interval(ms);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    int signal = stop->signal != 0 ? 0 : sigtimedwait(&ends, NULL, &length);
    if (signal > 0) {
        stop->signal = signal;
    }
}

bool stop_is_asked(struct stop *stop)
{
    stop_pause(stop, 0);
    return stop->signal != 0;
}
