/*
 * processes.h - the table of the server's processes, and how a forked child becomes one of them.
 *
 * The supervisor forks. Every child follows the same script, in the same order: its name, its
 * descriptors, its signals and what tells it of the supervisor's death, its entry. It ends where
 * the script ends, so that no child returns into the supervisor's code. A new kind of process is
 * one more row of the table in processes.c.
 */
#ifndef SERVER_PROCESSES_H
#define SERVER_PROCESSES_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum process_role {
    PROCESS_STORER,
    PROCESS_HANDLER,
    PROCESS_KEYHOLDER,
    PROCESS_SHIPPER,
    PROCESS_ROLES
};

enum { PROCESS_NO_DESCRIPTOR = -1 };

/* What one child is given besides the heritage. */
struct process_errand {
    /* A handler: its connection; forked ahead: where it gets that from (hand_over.h). The others:
     * where it says that it is ready. */
    int descriptor;
    int supervisors;     /* a descriptor that only the supervisor uses: the child closes it */
    uint32_t slot_index; /* a handler: its slot */
    bool from_balancer;  /* a handler: server.proxy_from names its peer */
    bool is_ahead;       /* a handler: it is forked ahead, and has neither connection nor slot */
};

/* The exit status of a storer, by which the supervisor decides whether there may be another one. */
enum storer_exit {
    STORER_EXIT_DRAINED = 0,        /* everything is on the disk */
    STORER_EXIT_FAILED = 1,         /* another one may do better */
    STORER_EXIT_DISK_DISTRUSTED = 3 /* enum disk_trust says why: no other one may go on */
};

/* The exit status of a keyholder. */
enum keyholder_exit {
    KEYHOLDER_EXIT_STOPPED = 0, /* it was asked to */
    KEYHOLDER_EXIT_FAILED = 1,  /* another one may do better */
    KEYHOLDER_EXIT_SHUT = 4     /* another one needs another channel */
};

/* The exit status of a shipper, which is a program of its own (shipper/shipper.h says the same). */
enum shipper_status {
    SHIPPER_STATUS_STOPPED = 0, /* it was asked to, and everything is copied */
    SHIPPER_STATUS_FAILED = 1,  /* another one may do better */
    SHIPPER_STATUS_FENCED = 4,  /* another node has claimed the log: this server must not go on */
    SHIPPER_STATUS_BEHIND = 5,  /* the log has more than this disk: neither */
    SHIPPER_STATUS_REFUSED = 6, /* an operator is needed; the server goes on */
    SHIPPER_STATUS_STRANGER = 7 /* the log is another lottery's: this server must not go on */
};

/*
 * Prepares what keeps each kind of process to its rule, and confines the supervisor, which calls
 * this once, before it has children. Returns false with the failure.
 */
bool process_confine_all(struct heritage *heritage, struct failure *failure);

/*
 * Forks a process of this role and returns its pid, or -1 with errno when it can't be forked. Does
 * not return in the child. Called by the supervisor.
 */
pid_t process_fork(struct heritage *heritage, enum process_role role,
                   const struct process_errand *errand);

enum { PROCESS_READY_MS = 30000 }; /* from fork to the word that a child is ready */

/*
 * Waits at most PROCESS_READY_MS until a child has written to its errand's descriptor, or closed
 * it; `pipe_end` is the other end. Returns above 0 then, 0 when the time is up, and below 0 with
 * errno. It returns at once when the server is asked to stop (signals_terminate_requested). Called
 * by the supervisor.
 */
int process_await_word(int pipe_end);

/* True when, by waitpid's status, a process was ended by a system call that it may not do. */
bool process_ended_forbidden(int wait_status);

enum { PROCESS_END_BYTES = 64 };

/*
 * Writes how a process has ended, by waitpid's status: "status 1", "signal 9 (Killed)". Called by
 * the supervisor.
 */
void process_describe_end(int wait_status, char text[PROCESS_END_BYTES]);

/*
 * Returns which setting mends a fork that failed with this errno: ": ...", to be put after the text
 * of strerror, or "" if no setting does. Called by the supervisor.
 */
const char *process_explain_fork(int error);

/* Returns the name that `ps` shows: "lottery-storer". Any process may call. */
const char *process_role_name(enum process_role role);

#endif
