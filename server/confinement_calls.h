/*
 * confinement_calls.h - which system calls a process may do: seccomp(2), by libseccomp.
 *
 * A filter is made once, by the supervisor. Each process that it is for loads it by one call, after
 * which there is no way back. What no row of its list allows ends the process
 * (confinement_trap.h). Calls of another architecture end it at once, without a line in the log.
 */
#ifndef SERVER_CONFINEMENT_CALLS_H
#define SERVER_CONFINEMENT_CALLS_H

#include "lib/failure.h"
#include "server/confinement_rules.h"

#include <linux/filter.h>
#include <stdbool.h>

/* A filter in the kernel's form. Zeroed: none. */
struct confinement_filter {
    struct sock_filter *program; /* owned */
    unsigned short instructions;
    unsigned calls; /* that it allows, by number: at least with some arguments */
};

/* Lists of calls that one filter is made of. */
struct confinement_list {
    const struct confinement_call *calls;
    size_t count;
};

/*
 * Makes a filter that allows what is in any of the lists. With `only_tells`, what it does not allow
 * is told of by the kernel (SCMP_ACT_LOG) and done all the same. False with the failure. Called by
 * the supervisor.
 */
bool confinement_calls_make(const struct confinement_list *lists, size_t count, bool only_tells,
                            struct confinement_filter *filter, struct failure *failure);

/* Frees it; also one that was never made. */
void confinement_calls_free(struct confinement_filter *filter);

/*
 * Loads it into this process, for good. The process may not gain privileges any more. Returns
 * false with errno.
 */
bool confinement_calls_load(const struct confinement_filter *filter);

/* True when the kernel has seccomp filters. */
bool confinement_calls_are_there(void);

#endif
