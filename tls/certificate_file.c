/*
 * certificate_file.c - see certificate_file.h.
 */
#include "tls/certificate_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

EVP_PKEY *certificate_file_public_key(const char *path, struct failure *failure)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        failure_set_errno(failure, "open %s", path);
        return NULL;
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    if (certificate == NULL) {
        failure_set(failure, "%s has no certificate in PEM", path);
    } else if (key == NULL) {
        failure_set(failure, "%s: OpenSSL does not know the certificate's kind of key", path);
    }
    X509_free(certificate);
    fclose(file);
    ERR_clear_error();
    return key;
}
