/*
 * supervisor.h - the parent of all: listens, forks, reaps, restarts, shuts down.
 */
#ifndef SERVER_SUPERVISOR_SUPERVISOR_H
#define SERVER_SUPERVISOR_SUPERVISOR_H

#include "server/server_config.h"

/*
 * Runs the server until it is asked to stop or can't go on. Returns the exit
 * status of the calling process - which is the server's in the supervisor, and
 * a handler's or the storer's in the processes that it forks: they return
 * through here too, so that only main ends a process.
 */
int supervisor_run(const struct server_config *config);

#endif
