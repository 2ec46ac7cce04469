/*
 * shipper_call.h - executes lottery-shipper --follow for a standby, with what the configuration says.
 *
 * Why it exists: the client of the engine starts threads, after which no process may fork; so it is a
 * program of its own. It gets its values as options and does not read the configuration's file, which a
 * hand may have changed since. Secrets are named by path alone.
 *
 * Called by a standby (standby.h).
 */
#ifndef SERVER_SHIPPER_CALL_H
#define SERVER_SHIPPER_CALL_H

#include "lib/failure.h"
#include "server/server_config.h"
#include "store/data_directory.h"

#include <sys/types.h>

/*
 * Forks, and executes the lottery-shipper that stands beside this program. It inherits the directory,
 * with its lock, and the pipe's end `words`, and is sent SIGTERM when this process dies. Returns its pid,
 * or -1 with the failure.
 */
pid_t shipper_call_follow(const struct server_config *config,
                          const struct data_directory *directory, int words,
                          struct failure *failure);

#endif
