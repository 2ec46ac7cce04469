/*
 * tls_warm_up.h - lets OpenSSL do once, in the supervisor, what it would do in each handler.
 *
 * OpenSSL looks its algorithms up, sets up its random numbers and reads its tables when they are
 * first needed, and keeps all that for the rest of the process. A handler is forked for each
 * connection, so that each of them would do it anew. One connection with itself, in memory, makes
 * the supervisor do it before it forks. It is about no file and no key of the server: the
 * certificate that it shows is made for it and thrown away.
 *
 * What is left is done once in each process that was forked, by tls_warm_up_process.
 */
#ifndef TLS_TLS_WARM_UP_H
#define TLS_TLS_WARM_UP_H

#include "lib/failure.h"
#include "tls/tls_context.h"

#include <stdbool.h>

/*
 * Returns false with the failure where TLS does not work on this machine at all. Called by the
 * supervisor, once, before it forks.
 */
bool tls_warm_up(struct failure *failure);

/*
 * Seeds this process's random numbers, which OpenSSL does anew after a fork, and makes and frees a
 * stream of the context, so that the pages that it takes are this process's own. What fails here
 * fails again in the first handshake, which tells. Called by a process that was forked, before its
 * first connection.
 */
void tls_warm_up_process(const struct tls_context *context);

#endif
