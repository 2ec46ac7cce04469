/*
 * reload.h - SIGHUP: what the server reads again while it runs.
 *
 * The configuration is read again (config_reload.h), and the certificates, the key, the authorities and
 * the revocation list of TLS. If anything is wrong, everything stays as it was.
 *
 * A changed value counts for the supervisor at once, and for every process that is forked later;
 * handlers that wait for a connection are replaced. log.level counts at once in all processes, through
 * the shared memory. Connections go on with the limits and times that they began with, but for those
 * whose certificate is revoked by now: their handlers are asked to end.
 *
 * The supervisor reads as the user that it has become, and confined: it can read what stands beside the
 * file that it was started with, and beside the files of TLS that were named then.
 *
 * Called by the supervisor.
 */
#ifndef SERVER_SUPERVISOR_RELOAD_H
#define SERVER_SUPERVISOR_RELOAD_H

#include "server/config_reload.h"
#include "server/heritage.h"
#include "server/supervisor/admission.h"
#include "server/supervisor/key_keeper.h"

/* Does all of it, and logs what became of it. */
void reload_run(struct heritage *heritage, struct admission *admission,
                struct key_keeper *key_keeper, struct config_reload *reload);

#endif
