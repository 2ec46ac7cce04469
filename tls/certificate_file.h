/*
 * certificate_file.h - the first certificate of a PEM file: whose key the file speaks of.
 *
 * Any process may call, before it serves.
 */
#ifndef TLS_CERTIFICATE_FILE_H
#define TLS_CERTIFICATE_FILE_H

#include "lib/failure.h"

#include <openssl/evp.h>

/*
 * Returns the public key of the file's first certificate, which the caller frees (EVP_PKEY_free).
 * NULL with the failure, which names the file, when it can't be read or has no certificate.
 */
EVP_PKEY *certificate_file_public_key(const char *path, struct failure *failure);

#endif
