/*
 * listen_fds.h - the listening sockets that the service manager gives a start: sd_listen_fds(3).
 *
 * Why it exists: a restart is to refuse no connection. The server gives its sockets to the manager
 * (service_manager_keep), which has them open while no server runs, and hands them to the next start.
 * A unit of sockets (lottery-server.socket) gives its own in the same way.
 *
 * What it promises: a descriptor is used only after it was found to be a socket of TCP that listens.
 * Sockets that this server's predecessor has given away are closed where the configuration does not
 * name their address any more. Those of a unit of sockets have to be at such an address: whoever wrote
 * that unit expects to be served there. What concerns the manager is taken out of the environment.
 *
 * Called by main, before there is a supervisor.
 */
#ifndef SERVER_LISTEN_FDS_H
#define SERVER_LISTEN_FDS_H

#include "lib/failure.h"
#include "server/listener.h"
#include "server/server_config.h"

#include <stdbool.h>

/* What the server's own sockets are called in the manager's store; other names are a unit's. */
#define LISTEN_FDS_KEPT_NAME "lottery-listener"

enum {
    LISTEN_FDS_FIRST = 3, /* SD_LISTEN_FDS_START */
    LISTEN_FDS_NAME_BYTES = 64
};

/* {0}: nothing was given. */
struct listen_fds {
    struct listeners sockets;
    char names[LISTENERS_MAX][LISTEN_FDS_NAME_BYTES]; /* of each, in the same order */
};

/*
 * Takes what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say; nothing where they are another process's.
 * The sockets do not block afterwards, and are not inherited by programs; one that was given twice is
 * there once. False with the failure, which names the descriptor, and none is open. Called once, before
 * there are other threads or children.
 */
bool listen_fds_take(struct listen_fds *fds, struct failure *failure);

/*
 * Makes the sockets of this configuration from those that were given, and opens what is missing
 * (listeners_open_beside); with nothing given, nothing is opened. `fds` is empty afterwards. False with
 * the failure, and all are closed.
 */
bool listen_fds_open(struct listen_fds *fds, const struct server_config *config,
                     struct listeners *listeners, struct failure *failure);

/*
 * Closes them, for a process that does not listen: a standby. False with the failure where there is a
 * unit's socket, at which agencies would wait in vain.
 */
bool listen_fds_decline(struct listen_fds *fds, struct failure *failure);

#endif
