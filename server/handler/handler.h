/*
 * handler.h - the process that serves one connection.
 */
#ifndef SERVER_HANDLER_HANDLER_H
#define SERVER_HANDLER_HANDLER_H

#include "server/heritage.h"

#include <stdint.h>

/*
 * A handler's whole life: serves `socket` (which it owns) from slot
 * `slot_index` until the peer leaves or the server stops. Returns the
 * process's exit status. Called in the handler's process only.
 */
int handler_run(const struct heritage *heritage, int socket, uint32_t slot_index);

#endif
