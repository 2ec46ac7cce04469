/*
 * identity.h - who is at the other end of a connection, as far as TLS tells.
 *
 * An agency is its certificate (tls/agency_names.h). A connection whose peer has shown one may
 * speak for the agencies that it names, and for no others. A connection without one may speak for
 * any: then tls.mode is off or optional, and nothing tells who it is.
 *
 * Called by the handler's process alone. If that dies, the connection is gone.
 */
#ifndef SERVER_HANDLER_IDENTITY_H
#define SERVER_HANDLER_IDENTITY_H

#include "bet/agency_set.h"
#include "bet/message.h"
#include "lib/failure.h"
#include "tls/tls_stream.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDENTITY_NAMES_BYTES = 96 };

struct identity {
    bool is_certified;                          /* the peer has shown a certificate */
    struct agency_set agencies;                 /* that it names */
    char names[IDENTITY_NAMES_BYTES];           /* the same as text; a longer one is cut */
    char serial[TLS_SERIAL_BYTES];              /* of the certificate */
    int64_t expires_at_s;                       /* of the certificate, since 1970 */
    char refusal[MESSAGE_REASON_BYTES_MAX + 1]; /* what is said to a message of another agency */
};

/*
 * Takes the identity from a stream whose handshake is done. False with the failure when its
 * certificate names no agency, or has expired since the session began that was resumed.
 */
bool identity_take(struct identity *identity, const struct tls_stream *stream,
                   struct failure *failure);

/* True when the connection may speak for this agency. If not, `refusal` is the reason. */
bool identity_permits(const struct identity *identity, uint32_t agency);

#endif
