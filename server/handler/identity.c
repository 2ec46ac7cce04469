/*
 * identity.c - see identity.h.
 */
#include "server/handler/identity.h"

#include "tls/tls_credential.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool identity_take(struct identity *identity, const struct tls_stream *stream,
                   struct failure *failure)
{
    struct tls_credential credential;
    *identity = (struct identity){.is_certified = false};
    if (!tls_credential_of(stream->ssl, &credential, failure)) {
        return false;
    }
    if (!credential.is_shown) {
        return true;
    }
    if (credential.expires_at_s <= (int64_t)time(NULL)) { /* a resumed session is not verified */
        return failure_set(failure, "the certificate %s has expired", credential.serial);
    }
    identity->is_certified = true;
    identity->agencies = credential.agencies;
    identity->expires_at_s = credential.expires_at_s;
    memcpy(identity->serial, credential.serial, sizeof identity->serial);
    (void)agency_set_write(&identity->agencies, identity->names, sizeof identity->names);
    (void)snprintf(identity->refusal, sizeof identity->refusal,
                   "the certificate %s speaks for agency %s alone", identity->serial,
                   identity->names);
    return true;
}

bool identity_permits(const struct identity *identity, uint32_t agency)
{
    return !identity->is_certified || agency_set_has(&identity->agencies, agency);
}
