/*
 * signals.h - the signals of this process: asked to end, hung up, a child has ended.
 *
 * No signal that can be caught ends a process of the server before it has put
 * everything in order, the crashes excepted (SIGSEGV, SIGABRT, ...): the table in
 * signals.c says what each of them does. Any process of the server calls, about itself. Those that mean something are blocked
 * except while the process sleeps, so none can slip in between a look at a
 * flag and the sleep: sleep with ppoll(2) and signals_sleep_mask, or, where the
 * sleep takes no mask, between signals_unblock and signals_block.
 *
 * The flags are the one thing here that must be global: a signal handler has
 * no other way to them.
 */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>

/*
 * Sets up the supervisor's signals. Called once, before there are children. SIGINT, SIGQUIT
 * and SIGHUP that were ignored when the program was started stay so: nohup, and a shell that
 * puts a command into the background, mean just that.
 */
void signals_prepare_supervisor(void);

/*
 * Sets up a child's: only SIGTERM (and SIGXCPU, which is about this process alone) ends it,
 * because a terminal's signals reach the whole group and it is the supervisor that decides.
 * The kernel sends SIGTERM when the supervisor dies. What the supervisor was asked is not asked
 * of the child: it starts without a request to end. Returns false when the supervisor has died
 * already.
 */
bool signals_prepare_child(pid_t supervisor_pid);

/* Makes SIGTERM post this semaphore too, from now on: for a process that sleeps in it. */
void signals_post_on_terminate(sem_t *semaphore);

bool signals_terminate_requested(void);

enum { SIGNALS_REQUEST_BYTES = 64 };

/*
 * Who has asked to end: "SIGTERM from pid 123, uid 0", "SIGINT from the kernel" (it is a
 * terminal's Ctrl-C then). Of several, the first. "asked to" where nobody has.
 */
void signals_describe_request(char text[SIGNALS_REQUEST_BYTES]);

/* True when SIGHUP has come since the last call. */
bool signals_take_hangup(void);

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
