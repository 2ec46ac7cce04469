/*
 * stop_signal.h - SIGTERM, which asks lottery-shipper to end.
 *
 * The client of NATS has threads, and a signal could come to any of them. So all signals are blocked
 * before the first thread, and let in by the first one alone afterwards. The flag is global, because a
 * signal's handler has no other way to it.
 */
#ifndef SHIPPER_STOP_SIGNAL_H
#define SHIPPER_STOP_SIGNAL_H

#include <semaphore.h>
#include <stdbool.h>

/* Blocks all signals in this thread, and in those that it starts. Called first. */
void stop_signal_block(void);

/* Lets SIGTERM in, in this thread; it posts `wakeup` then, where that is not NULL. */
void stop_signal_let_in(sem_t *wakeup);

/* True once it has come. */
bool stop_signal_has_come(void);

#endif
