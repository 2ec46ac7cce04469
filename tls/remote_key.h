/*
 * remote_key.h - a private key that is somewhere else.
 *
 * Why it exists: libssl signs handshakes with an EVP_PKEY, and the process that speaks to strangers
 * must not have the private key in its memory. The EVP_PKEY that is made here has the public part
 * alone, and answers by it whatever libssl asks. What is to be signed goes to a callback, whose
 * owner knows who has the key.
 *
 * How: an OpenSSL provider (provider(7)), which is part of the program and lives in an OSSL_LIB_CTX
 * of its own. Nothing else in the process can find it, so no other key or signature is touched. The
 * export of a private part fails, and by that OpenSSL takes this provider to sign with this key,
 * and no other one.
 *
 * Keys: EC on P-256, P-384 and P-521, RSA, Ed25519. Nothing is decrypted: the key exchanges of
 * TLS 1.2 that RSA decrypts fail.
 *
 * Opened in one process before others are forked, it serves in each of them: nothing in it changes.
 */
#ifndef TLS_REMOTE_KEY_H
#define TLS_REMOTE_KEY_H

#include "lib/failure.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REMOTE_KEY_SIGNATURE_BYTES = 1024 }; /* at most: RSA of 8192 bits */

/*
 * How something is signed: the code points of RFC 8446, 4.2.3. As in TLS 1.2, those of ECDSA name
 * the digest alone, and the curve is the key's. The salt of PSS is as long as the digest.
 */
enum signing_scheme {
    SIGNING_RSA_PKCS1_SHA256 = 0x0401,
    SIGNING_RSA_PKCS1_SHA384 = 0x0501,
    SIGNING_RSA_PKCS1_SHA512 = 0x0601,
    SIGNING_ECDSA_SHA256 = 0x0403,
    SIGNING_ECDSA_SHA384 = 0x0503,
    SIGNING_ECDSA_SHA512 = 0x0603,
    SIGNING_RSA_PSS_SHA256 = 0x0804,
    SIGNING_RSA_PSS_SHA384 = 0x0805,
    SIGNING_RSA_PSS_SHA512 = 0x0806,
    SIGNING_ED25519 = 0x0807
};

struct signing_request {
    enum signing_scheme scheme;
    const unsigned char *input; /* what is signed, not its digest */
    size_t input_bytes;
};

/*
 * Signs. `signature` has room for REMOTE_KEY_SIGNATURE_BYTES; a result is at most as long as the
 * key allows. Returns false when there is no signature, and the handshake fails then.
 */
typedef bool remote_key_sign(void *context, const struct signing_request *request,
                             unsigned char *signature, size_t *signature_bytes);

struct remote_signer {
    remote_key_sign *sign;
    void *context; /* the caller's; it outlives the key */
};

/* Zeroed: there is none. */
struct remote_key {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *provider;
    EVP_PKEY *key; /* for SSL_CTX_use_PrivateKey, after the certificate */
};

/*
 * Makes the key that belongs to `public_key`, which is a certificate's. Returns false with the
 * failure, and with nothing to close, when it is of another kind, or there is no memory.
 */
bool remote_key_open(struct remote_key *remote, const EVP_PKEY *public_key,
                     const struct remote_signer *signer, struct failure *failure);

/* Called when every SSL_CTX that has the key is gone. */
void remote_key_close(struct remote_key *remote);

#endif
