/*
 * certificate.h - makes the keys and certificates of an authority, in memory.
 *
 * An authority signs itself; it signs servers (serverAuth, with the names that clients call them
 * by) and agencies (clientAuth, with the URI of tls/agency_names.h). Keys are EC on P-256, and
 * signatures ECDSA with SHA-256. The profile is that of RFC 5280; a serial has 128 random bits.
 *
 * Nothing is read or written here. Called by pki/, in lottery-admin.
 */
#ifndef PKI_CERTIFICATE_H
#define PKI_CERTIFICATE_H

#include "bet/agency_set.h"
#include "lib/failure.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CERTIFICATE_AUTHORITY_DAYS = 3650,
    CERTIFICATE_DAYS = 398,            /* of a server and of an agency */
    CERTIFICATE_CLOCK_SKEW_S = 10 * 60 /* it is valid from so long ago on */
};

enum certificate_kind { CERTIFICATE_AUTHORITY, CERTIFICATE_SERVER, CERTIFICATE_AGENCY };

/* What a certificate is to say. All of it is the caller's. */
struct certificate_order {
    enum certificate_kind kind;
    const char *const *names; /* of a server: DNS names and IP addresses */
    size_t name_count;
    const struct agency_set *agencies; /* of an agency, or a gateway */
    int64_t now_s;                     /* seconds since 1970 */
};

/* Who signs. Zeros: an authority, which signs itself. Both stay the caller's. */
struct certificate_issuer {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Returns a new key, which is the caller's (EVP_PKEY_free), or NULL with the failure. */
EVP_PKEY *certificate_make_key(struct failure *failure);

/*
 * Makes the certificate of `key`. It ends with its issuer's at the latest. Returns it, and it is
 * the caller's (X509_free); or NULL with the failure: a name is neither a DNS name nor an address,
 * the issuer has expired, or libcrypto fails.
 */
X509 *certificate_make(const struct certificate_order *order, EVP_PKEY *key,
                       const struct certificate_issuer *issuer, struct failure *failure);

/* True of a DNS name, without wildcards, and of an IP address. */
bool certificate_can_name(const char *name);

/*
 * Adds an extension, whose value is in the words of x509v3_config(5), to a certificate or to a
 * revocation list; the other one is NULL. False where libcrypto fails.
 */
bool certificate_add_extension(X509 *certificate, X509_CRL *list, X509 *issuer, int nid,
                               const char *value);

#endif
