/*
 * credentials.h - what an agency shows to the server, and by what it knows the server.
 *
 * Made once, of the files that tls.* names, before anything else is opened: a file that is wrong
 * ends the agency before it has connected to anybody. With `tls.mode: off` they are off, and
 * connections are plain text.
 *
 * They keep the session of the connection that was closed last. The next connection of the same
 * run offers it, which spares both ends the certificates and the signatures.
 *
 * Called by the agency's one process. If it dies, nothing is left: the session was in memory only.
 */
#ifndef CLIENT_CREDENTIALS_H
#define CLIENT_CREDENTIALS_H

#include "client/client_config.h"
#include "client/servers.h"
#include "lib/failure.h"
#include "tls/tls_context.h"

#include <stdbool.h>

struct credentials {
    bool is_on;                            /* false: connections are plain text */
    const struct server_place *server;     /* that they are for now; the caller's */
    const char *fixed_name;                /* tls.server_name, of all servers; "": their hosts */
    struct tls_context context;            /* not open where they are off */
    SSL_SESSION *session;                  /* owned; for the next connection; NULL: none */
    char server_name[RESOLVER_NAME_BYTES]; /* what the server's certificate has to be for */
};

/*
 * Reads the files; credentials_turn_to comes before the first connection. The configuration has to
 * outlive the credentials. Returns false with the
 * failure, which names the file and says what to do; nothing is open then. A certificate of our own
 * fails where it has expired, does not begin yet, or names agencies but not this one.
 */
bool credentials_open(struct credentials *credentials, const struct client_config *config,
                      struct failure *failure);

/*
 * The next connection is to this server, which has to outlive the credentials' use for it: that is
 * whose name its certificate has to be for. A session with another server is dropped.
 */
void credentials_turn_to(struct credentials *credentials, const struct server_place *server);

/* Frees all of it. Does nothing more when it is not open. */
void credentials_close(struct credentials *credentials);

/*
 * Logs a WARNING for each thing that works and is rarely meant: a certificate that expires within
 * TLS_ENDS_SOON_DAYS, one that names no agency, one that is not used.
 */
void credentials_warn(const struct credentials *credentials, const struct client_config *config);

#endif
