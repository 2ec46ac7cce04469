/*
 * tls_credential.h - what a server keeps of its peer's certificate: who may speak, and until when.
 *
 * Why it exists: a session that is resumed goes on with what was verified when it began. OpenSSL
 * puts the peer's whole certificate into the ticket (RFC 8446, 4.6.1) and decodes it at each
 * resumption, which costs as much as all the rest of that handshake. So a ticket of TLS 1.3
 * carries a note of some dozens of bytes instead, encrypted and authenticated like everything in
 * it. A session of TLS 1.2 keeps the certificate.
 *
 * Called by the one process that has the connection. If it dies, nothing is left.
 */
#ifndef TLS_TLS_CREDENTIAL_H
#define TLS_TLS_CREDENTIAL_H

#include "bet/agency_set.h"
#include "lib/failure.h"
#include "tls/tls_context.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct tls_credential {
    bool is_shown;                 /* false: the peer has no certificate, and the rest is zero */
    char serial[TLS_SERIAL_BYTES]; /* of the certificate */
    int64_t expires_at_s;          /* of the certificate, since 1970; it may be past by now */
    struct agency_set agencies;    /* that it names */
};

/*
 * Reads it from a server's connection whose handshake is done, resumed or not. Returns false with
 * the failure, which names the serial number, when the certificate speaks for no agency.
 */
bool tls_credential_of(const SSL *ssl, struct tls_credential *credential, struct failure *failure);

/*
 * True where a session that is to be resumed has ended, or the certificate of its peer: the peer is
 * to show its certificate again, and is told then what is wrong with it. OpenSSL does not look at
 * the time of a session of TLS 1.3, but leaves it to the client.
 */
bool tls_credential_has_ended(SSL_SESSION *session);

/*
 * Puts the note in the place of the certificate, in the session of which a ticket is about to be
 * made (SSL_CTX_set_session_ticket_cb): the peer has been verified by then. Where a note can't say
 * all, the session stays as it is. Returns false where there is no memory; the session is of no
 * use then, and the handshake has to fail.
 */
bool tls_credential_shorten(SSL *ssl);

#endif
