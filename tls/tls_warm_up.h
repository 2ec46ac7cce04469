/*
 * tls_warm_up.h - lets OpenSSL do once, in the supervisor, what it would do in each handler.
 *
 * OpenSSL looks its algorithms up, sets up its random numbers and reads its tables when they are
 * first needed, and keeps all that for the rest of the process. A handler is forked for each
 * connection, so that each of them would do it anew. One connection with itself, in memory, makes
 * the supervisor do it before it forks. It is about no file and no key of the server: the
 * certificate that it shows is made for it and thrown away.
 *
 * Called by the supervisor, once, before it forks.
 */
#ifndef TLS_TLS_WARM_UP_H
#define TLS_TLS_WARM_UP_H

#include "lib/failure.h"

#include <stdbool.h>

/* Returns false with the failure where TLS does not work on this machine at all. */
bool tls_warm_up(struct failure *failure);

#endif
