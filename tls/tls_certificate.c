/*
 * tls_certificate.c - see tls_certificate.h.
 */
#include "tls/tls_certificate.h"

#include "lib/plain_file.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 * 1024 * 1024 }; /* a list of some 300,000 revoked certificates */

int64_t tls_time_s(const ASN1_TIME *time)
{
    struct tm broken_down = {.tm_sec = 0};
    return time != NULL && ASN1_TIME_to_tm(time, &broken_down) == 1 ? (int64_t)timegm(&broken_down)
                                                                    : TLS_NEVER;
}

void tls_write_serial(const X509 *certificate, char text[TLS_SERIAL_BYTES])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *digits = number == NULL ? NULL : BN_bn2hex(number);
    (void)snprintf(text, TLS_SERIAL_BYTES, "%s", digits == NULL ? "" : digits);
    OPENSSL_free(digits);
    BN_free(number);
}

FILE *tls_file_open(const char *path, struct failure *failure)
{
    int descriptor = plain_file_open(path, FILE_BYTES_MAX, failure);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
    if (descriptor >= 0 && file == NULL) {
        (void)failure_set(failure, "%s", strerror(errno));
        (void)close(descriptor);
    }
    return file;
}

EVP_PKEY *tls_public_key_of_file(const char *path, struct failure *failure)
{
    struct failure reason;
    FILE *file = tls_file_open(path, &reason);
    if (file == NULL) {
        failure_set(failure, "open %s: %s", path, reason.text);
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
