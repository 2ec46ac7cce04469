/*
 * interrupt.h - SIGTERM and SIGINT, and the only place where an agency sleeps.
 *
 * Both signals are blocked from the start and read from a signalfd that every
 * wait polls beside its own descriptor. So a signal can't fall between a look
 * and a sleep, and one that arrives while a socket is always ready is still
 * seen: ppoll with a signal mask alone returns the ready socket and leaves the
 * signal pending, for as long as the socket keeps being ready.
 *
 * One per process, opened by main before it does anything else: a signal that
 * comes while the configuration is read stays pending until it is looked for.
 * As process 1, an agency would not get it at all otherwise.
 */
#ifndef CLIENT_INTERRUPT_H
#define CLIENT_INTERRUPT_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct interrupt {
    int signal_fd;
    int signal; /* the one that asked us to stop; 0: none so far */
};

enum interrupt_wait_end {
    INTERRUPT_READY,  /* the descriptor is */
    INTERRUPT_LAPSED, /* the deadline has passed */
    INTERRUPT_STOPPED /* somebody wants this process to end */
};

/*
 * Blocks both signals and ignores SIGPIPE, for the rest of the process's life. A SIGINT that
 * was ignored when the program was started stays so.
 */
bool interrupt_open(struct interrupt *interrupt, struct failure *failure);

void interrupt_close(struct interrupt *interrupt);

/*
 * Waits until `fd` has one of poll's `events`, an error or a hang-up, until
 * clock_monotonic_ms() (lib/clock.h) reaches `deadline_ms`, or until a signal arrives. `fd` may be
 * -1: then it is a pause. The signal is logged once, the first time it is
 * seen, and from then on every wait returns INTERRUPT_STOPPED at once.
 */
enum interrupt_wait_end interrupt_wait(struct interrupt *interrupt, int fd, short events,
                                       int64_t deadline_ms);

/* Has a signal arrived? Takes and logs it like interrupt_wait, but does not wait. */
bool interrupt_is_pending(struct interrupt *interrupt);

#endif
