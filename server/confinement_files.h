/*
 * confinement_files.h - which files a process may open: landlock(7).
 *
 * A set of rights is made once, by the supervisor, as a descriptor. Each process that it is for
 * takes it on by one call, for good, on top of what its parent has. Besides files, it may connect
 * to no TCP port, and listen on none; it can't reach abstract Unix sockets, nor send signals to
 * processes that are not confined as it is. The kernel's version of Landlock says how much of this
 * there is.
 */
#ifndef SERVER_CONFINEMENT_FILES_H
#define SERVER_CONFINEMENT_FILES_H

#include "lib/failure.h"
#include "server/confinement_rules.h"

#include <stdbool.h>

enum { CONFINEMENT_TLS_FILES = 4, CONFINEMENT_ENGINE_FILES = 4 };

/* Where the files are. */
struct confinement_places {
    int data_directory;                                 /* a descriptor */
    const char *key_file;                               /* seal.key; empty: none */
    const char *tls_files[CONFINEMENT_TLS_FILES];       /* of the configuration; empty: none */
    const char *config_file;                            /* NULL: none */
    const char *program;                                /* that may be executed; "": none */
    const char *engine_files[CONFINEMENT_ENGINE_FILES]; /* as tls_files: of replication */
    const char *token;                                  /* fault_point_token */
};

/*
 * Returns the kernel's version of Landlock; 0 where it is missing, or so old that no file could be
 * moved between directories.
 */
int confinement_files_version(void);

/*
 * Makes the set of a rule, and returns its descriptor, which the caller closes. `signals` says
 * whether the process may send signals to others. -1 with the failure. Called by the supervisor.
 */
int confinement_files_make(const struct confinement_rule *rule,
                           const struct confinement_places *places, int version, bool signals,
                           struct failure *failure);

/* Takes the set on, for good. Returns false with errno. */
bool confinement_files_enter(int set);

#endif
