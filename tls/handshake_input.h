/*
 * handshake_input.h - whether bytes are what a TLS server signs in a handshake.
 *
 * Why it exists: whoever has the private key signs for processes that strangers may have taken
 * over. It signs nothing but handshakes of a server, so that no such process can have a document, a
 * certificate or a client's handshake signed.
 *
 * Pure functions; any process may call them.
 */
#ifndef TLS_HANDSHAKE_INPUT_H
#define TLS_HANDSHAKE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HANDSHAKE_INPUT_BYTES_MAX = 201 /* TLS 1.2: two randoms, 4 bytes, a point on P-521 */
};

/*
 * TLS 1.3, CertificateVerify of a server (RFC 8446, 4.4.3): 64 blanks, "TLS 1.3, server
 * CertificateVerify", a zero byte, and the hash of the transcript, of 32 or 48 bytes.
 */
bool handshake_input_is_tls13(const unsigned char *input, size_t bytes);

/*
 * TLS 1.2, ServerKeyExchange (RFC 8422, 5.4): the two randoms, of 32 bytes each, a named curve, and
 * a point on it: P-256, P-384, P-521, X25519 or X448. What is signed so can't be taken for a
 * CertificateVerify of TLS 1.3.
 */
bool handshake_input_is_tls12(const unsigned char *input, size_t bytes);

#endif
