/*
 * server_tls.h - the server's TLS: from the configuration to what handlers inherit.
 *
 * The supervisor opens it before it forks, and each handler inherits it, so that a handler reads no
 * file. When the files are read again (SIGHUP), later handlers inherit the new context, and those
 * that are alive go on with theirs. One whose handshake was not over by then has a context that does
 * not know who was revoked, so it takes no certificate any more (server_tls_is_behind). If the supervisor dies, nothing is left.
 *
 * Called by the supervisor, but for what says otherwise.
 */
#ifndef SERVER_SERVER_TLS_H
#define SERVER_SERVER_TLS_H

#include "lib/failure.h"
#include "server/listener.h"
#include "server/server_config.h"
#include "shm/segment.h"
#include "tls/tls_context.h"

#include <stdbool.h>

struct server_tls {
    bool is_on;
    struct tls_context context;
    uint64_t renewals; /* how often the files had been read again when this was opened */
};

/*
 * Opens it by the configuration; with tls.mode off there is nothing to open. `key` signs for the
 * certificate (held_key), and the context takes a reference of its own. Returns false with the
 * failure, which names the key.
 */
bool server_tls_open(struct server_tls *tls, const struct server_config *config, EVP_PKEY *key,
                     struct failure *failure);

void server_tls_close(struct server_tls *tls);

/*
 * Does what OpenSSL does once in each new process before it can shake hands, and has its pages in
 * place. Called by a handler that waits for its connection; without TLS it does nothing.
 */
void server_tls_warm_up(const struct server_tls *tls);

/*
 * Tells lottery-stat, by the segment, when certificates and lists end, and handlers how often the
 * files were read.
 */
void server_tls_publish(const struct server_tls *tls, const struct segment *segment);

/*
 * Warns of a certificate, a CA or a list that ends within TLS_ENDS_SOON_DAYS, or has ended; and of
 * agencies that can be read on the network, because the server listens beyond loopback without
 * TLS.
 */
void server_tls_warn(const struct server_tls *tls, const struct server_config *config,
                     const struct listeners *listeners);

/*
 * True where the files were read again since this process was forked. Called by handlers, after
 * slot_note_security: then either the handler sees that it is behind, or the supervisor, which looks
 * for revoked certificates after it has published, finds the one in the slot.
 */
bool server_tls_is_behind(const struct server_tls *tls, const struct segment *segment);

/* True where the certificate with this serial number, in hexadecimal, has been revoked. */
bool server_tls_has_revoked(const struct server_tls *tls, const char *serial);

#endif
