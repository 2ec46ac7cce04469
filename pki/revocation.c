/*
 * revocation.c - see revocation.h.
 */
#include "pki/revocation.h"

#include <openssl/x509v3.h>
#include <time.h>

bool revocation_has(X509_CRL *list, X509 *certificate)
{
    X509_REVOKED *entry = NULL;
    return X509_CRL_get0_by_cert(list, &entry, certificate) != 0;
}

/* Adds an entry, which is taken over; NULL is none. */
static bool add_entry(X509_CRL *list, X509_REVOKED *entry)
{
    if (entry != NULL && X509_CRL_add0_revoked(list, entry) == 1) {
        return true;
    }
    X509_REVOKED_free(entry);
    return false;
}

static bool copy_entries(X509_CRL *list, X509_CRL *before)
{
    STACK_OF(X509_REVOKED) *entries = before == NULL ? NULL : X509_CRL_get_REVOKED(before);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) { /* -1 of NULL */
        if (!add_entry(list, X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i)))) {
            return false;
        }
    }
    return true;
}

static X509_REVOKED *entry_of(X509 *certificate, ASN1_TIME *now)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    if (entry != NULL &&
        (X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) != 1 ||
         X509_REVOKED_set_revocationDate(entry, now) != 1)) {
        X509_REVOKED_free(entry);
        return NULL;
    }
    return entry;
}

static bool set_number(X509_CRL *list, const X509_CRL *before)
{
    ASN1_INTEGER *number =
        before == NULL ? NULL : X509_CRL_get_ext_d2i(before, NID_crl_number, NULL, NULL);
    BIGNUM *next = number == NULL ? BN_new() : ASN1_INTEGER_to_BN(number, NULL);
    ASN1_INTEGER *written =
        next == NULL || BN_add_word(next, 1) != 1 ? NULL : BN_to_ASN1_INTEGER(next, NULL);
    bool set = written != NULL &&
               X509_CRL_add1_ext_i2d(list, NID_crl_number, written, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(written);
    BN_free(next);
    ASN1_INTEGER_free(number);
    return set;
}

static bool fill(X509_CRL *list, const struct certificate_issuer *issuer, X509_CRL *before,
                 const STACK_OF(X509) * certificates, ASN1_TIME *now)
{
    bool filled = X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
                  X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->certificate)) == 1 &&
                  X509_CRL_set1_lastUpdate(list, now) == 1 &&
                  X509_CRL_set1_nextUpdate(list, X509_get0_notAfter(issuer->certificate)) == 1 &&
                  set_number(list, before) && copy_entries(list, before);
    for (int i = 0; i < sk_X509_num(certificates) && filled; i++) { /* -1 of NULL */
        X509 *certificate = sk_X509_value(certificates, i);
        filled = (before != NULL && revocation_has(before, certificate)) ||
                 add_entry(list, entry_of(certificate, now));
    }
    return filled &&
           certificate_add_extension(NULL, list, issuer->certificate, NID_authority_key_identifier,
                                     "keyid:always") &&
           X509_CRL_sort(list) == 1 && X509_CRL_sign(list, issuer->key, EVP_sha256()) != 0;
}

X509_CRL *revocation_make(const struct certificate_issuer *issuer, X509_CRL *before,
                          const STACK_OF(X509) * certificates, int64_t now_s,
                          struct failure *failure)
{
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)(now_s - CERTIFICATE_CLOCK_SKEW_S));
    X509_CRL *list = now == NULL ? NULL : X509_CRL_new();
    if (list == NULL || !fill(list, issuer, before, certificates, now)) {
        failure_set(failure, "libcrypto makes no revocation list");
        X509_CRL_free(list);
        list = NULL;
    }
    ASN1_TIME_free(now);
    return list;
}
