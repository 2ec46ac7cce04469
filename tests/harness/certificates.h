/*
 * certificates.h - keys, certificates and authorities for tests, made in memory and written as PEM.
 *
 * A test of TLS has an authority (struct issuer), which issues. A test of a key alone has a key and
 * a certificate that it has signed itself. A failure to make one fails the test.
 */
#ifndef HARNESS_CERTIFICATES_H
#define HARNESS_CERTIFICATES_H

#include "tests/harness/stage.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- self-signed ---- */

/* A new private key: "P-256", "P-384", "P-521", "RSA" (of 2048 bits) or "ED25519". */
EVP_PKEY *self_signed_key(const char *kind);

/* A certificate of CN localhost that the key has signed; it is an authority, too. */
X509 *self_signed_certificate(EVP_PKEY *key);

/* Writes the key as PEM, with this mode; `password` NULL: not encrypted. */
void self_signed_write_key(EVP_PKEY *key, const char *path, mode_t mode, const char *password);

/* Writes a certificate of the key as PEM. */
void self_signed_write_certificate(EVP_PKEY *key, const char *path);

/* ---- authorities ---- */

/* An authority: NAME-ca.pem in the stage's directory, and the key that signs. The paths are the stage's. */
struct issuer {
    struct stage *stage;
    const char *name;
    EVP_PKEY *key;
    X509 *certificate;
    const char *path; /* of its certificate */
};

/* What a certificate is to be. Zeroed members have the values that are usual. */
struct certificate_wish {
    const char *names;    /* subjectAltName, as in "DNS:localhost,URI:urn:lottery:agency:17" */
    int64_t begins_in_s;  /* from now on; 0: an hour ago */
    int64_t expires_in_s; /* 0: in a day */
};

/* The certificate and key that were made. */
struct identity {
    const char *certificate, *key; /* paths; the key's file has mode 0600 */
    long serial;
};

struct issuer *issuer_open(struct stage *stage, const char *name);

/* An authority whose certificate another one has signed. Who has one of its own shows both. */
struct issuer *issuer_open_below(struct issuer *above, const char *name);
void issuer_close(struct issuer *authority);

/* Issues NAME.pem and NAME.key. */
struct identity issuer_issue(struct issuer *authority, const char *name,
                             const struct certificate_wish *wish);

/* Writes NAME-crl.pem, which revokes `count` serials, and promises the next list in `next_in_s`. */
const char *issuer_revoke(struct issuer *authority, const char *name, const long *serials,
                          size_t count, int64_t next_in_s);

#endif
