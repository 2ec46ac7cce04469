/*
 * standby.h - lottery-server --follow: a copy of a centre that becomes its server.
 *
 * Why it exists: what one machine has acknowledged has to be served by another one when the first is
 * gone. Until then nobody may write here but what the centre's log says.
 *
 * What it promises: it holds the data directory's lock, and listens to no agency. lottery-shipper
 * --follow, which it executes, keeps the files (shipper/follow.h). When that has claimed the log, the
 * caller starts the server as any other start does: recovery judges the files, and the server claims
 * once more by its own shipper.
 *
 * It never starts a server by itself, however long the shipper is gone: only a claim makes a primary.
 *
 * If it dies, the kernel ends the shipper, and the next start follows on. `lottery-admin promote` and
 * `status` reach it as they do a server: by the socket in the directory, and by its files.
 */
#ifndef SERVER_STANDBY_H
#define SERVER_STANDBY_H

#include "lib/failure.h"
#include "server/server_config.h"
#include "server/service_manager.h"

enum standby_end {
    STANDBY_STOPPED,   /* as it was asked to */
    STANDBY_TOOK_OVER, /* the log is this node's: start the server */
    STANDBY_FAILED     /* a person is needed; with the failure */
};

/*
 * Follows until one of the ends, and tells `manager` how it goes. *promoter is the connection of an
 * operator who has asked for a takeover, and is owed an answer by the server that is started now
 * (supervisor_run); -1: there is none. Called by main, before there is a supervisor.
 */
enum standby_end standby_run(struct server_config *config, struct service_manager *manager,
                             int *promoter, struct failure *failure);

#endif
