/*
 * interrupt.h - SIGTERM and SIGINT, and the only place where an agency sleeps.
 *
 * Both signals are blocked from the start and read from a signalfd that every
 * wait polls beside its own descriptor. So no signal is missed between a check
 * and a sleep, and a signal is seen even while a socket is always ready. (ppoll(2)
 * with a signal mask would return the ready socket and leave the signal pending.)
 *
 * A process has one, which main opens before it reads the configuration: a signal
 * that comes meanwhile stays pending until the first wait. Process 1 of a container
 * would not get it at all otherwise.
 */
#ifndef CLIENT_INTERRUPT_H
#define CLIENT_INTERRUPT_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct interrupt {
    int signal_fd;
    int signal; /* that asked this process to stop; 0: none so far */
};

enum interrupt_wait_end {
    INTERRUPT_READY,  /* the descriptor is ready */
    INTERRUPT_LAPSED, /* the deadline has passed */
    INTERRUPT_STOPPED /* a signal has asked this process to stop */
};

/*
 * Blocks both signals and ignores SIGPIPE, for the rest of the process's life. A SIGINT that
 * was ignored when the program was started stays ignored. Returns false with the failure.
 */
bool interrupt_open(struct interrupt *interrupt, struct failure *failure);

/* Closes the signalfd; the signals stay blocked. */
void interrupt_close(struct interrupt *interrupt);

/*
 * Waits until `fd` has one of poll's `events`, an error or a hang-up, until
 * clock_monotonic_ms() (lib/clock.h) reaches `deadline_ms`, or until a signal arrives.
 * With `fd` -1 it is a pause. The signal is logged when it is first seen, and every wait
 * from then on returns INTERRUPT_STOPPED at once.
 */
enum interrupt_wait_end interrupt_wait(struct interrupt *interrupt, int fd, short events,
                                       int64_t deadline_ms);

/* True when a signal has arrived. Takes and logs it like interrupt_wait, but does not wait. */
bool interrupt_is_pending(struct interrupt *interrupt);

#endif
