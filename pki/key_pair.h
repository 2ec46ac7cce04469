/*
 * key_pair.h - puts NAME.key and NAME.pem, a key and its certificate, into place together.
 *
 * Two files can't be renamed at once. Both are written under another name (NAME.key.tmp,
 * NAME.pem.tmp) and synced; then the key is renamed, then the certificate. Any failure before the
 * first rename leaves the pair that was there. If the process dies between the renames,
 * NAME.pem.tmp is the certificate of NAME.key, and key_pair_mend finishes the work.
 *
 * Called by pki/, in lottery-admin, which holds the directory's lock.
 */
#ifndef PKI_KEY_PAIR_H
#define PKI_KEY_PAIR_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#define KEY_SUFFIX         ".key"
#define CERTIFICATE_SUFFIX ".pem"

/* Replaces the pair `name`, durably. Returns false with the failure. */
bool key_pair_write(const struct data_directory *directory, const char *name, EVP_PKEY *key,
                    X509 *certificate, struct failure *failure);

/* Finishes what a process that died has begun. Returns false with the failure. */
bool key_pair_mend(const struct data_directory *directory, struct failure *failure);

#endif
