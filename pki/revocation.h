/*
 * revocation.h - the list of an authority's certificates that are valid no more (RFC 5280, 5).
 *
 * A list that is too old makes a server refuse all certificates, and nobody fetches a new one here:
 * the file is copied by hand. So a list is valid as long as its authority; a revocation makes the
 * next list.
 *
 * Nothing is read or written here. Called by pki/, in lottery-admin.
 */
#ifndef PKI_REVOCATION_H
#define PKI_REVOCATION_H

#include "pki/certificate.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Makes a list of what is in `before` (NULL: nothing) and of the certificates (NULL: none); one
 * that is in it already is not added again. Its number is one more than that of `before`. Returns
 * the list, which is the caller's (X509_CRL_free), or NULL with the failure.
 */
X509_CRL *revocation_make(const struct certificate_issuer *issuer, X509_CRL *before,
                          const STACK_OF(X509) * certificates, int64_t now_s,
                          struct failure *failure);

/* True when the certificate is in the list. Sorts the list. */
bool revocation_has(X509_CRL *list, X509 *certificate);

#endif
