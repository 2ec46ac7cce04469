/*
 * confinement_trap.h - the last words of a process that made a forbidden system call.
 *
 * The kernel sends it SIGSYS (seccomp(2), SECCOMP_RET_TRAP). The signal's handler logs which call
 * it was and who made it, and ends the process by SIGSYS, so that the supervisor's obituary says
 * so. A thread that has blocked the signal ends its process without the line.
 */
#ifndef SERVER_CONFINEMENT_TRAP_H
#define SERVER_CONFINEMENT_TRAP_H

/*
 * Looks up the names of all system calls, which the handler has no way to do. Called by the
 * supervisor once, before it has children. Without memory, numbers have to do.
 */
void confinement_trap_name_calls(void);

/* Catches SIGSYS in this process. `role` is for the line in the log, and stays the caller's. */
void confinement_trap_set(const char *role);

#endif
