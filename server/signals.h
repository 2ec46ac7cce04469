/*
 * signals.h - the signals of this process: it is asked to end, hung up, or a child has ended.
 *
 * Why it exists: a process of the server ends only after it has put everything in order, whatever
 * signal comes. Excepted are SIGKILL and the crashes (SIGSEGV, SIGABRT, ...). The table in
 * signals.c says what each signal does.
 *
 * What it promises: the signals that are caught are blocked except while the process sleeps. So
 * none comes between a look at a flag and the sleep. A process sleeps by ppoll(2) with
 * signals_sleep_mask. If its call takes no mask, it sleeps between signals_unblock and
 * signals_block.
 *
 * Called by any process of the server, about itself. The flags are global, because a signal handler
 * has no other way to them, and each process has its own.
 */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>

/*
 * Has a SIGHUP wait until signals_prepare_supervisor, after which it is a reload as any other. Before
 * that it would end a process that awaits the end of the server that it replaces. Called by main.
 */
void signals_keep_hangup(void);

/*
 * Sets up the supervisor's signals. Called by the supervisor, once, before there are children. If
 * SIGINT, SIGQUIT or SIGHUP was ignored when the program was started, it stays ignored: that is
 * what nohup, and a shell that puts a command into the background, ask for.
 */
void signals_prepare_supervisor(void);

/*
 * Sets up a child's signals. Only SIGTERM asks it to end, and SIGXCPU, which is about this process
 * alone. A terminal's signals reach the whole group; the child ignores them, because the supervisor
 * decides. The kernel sends SIGTERM to the child when the supervisor dies. The child starts without
 * a request to end, even if the supervisor had one. Returns false when the supervisor has died
 * already. Called by each child, first of all.
 */
bool signals_prepare_child(pid_t supervisor_pid);

/* Makes SIGTERM post this semaphore too, from now on: for a process that sleeps in it. */
void signals_post_on_terminate(sem_t *semaphore);

/* True when this process has been asked to end. */
bool signals_terminate_requested(void);

enum { SIGNALS_REQUEST_BYTES = 64 };

/*
 * Writes who has asked first: "SIGTERM from pid 123, uid 0", or "SIGINT from the kernel", which is
 * a terminal's Ctrl-C. If nobody has asked, it writes "asked to".
 */
void signals_describe_request(char text[SIGNALS_REQUEST_BYTES]);

/* True when SIGHUP has come since the last call. */
bool signals_take_hangup(void);

/* True when children may have ended since the last call. The caller reaps after it. */
bool signals_take_child_news(void);

/* The mask to sleep with in ppoll. */
const sigset_t *signals_sleep_mask(void);

/* Lets our signals in; keeps them out again. */
void signals_unblock(void);
void signals_block(void);

/*
 * Lets in what is pending. A loop that may never sleep needs it, because ppoll delivers no signal
 * when a descriptor is ready already.
 */
void signals_let_in(void);

#endif
