/*
 * pem_file.h - keys, certificates and revocation lists as text, and read from files.
 *
 * A private key is text only in memory that is wiped when it is freed. Nothing asks for a
 * passphrase: a file that is protected by one is refused.
 *
 * Called by pki/, in lottery-admin.
 */
#ifndef PKI_PEM_FILE_H
#define PKI_PEM_FILE_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* Text in PEM; the bytes are owned, and end with pem_text_free. */
struct pem_text {
    BIO *memory;
    const char *bytes;
    size_t count;
};

/* Return false with the failure, and nothing to free, when libcrypto fails. */
bool pem_text_of_key(EVP_PKEY *key, struct pem_text *text, struct failure *failure);
bool pem_text_of_certificate(X509 *certificate, struct pem_text *text, struct failure *failure);
bool pem_text_of_list(X509_CRL *list, struct pem_text *text, struct failure *failure);

/* Wipes and frees. */
void pem_text_free(struct pem_text *text);

/*
 * Read the first object of the kind in the file. Return it, and it is the caller's; or NULL with
 * the failure, and errno ENOENT where there is no such file.
 */
EVP_PKEY *pem_file_read_key(const struct data_directory *directory, const char *name,
                            struct failure *failure);
X509 *pem_file_read_certificate(const struct data_directory *directory, const char *name,
                                struct failure *failure);
X509_CRL *pem_file_read_list(const struct data_directory *directory, const char *name,
                             struct failure *failure);

#endif
