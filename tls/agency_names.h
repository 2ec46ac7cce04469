/*
 * agency_names.h - which agencies a certificate speaks for.
 *
 * An agency is its certificate. The certificate names it in a subjectAltName of type URI
 * (RFC 5280, 4.2.1.6): `urn:lottery:agency:17`. A gateway has several such names, or a list in one:
 * `urn:lottery:agency:1-5` or `urn:lottery:agency:1-3,7` (bet/agency_set.h). The subject, its
 * common name and names of other kinds play no role.
 *
 * Pure functions; any process may call them. Whoever calls has verified the certificate, because a
 * stranger can write any name into one of his own.
 */
#ifndef TLS_AGENCY_NAMES_H
#define TLS_AGENCY_NAMES_H

#include "bet/agency_set.h"
#include "lib/failure.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define AGENCY_NAME_PREFIX "urn:lottery:agency:"

enum { AGENCY_NAMES_BYTES = 512 }; /* all lists of one certificate, with commas between them */

/*
 * Reads the agencies that the certificate names. Returns false with the failure, and with the empty
 * set, when it names none; when a name that begins with AGENCY_NAME_PREFIX goes on with anything
 * but a list of agencies (`any` is none); when an agency is named twice; or when all lists together
 * are longer than AGENCY_NAMES_BYTES.
 */
bool agency_names_of(const X509 *certificate, struct agency_set *agencies, struct failure *failure);

/* The same of one URI of `bytes` bytes; *is_ours says whether it begins with the prefix. */
bool agency_names_take_uri(const char *uri, size_t bytes, char lists[AGENCY_NAMES_BYTES],
                           bool *is_ours, struct failure *failure);

#endif
