/*
 * confinement.h - keeps each process of the server to what it may do.
 *
 *     confinement_rules     what each kind of process may do at most
 *     confinement_identity  server.user, capabilities
 *     confinement_calls     system calls: seccomp
 *     confinement_files     files: Landlock
 *     confinement_trap      what is said when a forbidden call ends a process
 *
 * Why it exists: a handler reads what strangers send, and has to be worth nothing to them.
 *
 * What it promises: the supervisor prepares everything once, before there are children, so that a
 * child needs a few system calls to give its rights up, and no memory. What the kernel lacks is
 * said in one WARNING at the start and in the shared memory, and the rest is enforced.
 *
 * Called by the supervisor, and by each child once, before it does anything for others. If a
 * process dies, nothing of it stays behind.
 */
#ifndef SERVER_CONFINEMENT_H
#define SERVER_CONFINEMENT_H

#include "lib/failure.h"
#include "server/confinement_calls.h"
#include "server/confinement_rules.h"
#include "server/server_config.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <sys/resource.h>

/* The index of a process's rule: the supervisor's, and the first of the children's. */
enum { CONFINEMENT_SUPERVISOR, CONFINEMENT_CHILDREN };

/* What is prepared for one kind of process. */
struct confinement_cell {
    const struct confinement_rule *rule; /* NULL: there is no such kind */
    struct confinement_filter filter;    /* none where seccomp is missing */
    int files;                           /* a set of Landlock's, -1: none */
    rlim_t descriptors, memory_bytes;    /* RLIM_INFINITY: any */
    rlim_t file_bytes;                   /* the same: how long files may become */
};

struct confinement {
    int mode;                /* enum server_confinement */
    bool gives_up_root;      /* always, but for `off` without server.user */
    const char *key_file;    /* seal.key, the configuration's */
    const char *fault_token; /* fault_point_token */
    struct confinement_cell cells[SHARED_CONFINED_MAX];
    struct shared_confinement report; /* goes into each segment */
};

/*
 * Prepares all rules; rules[CONFINEMENT_SUPERVISOR] is the supervisor's, and rules that are NULL
 * are left out. `program` is the one that the shipper executes, or "". Warns of what the kernel lacks.
 * False with the failure, and then nothing is prepared. Called by the supervisor, once, after it has opened what its children inherit.
 */
bool confinement_prepare(struct confinement *confinement, const struct server_config *config,
                         int data_directory, const char *program,
                         const struct confinement_rule *const rules[SHARED_CONFINED_MAX],
                         struct failure *failure);

/*
 * Confines this process by the rule of that index, for good. The supervisor gives up root, too.
 * Returns false with the failure; then the process must not go on. Of a struct in which nothing was
 * prepared, all zeros, it does nothing.
 */
bool confinement_enter(const struct confinement *confinement, unsigned index,
                       struct failure *failure);

/*
 * Reckons anew how much memory later children may have, by the limits of this configuration. Called by
 * the supervisor, after those were changed.
 */
void confinement_renew_limits(struct confinement *confinement, const struct server_config *config);

/* Frees what was prepared; takes a zeroed one, too. The process stays confined. */
void confinement_close(struct confinement *confinement);

#endif
