/*
 * certificates.c - see certificates.h.
 */
#include "tests/harness/certificates.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, VERSION_3 = 2, CRL_VERSION_2 = 1, KEY_MODE = 0600 };

static long next_serial(void)
{
    static long serial = 1000;
    return serial++;
}

static EVP_PKEY *make_key(const struct certificate_wish *wish)
{
    EVP_PKEY *key = wish->rsa_bits != 0 ? EVP_RSA_gen(wish->rsa_bits)
                                        : EVP_EC_gen(wish->curve != NULL ? wish->curve : "P-256");
    assert_non_null(key);
    return key;
}

static FILE *create(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, KEY_MODE);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    assert_non_null(file);
    return file;
}

static const char *write_certificate(struct stage *stage, const char *name, X509 *certificate)
{
    const char *path = stage_text(stage, "%s/%s.pem", stage->directory, name);
    FILE *file = create(path);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *write_key(struct stage *stage, const char *name, EVP_PKEY *key)
{
    const char *path = stage_text(stage, "%s/%s.key", stage->directory, name);
    FILE *file = create(path);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate without extensions and without a signature. */
static X509 *begin_certificate(const char *name, EVP_PKEY *key, X509_NAME *issuer, long serial,
                               int64_t begins_in_s, int64_t expires_in_s)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begins_in_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), expires_in_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    assert_int_equal(X509_set_issuer_name(certificate, issuer != NULL ? issuer : subject), 1);
    return certificate;
}

/* `above` signs; NULL: it does so itself. */
static struct issuer *open_issuer(struct stage *stage, const char *name, const struct issuer *above)
{
    const struct certificate_wish usual = {.names = NULL};
    struct issuer *authority = stage_allocate(stage, sizeof *authority);
    authority->stage = stage;
    authority->name = name;
    authority->key = make_key(&usual);
    authority->certificate = begin_certificate(
        name, authority->key, above != NULL ? X509_get_subject_name(above->certificate) : NULL,
        next_serial(), -HOUR_S, DAY_S);
    add_extension(authority->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    EVP_PKEY *signer = above != NULL ? above->key : authority->key;
    assert_true(X509_sign(authority->certificate, signer, EVP_sha256()) > 0);
    authority->path =
        write_certificate(stage, stage_text(stage, "%s-ca", name), authority->certificate);
    return authority;
}

struct issuer *issuer_open(struct stage *stage, const char *name)
{
    return open_issuer(stage, name, NULL);
}

struct issuer *issuer_open_below(struct issuer *above, const char *name)
{
    return open_issuer(above->stage, name, above);
}

void issuer_close(struct issuer *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

struct identity issuer_issue(struct issuer *authority, const char *name,
                             const struct certificate_wish *wish)
{
    struct identity identity = {.serial = next_serial()};
    EVP_PKEY *key = make_key(wish);
    X509 *certificate =
        begin_certificate(name, key, X509_get_subject_name(authority->certificate), identity.serial,
                          wish->begins_in_s != 0 ? wish->begins_in_s : -HOUR_S,
                          wish->expires_in_s != 0 ? wish->expires_in_s : DAY_S);
    if (wish->names != NULL) {
        add_extension(certificate, NID_subject_alt_name, wish->names);
    }
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    identity.certificate = write_certificate(authority->stage, name, certificate);
    identity.key = write_key(authority->stage, name, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

const char *issuer_revoke(struct issuer *authority, const char *name, const long *serials,
                          size_t count, int64_t next_in_s)
{
    const char *path =
        stage_text(authority->stage, "%s/%s-crl.pem", authority->stage->directory, name);
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -HOUR_S);
    ASN1_TIME *next = X509_gmtime_adj(NULL, next_in_s);
    assert_non_null(crl);
    X509_CRL_set_version(crl, CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->certificate));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, next);
    for (size_t i = 0; i < count; i++) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_INTEGER_set(serial, serials[i]);
        X509_REVOKED_set_serialNumber(revoked, serial);
        X509_REVOKED_set_revocationDate(revoked, now);
        assert_int_equal(X509_CRL_add0_revoked(crl, revoked), 1);
        ASN1_INTEGER_free(serial);
    }
    assert_true(X509_CRL_sign(crl, authority->key, EVP_sha256()) > 0);
    FILE *file = create(path);
    assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
    assert_int_equal(fclose(file), 0);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
    return path;
}
