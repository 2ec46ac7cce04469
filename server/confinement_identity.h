/*
 * confinement_identity.h - whose rights the server has: server.user, and how root is given up.
 *
 * Why it exists: started as root, the server may bind a port below 1024, and become a user that
 * can do neither that nor anything else of root's.
 *
 * What it promises: confinement_become is called before any file is made. So whatever the server
 * makes belongs to its user from the first moment, and nothing has to be given away later. After
 * confinement_give_up_root there is no way back: no user ID of root's is left, no capability, none
 * in the bounding set, and no program that is executed can add any.
 *
 * Called by the supervisor before it has children, which inherit all of it.
 */
#ifndef SERVER_CONFINEMENT_IDENTITY_H
#define SERVER_CONFINEMENT_IDENTITY_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Becomes `user` (server.user), with its groups and with that of `data_group` (data.group), to
 * which its files are given; either may be empty. What is kept of root is the right to bind a port
 * below 1024. Without `user`, root stays root, with that group among its own.
 *
 * Returns false with the failure when there is no such user, it is root, or only root could become
 * it.
 */
bool confinement_become(const char *user, const char *data_group, struct failure *failure);

/*
 * Gives up every capability for good, and the right to get one by executing a program. Returns
 * false with the failure when that fails, or when root can be got back after all.
 */
bool confinement_give_up_root(struct failure *failure);

/* Returns the permitted capabilities of this process as a mask: those that it can use. */
uint64_t confinement_capabilities(void);

/* True when this process is root, as user. */
bool confinement_is_root(void);

#endif
