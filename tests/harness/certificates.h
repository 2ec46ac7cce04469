/*
 * certificates.h - authorities and certificates for tests of TLS, made in memory and written as PEM.
 *
 * A failure to make one fails the test. The paths are the stage's.
 */
#ifndef HARNESS_CERTIFICATES_H
#define HARNESS_CERTIFICATES_H

#include "tests/harness/stage.h"

#include <openssl/x509.h>

/* An authority: NAME-ca.pem in the stage's directory, and the key that signs. */
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
    const char *curve;    /* NULL: "P-256" */
    unsigned rsa_bits;    /* not 0: RSA in place of a curve */
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
