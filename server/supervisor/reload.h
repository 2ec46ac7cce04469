/*
 * reload.h - SIGHUP: what the server reads again while it runs.
 *
 * The certificates, the key, the authorities and the revocation list of TLS are read again, from
 * the files that the configuration named at the start. Connections go on, but for those whose
 * certificate is revoked by now: their handlers are asked to end. If a file is wrong, everything
 * stays as it was. The configuration itself is read at the start alone.
 *
 * Called by the supervisor.
 */
#ifndef SERVER_SUPERVISOR_RELOAD_H
#define SERVER_SUPERVISOR_RELOAD_H

#include "server/heritage.h"
#include "server/supervisor/handler_book.h"
#include "server/supervisor/key_keeper.h"

/* Does all of it, and logs what became of it. */
void reload_run(struct heritage *heritage, const struct handler_book *handlers,
                struct key_keeper *key_keeper);

#endif
