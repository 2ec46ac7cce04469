/*
 * tls_certificate.h - what a certificate says of itself: its key, its serial number, its dates.
 *
 * Pure functions, but for those that read a file; any process may call them.
 */
#ifndef TLS_TLS_CERTIFICATE_H
#define TLS_TLS_CERTIFICATE_H

#include "lib/failure.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TLS_ENDS_SOON_DAYS = 30, /* from so many days ahead, people are told of the end */
    TLS_SERIAL_BYTES = 44    /* RFC 5280, 4.1.2.2: at most 20 octets, here in hexadecimal */
};

enum { TLS_NEVER = 0 };

/* The moment of an ASN.1 time, in seconds since 1970; TLS_NEVER where it can't be read. */
int64_t tls_time_s(const ASN1_TIME *time);

/*
 * Writes the certificate's serial number in capital hexadecimal digits, as `openssl x509 -serial`
 * does; a longer one is cut.
 */
void tls_write_serial(const X509 *certificate, char text[TLS_SERIAL_BYTES]);

/*
 * Opens a file of TLS: a regular one, of at most 16 MiB (plain_file.h). The caller closes it. NULL with
 * the failure, which does not name the file.
 */
FILE *tls_file_open(const char *path, struct failure *failure);

/*
 * Returns the public key of the first certificate of a PEM file, which the caller frees
 * (EVP_PKEY_free). NULL with the failure, which names the file, when it can't be read or has no
 * certificate.
 */
EVP_PKEY *tls_public_key_of_file(const char *path, struct failure *failure);

#endif
