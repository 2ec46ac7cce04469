/*
 * signals.h - the signals of this process: asked to end, a child has ended.
 *
 * SIGTERM (and in the supervisor SIGINT and SIGHUP) asks to end; SIGCHLD tells
 * of children. All of them are blocked except while the process sleeps, so
 * none can slip in between a look at a flag and the sleep: sleep with
 * ppoll(2) and signals_sleep_mask, or, where the sleep takes no mask, between
 * signals_unblock and signals_block.
 *
 * The flags are the one thing here that must be global: a signal handler has
 * no other way to them.
 */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>

/* Sets up the supervisor's signals. Called once, before there are children. */
void signals_prepare_supervisor(void);

/*
 * Sets up a child's: only SIGTERM ends it, because SIGINT and SIGHUP reach the
 * whole group and it is the supervisor that decides. The kernel sends SIGTERM
 * when the supervisor dies. What the supervisor was asked is not asked of the child:
 * it starts without a request to end. Returns false when the supervisor has died already.
 */
bool signals_prepare_child(pid_t supervisor_pid);

/* Makes SIGTERM post this semaphore too, from now on: for a process that sleeps in it. */
void signals_post_on_terminate(sem_t *semaphore);

bool signals_terminate_requested(void);

/* True when children may have ended since the last call. Clears first; the caller then reaps. */
bool signals_take_child_news(void);

/* The mask to sleep with in ppoll. */
const sigset_t *signals_sleep_mask(void);

/* Lets our signals in, and keeps them out again. */
void signals_unblock(void);
void signals_block(void);

/*
 * Both, one after the other: what is pending is delivered. For a loop that may never
 * sleep: ppoll delivers no signal when a descriptor is ready already.
 */
void signals_let_in(void);

#endif
