/*
 * web_confinement.h - keeps lottery-web to what it may do.
 *
 * Why it exists: lottery-web reads what browsers send. It gives root up, opens files of the data
 * directory and of /dev/shm for reading and no other file, makes no process and no connection, and
 * makes no system call but those of one list. The means are the server's (server/confinement.h), and
 * so is the key `confinement`, which chooses among enforce, log and off.
 *
 * Called by lottery-web once, after it has opened what it listens on.
 */
#ifndef WEB_WEB_CONFINEMENT_H
#define WEB_WEB_CONFINEMENT_H

#include "lib/failure.h"
#include "server/server_config.h"

#include <stdbool.h>

/*
 * Confines this process for good. The data directory has to be there, because the right to read is
 * that directory's and no other's of its name. False with the failure, and then the process must not
 * go on.
 */
bool web_confinement_enter(const struct server_config *config, struct failure *failure);

#endif
