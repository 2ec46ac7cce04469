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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, KEY_MODE = 0600, RSA_BITS = 2048 };

static long next_serial(void)
{
    static long serial = 1000;
    return serial++;
}

/* Writes a file that nobody else can read, whatever its mode is to be. */
static FILE *create(const char *path)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, KEY_MODE);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    assert_non_null(file);
    return file;
}

static void write_certificate(const char *path, X509 *certificate)
{
    FILE *file = create(path);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

static const char *name_file(struct stage *stage, const char *name, const char *suffix)
{
    return stage_text(stage, "%s/%s%s", stage->directory, name, suffix);
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
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begins_in_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), expires_in_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    assert_int_equal(X509_set_issuer_name(certificate, issuer != NULL ? issuer : subject), 1);
    return certificate;
}

static void sign(X509 *certificate, EVP_PKEY *key)
{
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    assert_true(X509_sign(certificate, key, digest) > 0);
}

/* ----------------------------------------------------------- self-signed ---- */

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
    X509 *certificate = begin_certificate("localhost", key, NULL, next_serial(), -HOUR_S, DAY_S);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    sign(certificate, key);
    return certificate;
}

void self_signed_write_key(EVP_PKEY *key, const char *path, mode_t mode, const char *password)
{
    FILE *file = create(path);
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_128_cbc();
    int bytes = password == NULL ? 0 : (int)strlen(password);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, cipher, password, bytes, NULL, NULL), 1);
    assert_int_equal(fchmod(fileno(file), mode), 0);
    assert_int_equal(fclose(file), 0);
}

void self_signed_write_certificate(EVP_PKEY *key, const char *path)
{
    X509 *certificate = self_signed_certificate(key);
    write_certificate(path, certificate);
    X509_free(certificate);
}

/* ----------------------------------------------------------- authorities ---- */

/* `above` signs; NULL: it does so itself. */
static struct issuer *open_issuer(struct stage *stage, const char *name, const struct issuer *above)
{
    struct issuer *authority = stage_allocate(stage, sizeof *authority);
    authority->stage = stage;
    authority->name = name;
    authority->key = self_signed_key("P-256");
    authority->certificate = begin_certificate(
        name, authority->key, above != NULL ? X509_get_subject_name(above->certificate) : NULL,
        next_serial(), -HOUR_S, DAY_S);
    add_extension(authority->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(authority->certificate, above != NULL ? above->key : authority->key);
    authority->path = name_file(stage, name, "-ca.pem");
    write_certificate(authority->path, authority->certificate);
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
    EVP_PKEY *key = self_signed_key("P-256");
    X509 *certificate =
        begin_certificate(name, key, X509_get_subject_name(authority->certificate), identity.serial,
                          wish->begins_in_s != 0 ? wish->begins_in_s : -HOUR_S,
                          wish->expires_in_s != 0 ? wish->expires_in_s : DAY_S);
    if (wish->names != NULL) {
        add_extension(certificate, NID_subject_alt_name, wish->names);
    }
    sign(certificate, authority->key);
    identity.certificate = name_file(authority->stage, name, ".pem");
    identity.key = name_file(authority->stage, name, ".key");
    write_certificate(identity.certificate, certificate);
    self_signed_write_key(key, identity.key, KEY_MODE, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

const char *issuer_revoke(struct issuer *authority, const char *name, const long *serials,
                          size_t count, int64_t next_in_s)
{
    const char *path = name_file(authority->stage, name, "-crl.pem");
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -HOUR_S);
    ASN1_TIME *next = X509_gmtime_adj(NULL, next_in_s);
    assert_non_null(crl);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
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
