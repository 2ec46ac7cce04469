/*
 * shipper_program.h - where lottery-shipper is, and how a child of the supervisor becomes it.
 *
 * Why it exists: the client of the engine starts threads, so it is in a program of its own, which is
 * executed. That program stands beside the server's own one; so both are of one version.
 *
 * The place is looked up at the start, before the supervisor may look at files no more. The child gives
 * the program all that the configuration says by its options: nothing is read a second time, and the
 * secrets are paths there, too. It inherits no descriptor but the standard streams, so it holds no lock.
 *
 * Called by the supervisor, and by its child.
 */
#ifndef SERVER_SHIPPER_PROGRAM_H
#define SERVER_SHIPPER_PROGRAM_H

#include "lib/failure.h"
#include "server/server_config.h"

#include <limits.h>
#include <stdbool.h>

struct heritage;

struct shipper_program {
    char path[PATH_MAX]; /* "": nothing is copied */
    /* Name of this node: SERVER_NODE_NAME_MAX, or a host's name, "-" and 8 digits. */
    char node[HOST_NAME_MAX + SERVER_NODE_NAME_MAX];
};

/*
 * Finds the program, where the configuration has replication.servers. False with the failure where it is
 * not there, or can't be executed.
 */
bool shipper_program_find(struct shipper_program *program, const struct server_config *config,
                          struct failure *failure);

/* Executes it in this process. Returns only where that fails, with the failure. By the child. */
bool shipper_program_execute(const struct heritage *heritage, struct failure *failure);

#endif
