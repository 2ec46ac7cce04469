/*
 * handshakes.h - a handshake of libssl with itself, within the test's process.
 *
 * A server and a client speak over a pair of BIOs. Every function fails the test that calls it when
 * OpenSSL can't even begin.
 */
#ifndef TESTS_HARNESS_HANDSHAKES_H
#define TESTS_HARNESS_HANDSHAKES_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

/*
 * True when both sides finish, and the client, which trusts this certificate alone, has verified
 * the server that shows it and signs with the key. `version` is TLS1_3_VERSION or TLS1_2_VERSION;
 * `algorithms` are the client's signature algorithms, NULL: OpenSSL's.
 */
bool handshakes_verify(X509 *certificate, EVP_PKEY *key, int version, const char *algorithms);

#endif
