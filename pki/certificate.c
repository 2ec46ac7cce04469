/*
 * certificate.c - see certificate.h.
 */
#include "pki/certificate.h"

#include "tls/agency_names.h"
#include "tls/tls_certificate.h"

#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SECONDS_A_DAY = 24 * 60 * 60,
    SERIAL_BITS = 128,
    DNS_NAME_BYTES_MAX = 253, /* RFC 1035, 2.3.4, as text */
    DNS_LABEL_BYTES_MAX = 63,
    COMMON_NAME_BYTES = 64 + 1, /* RFC 5280, ub-common-name, and a NUL */
    AUTHORITY_DIGITS = 8        /* of its serial, in its name */
};

EVP_PKEY *certificate_make_key(struct failure *failure)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        failure_set(failure, "libcrypto makes no key on P-256");
    }
    return key;
}

/* ---------------------------------------------------------------- times ---- */

static bool set_times(X509 *certificate, const struct certificate_order *order,
                      const struct certificate_issuer *issuer, struct failure *failure)
{
    const int days =
        order->kind == CERTIFICATE_AUTHORITY ? CERTIFICATE_AUTHORITY_DAYS : CERTIFICATE_DAYS;
    const int64_t from_s = order->now_s - CERTIFICATE_CLOCK_SKEW_S;
    int64_t until_s = from_s + (int64_t)days * SECONDS_A_DAY;
    if (issuer->certificate != NULL) {
        const int64_t end_s = tls_time_s(X509_get0_notAfter(issuer->certificate));
        if (end_s <= order->now_s) {
            return failure_set(failure, "the authority's own certificate has expired: make another "
                                        "authority in a new directory");
        }
        until_s = until_s < end_s ? until_s : end_s;
    }
    return (ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from_s) != NULL &&
            ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)until_s) != NULL) ||
           failure_set(failure, "libcrypto sets no times");
}

/* --------------------------------------------------------------- serials ---- */

/* The highest bit is 1, so that all serials have as many digits. */
static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL &&
               BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

/* ----------------------------------------------------------------- names ---- */

/*
 * The common name is for people alone. An authority's has some digits of its serial: a bundle of
 * two authorities of the same name is hard to read.
 */
static void write_common_name(const X509 *certificate, const struct certificate_order *order,
                              char text[COMMON_NAME_BYTES])
{
    char serial[TLS_SERIAL_BYTES];
    char agencies[AGENCY_NAMES_BYTES] = "";
    switch (order->kind) {
    case CERTIFICATE_AUTHORITY:
        tls_write_serial(certificate, serial);
        (void)snprintf(text, COMMON_NAME_BYTES, "lottery authority %.*s", AUTHORITY_DIGITS, serial);
        break;
    case CERTIFICATE_SERVER:
        (void)snprintf(text, COMMON_NAME_BYTES, "lottery server");
        break;
    case CERTIFICATE_AGENCY:
        (void)agency_set_write(order->agencies, agencies, sizeof agencies);
        (void)snprintf(text, COMMON_NAME_BYTES, "lottery %s %s",
                       agency_set_size(order->agencies) == 1 ? "agency" : "gateway", agencies);
        break;
    }
}

static bool set_subject(X509 *certificate, const struct certificate_order *order)
{
    char common_name[COMMON_NAME_BYTES];
    write_common_name(certificate, order, common_name);
    X509_NAME *name = X509_NAME_new();
    bool set = name != NULL &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                          (const unsigned char *)common_name, -1, -1, 0) == 1 &&
               X509_set_subject_name(certificate, name) == 1;
    X509_NAME_free(name);
    return set;
}

/* Letters, digits, '-' and '_', and no '-' at either end. */
static bool is_label(const char *label, size_t bytes)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return bytes > 0 && bytes <= DNS_LABEL_BYTES_MAX && strspn(label, letters) >= bytes &&
           label[0] != '-' && label[bytes - 1] != '-';
}

/* A last label of digits is a mistyped address. */
static bool is_dns_name(const char *name)
{
    const char *label = name;
    size_t bytes = strcspn(label, ".");
    while (is_label(label, bytes) && label[bytes] != '\0') {
        label += bytes + 1;
        bytes = strcspn(label, ".");
    }
    return is_label(label, bytes) && strspn(label, "0123456789") < bytes &&
           strlen(name) <= DNS_NAME_BYTES_MAX;
}

bool certificate_can_name(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    bool can = address != NULL || is_dns_name(name);
    ASN1_OCTET_STRING_free(address);
    return can;
}

