/*
 * private_key.h - the private key itself: reads it and signs with it.
 *
 * Called by the keyholder alone, because the key is in the memory of whoever has called.
 */
#ifndef SERVER_KEYHOLDER_PRIVATE_KEY_H
#define SERVER_KEYHOLDER_PRIVATE_KEY_H

#include "lib/failure.h"
#include "server/key_channel.h"

#include <openssl/evp.h>

/*
 * Reads the key from the file that is open. The caller frees it (EVP_PKEY_free). Returns NULL with
 * the failure when the file can't be read, has no key in PEM, is encrypted, or has a key that is not
 * the certificate's. What was read is wiped from memory.
 */
EVP_PKEY *private_key_read(const struct held_key *held, struct failure *failure);

/* Signs the request, and writes the answer: KEY_SIGNED, or KEY_FAILED without a signature. */
void private_key_sign(EVP_PKEY *key, const struct key_request *request, struct key_answer *answer);

#endif
