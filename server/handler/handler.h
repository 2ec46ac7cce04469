/*
 * handler.h - the process that serves one connection.
 */
#ifndef SERVER_HANDLER_HANDLER_H
#define SERVER_HANDLER_HANDLER_H

#include "server/processes.h"

/*
 * A handler's whole life: serves the connection errand->descriptor (which it owns) from slot
 * errand->slot_index until the peer leaves or the server stops. Where it was forked ahead, it gets
 * both over errand->descriptor first (hand_over.h), or ends without. Returns the process's exit
 * status. Called in the handler's process only, by the table of processes.
 */
int handler_run(const struct heritage *heritage, const struct process_errand *errand);

#endif
