/*
 * self_signed.c - see self_signed.h.
 */
#include "tests/harness/self_signed.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h> /* after what it needs */

enum { RSA_BITS = 2048, A_DAY_S = 24 * 60 * 60 };

EVP_PKEY *self_signed_key(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strcmp(kind, "RSA") == 0) {
        key = EVP_RSA_gen(RSA_BITS);
    } else if (strcmp(kind, "ED25519") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    } else {
        key = EVP_EC_gen(kind);
    }
    assert_non_null(key);
    return key;
}

X509 *self_signed_certificate(EVP_PKEY *key)
{
    const unsigned char name[] = "localhost";
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_NAME *subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -A_DAY_S));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), A_DAY_S));
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    X509_EXTENSION *authority =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    assert_non_null(authority);
    assert_int_equal(X509_add_ext(certificate, authority, -1), 1);
    X509_EXTENSION_free(authority);
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    assert_true(X509_sign(certificate, key, digest) > 0);
    return certificate;
}

void self_signed_write_key(EVP_PKEY *key, const char *path, mode_t mode, const char *password)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), mode), 0);
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_128_cbc();
    int written = PEM_write_PKCS8PrivateKey(
        file, key, cipher, password, password == NULL ? 0 : (int)strlen(password), NULL, NULL);
    assert_int_equal(written, 1);
    assert_int_equal(fclose(file), 0);
}

void self_signed_write_certificate(EVP_PKEY *key, const char *path)
{
    X509 *certificate = self_signed_certificate(key);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
}
