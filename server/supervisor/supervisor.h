/*
 * supervisor.h - the first process, which outlives the others: it accepts, forks, reaps and stops.
 */
#ifndef SERVER_SUPERVISOR_SUPERVISOR_H
#define SERVER_SUPERVISOR_SUPERVISOR_H

#include "server/predecessor.h"
#include "server/server_config.h"
#include "server/service_manager.h"

/*
 * The exit status where another node writes the log of this centre, or the log has more than this disk:
 * the server may only be started again as a standby.
 */
enum { SUPERVISOR_EXIT_FENCED = 4 };

/*
 * `predecessor`: the server that this one replaces, which has ended; NULL: none. `listeners`: the sockets
 * that it serves at, which are the supervisor's from now on; none: it opens its own.
 *
 * Runs the server until it is asked to stop or can't go on, and returns the exit status of the
 * process. `manager` is told how it goes. `promoter` is the connection of an operator who is owed an
 * answer (standby_run); -1: there is none. Called by main, in the process that becomes the supervisor.
 * The processes that it forks never return from it (processes.h).
 */
int supervisor_run(const struct server_config *config, struct service_manager *manager,
                   const struct predecessor *predecessor, const struct listeners *listeners,
                   int promoter);

#endif
