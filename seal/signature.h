/*
 * signature.h - Ed25519 (RFC 8032) over the bytes of a file, by OpenSSL's libcrypto.
 *
 * The private key is a PEM file (PKCS #8) of the operator's, outside the data directory and
 * readable to nobody else. The public key is a PEM file (SubjectPublicKeyInfo), which the
 * auditor gets once, in another way than the seals. A signature is the 64 raw bytes, so that
 * anybody can check it:
 *
 *     openssl pkeyutl -verify -pubin -inkey PUB -rawin -in seal.json -sigfile seal.sig
 *
 * No function keeps a key after it has returned. Called by the storer, lottery-admin and
 * lottery-verify.
 */
#ifndef SEAL_SIGNATURE_H
#define SEAL_SIGNATURE_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>

enum { SIGNATURE_BYTES = 64 };

struct signature {
    unsigned char bytes[SIGNATURE_BYTES];
};

/*
 * Makes a key pair: the private key in a new file `path` of mode 0600, the public one in a new
 * file `path`.pub of mode 0644; both are durable afterwards. Returns false with the failure, and
 * leaves neither, when it can't; a file that is there already is never replaced.
 */
bool signature_make_key(const char *path, struct failure *failure);

/*
 * Signs `count` bytes with the private key in the file `path`. Returns false with the failure when
 * that is no Ed25519 key, can't be read, belongs to another user, or is open to others.
 */
bool signature_make(const char *path, const void *bytes, size_t count, struct signature *signature,
                    struct failure *failure);

enum signature_answer {
    SIGNATURE_GOOD,
    SIGNATURE_WRONG, /* not made with that key over these bytes */
    SIGNATURE_NO_KEY /* the file `path` holds no public Ed25519 key; the failure says why */
};

/* Checks a signature over `count` bytes by the public key in the file `path`. */
enum signature_answer signature_check(const char *path, const void *bytes, size_t count,
                                      const struct signature *signature, struct failure *failure);

#endif
