/*
 * identity.c - see identity.h.
 */
#include "server/handler/identity.h"

#include "tls/agency_names.h"

#include <stdio.h>
#include <time.h>

bool identity_take(struct identity *identity, const struct tls_stream *stream,
                   struct failure *failure)
{
    struct failure reason;
    const X509 *certificate = tls_stream_peer_certificate(stream);
    *identity = (struct identity){.is_certified = certificate != NULL};
    if (certificate == NULL) {
        return true;
    }
    tls_write_serial(certificate, identity->serial);
    identity->expires_at_s = tls_time_s(X509_get0_notAfter(certificate));
    if (identity->expires_at_s <= (int64_t)time(NULL)) { /* a resumed session is not verified */
        return failure_set(failure, "the certificate %s has expired", identity->serial);
    }
    if (!agency_names_of(certificate, &identity->agencies, &reason)) {
        return failure_set(failure, "the certificate %s speaks for no agency: %s", identity->serial,
                           reason.text);
    }
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