/* Adds one name of the kind; takes the value, which may be NULL. */
static bool add_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = value == NULL ? NULL : GENERAL_NAME_new();
    if (name == NULL) {
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static ASN1_STRING *text_value(const char *text)
{
    ASN1_STRING *value = ASN1_IA5STRING_new();
    if (value != NULL && ASN1_STRING_set(value, text, -1) != 1) {
        ASN1_STRING_free(value);
        return NULL;
    }
    return value;
}

static bool add_server_name(GENERAL_NAMES *names, const char *name, struct failure *failure)
{
    if (!certificate_can_name(name)) {
        return failure_set(failure,
                           "a server's certificate can't name '%s': it is neither a DNS name (a "
                           "wildcard is none) nor an address",
                           name);
    }
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    return add_name(names, address != NULL ? GEN_IPADD : GEN_DNS,
                    address != NULL ? address : text_value(name)) ||
           failure_set(failure, "libcrypto takes no name");
}

static bool add_agency_name(GENERAL_NAMES *names, const struct agency_set *agencies,
                            struct failure *failure)
{
    char uri[sizeof AGENCY_NAME_PREFIX + AGENCY_NAMES_BYTES] = AGENCY_NAME_PREFIX;
    char *list = uri + sizeof AGENCY_NAME_PREFIX - 1;
    if (agency_set_write(agencies, list, AGENCY_NAMES_BYTES) >= AGENCY_NAMES_BYTES) {
        return failure_set(failure, "the list of agencies has more than %d bytes",
                           AGENCY_NAMES_BYTES - 1);
    }
    return add_name(names, GEN_URI, text_value(uri)) ||
           failure_set(failure, "libcrypto takes no name");
}

static bool gather_names(GENERAL_NAMES *names, const struct certificate_order *order,
                         struct failure *failure)
{
    if (order->kind == CERTIFICATE_AGENCY) {
        return add_agency_name(names, order->agencies, failure);
    }
    for (size_t i = 0; i < order->name_count; i++) {
        if (!add_server_name(names, order->names[i], failure)) {
            return false;
        }
    }
    return true;
}

static bool add_names(X509 *certificate, const struct certificate_order *order,
                      struct failure *failure)
{
    if (order->kind == CERTIFICATE_AUTHORITY) {
        return true;
    }
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (names == NULL) {
        return failure_set(failure, "libcrypto has no memory");
    }
    bool added =
        gather_names(names, order, failure) &&
        (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 ||
         failure_set(failure, "libcrypto adds no names"));
    GENERAL_NAMES_free(names);
    return added;
}

/* ------------------------------------------------------------ extensions ---- */

bool certificate_add_extension(X509 *certificate, X509_CRL *list, X509 *issuer, int nid,
                               const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, list, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    bool added =
        extension != NULL && (certificate != NULL ? X509_add_ext(certificate, extension, -1) == 1
                                                  : X509_CRL_add_ext(list, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    return added;
}

static bool add_extensions(X509 *certificate, enum certificate_kind kind, X509 *issuer)
{
    static const struct {
        int nid;
        const char *values[CERTIFICATE_AGENCY + 1]; /* by kind; NULL: it has none */
    } profile[] = {
        {NID_basic_constraints,
         {"critical,CA:TRUE,pathlen:0", "critical,CA:FALSE", "critical,CA:FALSE"}},
        {NID_key_usage,
         {"critical,keyCertSign,cRLSign", "critical,digitalSignature",
          "critical,digitalSignature"}},
        {NID_ext_key_usage, {NULL, "serverAuth", "clientAuth"}},
        {NID_subject_key_identifier, {"hash", "hash", "hash"}},
        {NID_authority_key_identifier, {NULL, "keyid:always", "keyid:always"}},
    };
    for (size_t i = 0; i < sizeof profile / sizeof profile[0]; i++) {
        if (profile[i].values[kind] != NULL &&
            !certificate_add_extension(certificate, NULL, issuer, profile[i].nid,
                                       profile[i].values[kind])) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------- whole ---- */

static bool fill(X509 *certificate, const struct certificate_order *order, EVP_PKEY *key,
                 const struct certificate_issuer *issuer, struct failure *failure)
{
    X509 *signer = issuer->certificate != NULL ? issuer->certificate : certificate;
    EVP_PKEY *signing_key = issuer->key != NULL ? issuer->key : key;
    if (!set_times(certificate, order, issuer, failure) ||
        !add_names(certificate, order, failure)) {
        return false;
    }
    return (X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
            set_subject(certificate, order) &&
            X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1 &&
            X509_set_pubkey(certificate, key) == 1 &&
            add_extensions(certificate, order->kind, signer) &&
            X509_sign(certificate, signing_key, EVP_sha256()) != 0) ||
           failure_set(failure, "libcrypto makes no certificate");
}

X509 *certificate_make(const struct certificate_order *order, EVP_PKEY *key,
                       const struct certificate_issuer *issuer, struct failure *failure)
{
    X509 *certificate = X509_new();
    if (certificate == NULL) {
        failure_set(failure, "libcrypto has no memory");
        return NULL;
    }
    if (!fill(certificate, order, key, issuer, failure)) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}
