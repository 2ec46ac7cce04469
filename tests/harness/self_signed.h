/*
 * self_signed.h - keys, and certificates that they have signed themselves, for tests.
 *
 * Every function fails the test that calls it when OpenSSL does.
 */
#ifndef TESTS_HARNESS_SELF_SIGNED_H
#define TESTS_HARNESS_SELF_SIGNED_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/types.h>

/* A new private key: "P-256", "P-384", "P-521", "RSA" (of 2048 bits) or "ED25519". */
EVP_PKEY *self_signed_key(const char *kind);

/* A certificate of CN localhost that the key has signed; it is an authority, too. */
X509 *self_signed_certificate(EVP_PKEY *key);

/* Writes the key as PEM, with this mode; `password` NULL: not encrypted. */
void self_signed_write_key(EVP_PKEY *key, const char *path, mode_t mode, const char *password);

/* Writes a certificate of the key as PEM. */
void self_signed_write_certificate(EVP_PKEY *key, const char *path);

#endif
