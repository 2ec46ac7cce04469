/*
 * processes.h - the table of the server's processes, and how a forked child becomes one of them.
 *
 * The supervisor forks. Every child follows the same script, in the same order (name, descriptors,
 * signals and the supervisor's death, its entry), and ends where the script ends, so that no child
 * returns into the supervisor's code. A new kind of process is one more row of the table in
 * processes.c. Called by the supervisor, where nothing else is said.
 */
#ifndef SERVER_PROCESSES_H
#define SERVER_PROCESSES_H

#include "server/heritage.h"

#include <stdint.h>
#include <sys/types.h>

enum process_role { PROCESS_STORER, PROCESS_HANDLER, PROCESS_ROLES };

enum { PROCESS_NO_DESCRIPTOR = -1 };

/* What one child is given beside the heritage. */
struct process_errand {
    int descriptor;      /* the handler's connection; where the storer says that it is ready */
    int supervisors;     /* a descriptor that is the supervisor's alone, and is closed */
    uint32_t slot_index; /* the handler's slot */
};

/* The exit status of a storer, by which the supervisor decides whether there may be another one. */
enum storer_exit {
    STORER_EXIT_DRAINED = 0,        /* everything is on the disk */
    STORER_EXIT_FAILED = 1,         /* another one may do better */
    STORER_EXIT_DISK_DISTRUSTED = 3 /* enum disk_trust says why: no other one may go on */
};

/*
 * Forks a process of this role. Returns its pid; or -1 with errno, and there is none.
 * Does not return in the child. Called by the supervisor.
 */
pid_t process_fork(struct heritage *heritage, enum process_role role,
                   const struct process_errand *errand);

enum { PROCESS_END_BYTES = 64 };

/*
 * How a process has ended, by waitpid's status: "status 1", "signal 9 (Killed)". By the supervisor.
 */
void process_describe_end(int wait_status, char text[PROCESS_END_BYTES]);

/*
 * Which setting mends a fork that failed with this errno: ": ..." to be put behind strerror's text,
 * or "" where no setting does. Called by the supervisor.
 */
const char *process_explain_fork(int error);

/* "lottery-storer", as `ps` shows it. Any process. */
const char *process_role_name(enum process_role role);

#endif
