/*
 * keyholder.h - the process with the private key, which signs handshakes for the handlers.
 */
#ifndef SERVER_KEYHOLDER_KEYHOLDER_H
#define SERVER_KEYHOLDER_KEYHOLDER_H

#include "server/heritage.h"
#include "server/processes.h"

/*
 * Lives the keyholder's whole life, and returns its exit status, enum keyholder_exit. Writes to the
 * errand's descriptor, where there is one: a zero byte once it is ready, or why it can't be. Called
 * by processes.c, in the process that becomes a keyholder.
 */
int keyholder_run(const struct heritage *heritage, const struct process_errand *errand);

#endif
