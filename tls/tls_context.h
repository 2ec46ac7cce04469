/*
 * tls_context.h - what all connections of one program have in common: whom it trusts, who it is,
 * and what it accepts.
 *
 * A context is made of files, and never changed. To read the files again, another context is made
 * beside it: connections go on with the one that they began with. Each context has its own random
 * keys for session tickets (RFC 8446, 4.6.1), so a session ends with its context, and whoever has
 * been revoked meanwhile has to show the certificate again.
 *
 * What it accepts: TLS 1.3 (RFC 8446), and 1.2 where that is asked for; no compression, no
 * renegotiation, no early data. An end without close_notify is an end like any other: RFC 8446,
 * 6.1, leaves it to the protocol above, and messages say themselves where they end. So one that
 * was cut off is found out, and the session of such a connection can still be resumed. The kernel
 * does the encryption where it can (SSL_OP_ENABLE_KTLS).
 *
 * A server makes its context before it forks, and every handler inherits it. If a process dies,
 * nothing is left.
 */
#ifndef TLS_TLS_CONTEXT_H
#define TLS_TLS_CONTEXT_H

#include "lib/failure.h"
#include "tls/tls_certificate.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum tls_minimum { TLS_MINIMUM_1_3, TLS_MINIMUM_1_2 };

/* The files of a context, all of them PEM. The texts stay the caller's. */
struct tls_files {
    const char *certificate; /* ours, and after it those of authorities between it and the CA */
    const char *key;         /* of that certificate; not of a server (tls_server_context) */
    const char *ca;          /* the authorities that sign our peers */
    const char *crl;         /* the certificates that those have revoked; empty: no such list */
    enum tls_minimum minimum;
};

/* When what a context was made of ends, in seconds since 1970; TLS_NEVER: there is no such thing. */
struct tls_expiry {
    int64_t certificate_s;
    int64_t ca_s;  /* the first of the authorities */
    int64_t crl_s; /* when the next list is promised */
};

struct tls_context {
    SSL_CTX *ssl; /* owned; NULL: not open */
    struct tls_expiry expiry;
};

/*
 * Opens a server's context. `key` signs for the certificate; the context takes a reference of its
 * own. With `demands_certificate`, a peer without a certificate of the CA is refused; without it, a
 * peer that shows none is served. Returns false with the failure, which names the file and says
 * what is wrong with it, and then nothing is open.
 */
bool tls_server_context_open(struct tls_context *context, const struct tls_files *files,
                             EVP_PKEY *key, bool demands_certificate, struct failure *failure);

/*
 * Opens a client's context. Without a certificate (the text is empty) the client shows none. The
 * key is read from files->key, which only its owner may read. Fails as above.
 */
bool tls_client_context_open(struct tls_context *context, const struct tls_files *files,
                             struct failure *failure);

/* Closes it. Connections that were opened with it go on. Does nothing when it is not open. */
void tls_context_close(struct tls_context *context);

/*
 * True where a list of the context has revoked a certificate with this serial number, as
 * tls_write_serial writes it, whichever of the authorities has issued it.
 */
bool tls_context_has_revoked(const struct tls_context *context, const char *serial);

/* Describes what OpenSSL has just failed at, in its own words, and empties its queue of errors. */
const char *tls_error_text(void);

#endif
