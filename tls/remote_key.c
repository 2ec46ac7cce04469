/*
 * remote_key.c - see remote_key.h. The provider, from its keys to its signatures.
 *
 * A key is public parameters, as the default provider exports them, and the signer. It is made by
 * EVP_PKEY_fromdata of the certificate's parameters and of one more, which holds the signer. A key
 * that OpenSSL imports by itself, to compare it, has no signer.
 *
 * Sources: provider-keymgmt(7), provider-signature(7), EVP_PKEY-EC(7), EVP_PKEY-RSA(7).
 */
#include "tls/remote_key.h"

#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    TEXT_BYTES = 32, /* names of groups, digests and modes */
    RSA_BITS_MAX = 8 * REMOTE_KEY_SIGNATURE_BYTES,
    ED25519_BITS = 256,
    ED25519_SECURITY_BITS = 128,
    ED25519_SIGNATURE_BYTES = 64
};

static const char provider_name[] = "lottery-remote-key";
static const char provider_property[] = "provider=lottery-remote-key";
static const char signer_parameter[] = "lottery-signer";

/* ----------------------------------------------------------------- keys ---- */

enum key_kind { KEY_EC, KEY_RSA, KEY_ED25519 };

struct key {
    enum key_kind kind;
    OSSL_PARAM *public_part;     /* owned; NULL: there is no key yet */
    struct remote_signer signer; /* its `sign` is NULL: none */
    int bits, security_bits, signature_bytes;
};

struct curve {
    const char *name;
    int bits, security_bits, signature_bytes; /* the longest one, in DER */
};

static const struct curve curves[] = {
    {"prime256v1", 256, 128, 72}, {"P-256", 256, 128, 72},      {"secp384r1", 384, 192, 104},
    {"P-384", 384, 192, 104},     {"secp521r1", 521, 256, 139}, {"P-521", 521, 256, 139},
};

/* The parameters that make up the public part of a key, by its kind. */
static const char *const public_names[][3] = {
    [KEY_EC] = {OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PKEY_PARAM_PUB_KEY, NULL},
    [KEY_RSA] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, NULL},
    [KEY_ED25519] = {OSSL_PKEY_PARAM_PUB_KEY, NULL},
};

static void *key_new(enum key_kind kind)
{
    struct key *key = calloc(1, sizeof *key);
    if (key != NULL) {
        key->kind = kind;
    }
    return key;
}

static void *new_ec(void *provider)
{
    (void)provider;
    return key_new(KEY_EC);
}

static void *new_rsa(void *provider)
{
    (void)provider;
    return key_new(KEY_RSA);
}

static void *new_ed25519(void *provider)
{
    (void)provider;
    return key_new(KEY_ED25519);
}

static void key_free(void *keydata)
{
    struct key *key = keydata;
    if (key != NULL) {
        OSSL_PARAM_free(key->public_part);
        free(key);
    }
}

static int key_has(const void *keydata, int selection)
{
    const struct key *key = keydata;
    bool wants_private = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
    return key != NULL && key->public_part != NULL && (!wants_private || key->signer.sign != NULL);
}

static bool same_number(const OSSL_PARAM *one, const OSSL_PARAM *other)
{
    BIGNUM *numbers[2] = {NULL, NULL};
    bool same = OSSL_PARAM_get_BN(one, &numbers[0]) && OSSL_PARAM_get_BN(other, &numbers[1]) &&
                BN_cmp(numbers[0], numbers[1]) == 0;
    BN_free(numbers[0]);
    BN_free(numbers[1]);
    return same;
}

static const struct curve *curve_of(const OSSL_PARAM *parameters)
{
    char name[TEXT_BYTES] = "";
    char *at = name;
    const OSSL_PARAM *group = OSSL_PARAM_locate_const(parameters, OSSL_PKEY_PARAM_GROUP_NAME);
    if (group == NULL || !OSSL_PARAM_get_utf8_string(group, &at, sizeof name)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (strcasecmp(curves[i].name, name) == 0) {
            return &curves[i];
        }
    }
    return NULL;
}

static bool same_parameter(const struct key *one, const struct key *other, const char *name)
{
    const OSSL_PARAM *first = OSSL_PARAM_locate_const(one->public_part, name);
    const OSSL_PARAM *second = OSSL_PARAM_locate_const(other->public_part, name);
    if (first->data_type == OSSL_PARAM_UNSIGNED_INTEGER) {
        return same_number(first, second);
    }
    if (strcmp(name, OSSL_PKEY_PARAM_GROUP_NAME) == 0) { /* it may have two names */
        return one->bits == other->bits;
    }
    return first->data_size == second->data_size &&
           memcmp(first->data, second->data, first->data_size) == 0;
}

static int key_match(const void *first, const void *second, int selection)
{
    const struct key *one = first;
    const struct key *other = second;
    if (!key_has(one, 0) || !key_has(other, 0) || one->kind != other->kind) {
        return 0;
    }
    bool whole = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
    for (const char *const *name = public_names[one->kind]; *name != NULL; name++) {
        bool is_domain = strcmp(*name, OSSL_PKEY_PARAM_GROUP_NAME) == 0;
        if ((whole || is_domain) && !same_parameter(one, other, *name)) {
            return 0;
        }
    }
    return 1;
}

/* Copies the public parameters and nothing else. NULL when one of them is missing. */
static OSSL_PARAM *copy_public(enum key_kind kind, const OSSL_PARAM *parameters)
{
    OSSL_PARAM chosen[3] = {OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END};
    for (size_t i = 0; public_names[kind][i] != NULL; i++) {
        const OSSL_PARAM *parameter = OSSL_PARAM_locate_const(parameters, public_names[kind][i]);
        if (parameter == NULL || parameter->data == NULL) {
            return NULL;
        }
        chosen[i] = *parameter;
    }
    return OSSL_PARAM_dup(chosen);
}

static bool measure_rsa(struct key *key)
{
    BIGNUM *modulus = NULL;
    const OSSL_PARAM *n = OSSL_PARAM_locate_const(key->public_part, OSSL_PKEY_PARAM_RSA_N);
    if (!OSSL_PARAM_get_BN(n, &modulus)) {
        return false;
    }
    key->bits = BN_num_bits(modulus);
    key->security_bits = BN_security_bits(key->bits, -1);
    key->signature_bytes = BN_num_bytes(modulus);
    BN_free(modulus);
    return key->bits <= RSA_BITS_MAX;
}

static bool measure(struct key *key)
{
    if (key->kind == KEY_RSA) {
        return measure_rsa(key);
    }
    if (key->kind == KEY_EC) {
        const struct curve *curve = curve_of(key->public_part);
        if (curve == NULL) {
            return false;
        }
        key->bits = curve->bits;
        key->security_bits = curve->security_bits;
        key->signature_bytes = curve->signature_bytes;
        return true;
    }
    key->bits = ED25519_BITS;
    key->security_bits = ED25519_SECURITY_BITS;
    key->signature_bytes = ED25519_SIGNATURE_BYTES;
    return true;
}

static int key_import(void *keydata, int selection, const OSSL_PARAM parameters[])
{
    struct key *key = keydata;
    (void)selection;
    const OSSL_PARAM *signer = OSSL_PARAM_locate_const(parameters, signer_parameter);
    if (key->public_part != NULL) {
        return 0;
    }
    if (signer != NULL && signer->data_size == sizeof key->signer) {
        memcpy(&key->signer, signer->data, sizeof key->signer);
    }
    key->public_part = copy_public(key->kind, parameters);
    return key->public_part != NULL && measure(key);
}

/* The private part is not here; OpenSSL asks for it when another provider is to sign. */
static int key_export(void *keydata, int selection, OSSL_CALLBACK *take, void *context)
{
    const struct key *key = keydata;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && key->signer.sign != NULL) {
        return 0;
    }
    return key->public_part != NULL && take(key->public_part, context);
}

/* OpenSSL asks for the list, and takes what is exported as it is. */
static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                       OSSL_PARAM_END};
    (void)selection;
    return types;
}

static int answer_number(OSSL_PARAM parameters[], const char *name, int value)
{
    OSSL_PARAM *wanted = OSSL_PARAM_locate(parameters, name);
    return wanted == NULL || OSSL_PARAM_set_int(wanted, value);
}

static int answer_text(OSSL_PARAM parameters[], const char *name, const char *value)
{
    OSSL_PARAM *wanted = OSSL_PARAM_locate(parameters, name);
    return wanted == NULL || OSSL_PARAM_set_utf8_string(wanted, value);
}

/* Answers with a parameter of the public part, where the key has it. */
static int answer_public(const struct key *key, OSSL_PARAM parameters[], const char *name)
{
    OSSL_PARAM *wanted = OSSL_PARAM_locate(parameters, name);
    const OSSL_PARAM *ours = OSSL_PARAM_locate_const(key->public_part, name);
    if (wanted == NULL || ours == NULL) {
        return 1;
    }
    if (ours->data_type == OSSL_PARAM_UTF8_STRING) {
        return OSSL_PARAM_set_utf8_string(wanted, ours->data);
    }
    if (ours->data_type == OSSL_PARAM_OCTET_STRING) {
        return OSSL_PARAM_set_octet_string(wanted, ours->data, ours->data_size);
    }
    BIGNUM *number = NULL;
    int answered = OSSL_PARAM_get_BN(ours, &number) && OSSL_PARAM_set_BN(wanted, number);
    BN_free(number);
    return answered;
}

static int key_get_params(void *keydata, OSSL_PARAM parameters[])
{
    const struct key *key = keydata;
    if (key->public_part == NULL) {
        return 0;
    }
    for (const char *const *name = public_names[key->kind]; *name != NULL; name++) {
        if (!answer_public(key, parameters, *name)) {
            return 0;
        }
    }
    return answer_number(parameters, OSSL_PKEY_PARAM_BITS, key->bits) &&
           answer_number(parameters, OSSL_PKEY_PARAM_SECURITY_BITS, key->security_bits) &&
           answer_number(parameters, OSSL_PKEY_PARAM_MAX_SIZE, key->signature_bytes) &&
           answer_text(parameters,
                       key->kind == KEY_ED25519 ? OSSL_PKEY_PARAM_MANDATORY_DIGEST
                                                : OSSL_PKEY_PARAM_DEFAULT_DIGEST,
                       key->kind == KEY_ED25519 ? "" : "SHA256") &&
           (key->kind != KEY_EC ||
            answer_text(parameters, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed"));
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_END};
    (void)provider;
    return gettable;
}

/* The signature algorithm of a key, by the default provider's names. */
static const char *operation_of_ec(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const char *operation_of_rsa(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

static const char *operation_of_ed25519(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ED25519" : NULL;
}

/* ----------------------------------------------------------- signatures ---- */

struct digest {
    const char *name;
    enum signing_scheme ecdsa, pkcs1, pss;
};

static const struct digest digests[] = {
    {"SHA256", SIGNING_ECDSA_SHA256, SIGNING_RSA_PKCS1_SHA256, SIGNING_RSA_PSS_SHA256},
    {"SHA384", SIGNING_ECDSA_SHA384, SIGNING_RSA_PKCS1_SHA384, SIGNING_RSA_PSS_SHA384},
    {"SHA512", SIGNING_ECDSA_SHA512, SIGNING_RSA_PKCS1_SHA512, SIGNING_RSA_PSS_SHA512},
};

/* One signature to be made. */
struct signing {
    const struct key *key;       /* OpenSSL keeps it alive */
    const struct digest *digest; /* NULL: none, of Ed25519 */
    bool is_pss;
};

/* The digest of this name; OpenSSL has two for each ("SHA256", "SHA2-256"). NULL: another one. */
static const struct digest *digest_of(const char *name)
{
    char plain[TEXT_BYTES];
    bool is_long = strncasecmp(name, "SHA2-", 5) == 0;
    (void)snprintf(plain, sizeof plain, "SHA%.8s", is_long ? name + 5 : name + 3);
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        if (strncasecmp(name, "SHA", 3) == 0 && strcasecmp(digests[i].name, plain) == 0) {
            return &digests[i];
        }
    }
    return NULL;
}

static void *signing_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(struct signing));
}

static void signing_free(void *context)
{
    free(context);
}

static void *signing_copy(void *context)
{
    struct signing *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = *(const struct signing *)context;
    }
    return copy;
}

static bool takes_padding(struct signing *signing, const OSSL_PARAM *parameter)
{
    char mode[TEXT_BYTES] = "";
    char *at = mode;
    int number = 0;
    if (parameter->data_type == OSSL_PARAM_UTF8_STRING) {
        if (!OSSL_PARAM_get_utf8_string(parameter, &at, sizeof mode)) {
            return false;
        }
        signing->is_pss = strcmp(mode, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        return signing->is_pss || strcmp(mode, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
    }
    if (!OSSL_PARAM_get_int(parameter, &number)) {
        return false;
    }
    signing->is_pss = number == RSA_PKCS1_PSS_PADDING;
    return signing->is_pss || number == RSA_PKCS1_PADDING;
}

/* TLS knows one length, the digest's, and OpenSSL has a word and a number for that. */
static bool takes_salt(const OSSL_PARAM *parameter)
{
    char text[TEXT_BYTES] = "";
    char *at = text;
    int number = 0;
    if (parameter->data_type == OSSL_PARAM_UTF8_STRING) {
        return OSSL_PARAM_get_utf8_string(parameter, &at, sizeof text) &&
               strcmp(text, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
    }
    return OSSL_PARAM_get_int(parameter, &number) && number == RSA_PSS_SALTLEN_DIGEST;
}

/* The digest of the mask is that of the message: another one is refused. */
static bool takes_digest(const struct signing *signing, const OSSL_PARAM *parameter)
{
    char name[TEXT_BYTES] = "";
    char *at = name;
    return OSSL_PARAM_get_utf8_string(parameter, &at, sizeof name) && signing->digest != NULL &&
           digest_of(name) == signing->digest;
}

static int signing_set_params(void *context, const OSSL_PARAM parameters[])
{
    struct signing *signing = context;
    for (const OSSL_PARAM *at = parameters; at != NULL && at->key != NULL; at++) {
        bool taken = true;
        if (strcmp(at->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0) {
            taken = takes_padding(signing, at);
        } else if (strcmp(at->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0) {
            taken = takes_salt(at);
        } else if (strcmp(at->key, OSSL_SIGNATURE_PARAM_MGF1_DIGEST) == 0 ||
                   strcmp(at->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0) {
            taken = takes_digest(signing, at);
        }
        if (!taken) {
            return 0;
        }
    }
    return 1;
}

static const OSSL_PARAM *signing_settable(void *context, void *provider)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0), OSSL_PARAM_END};
    (void)context;
    (void)provider;
    return settable;
}

static int signing_begin(void *context, const char *digest, void *keydata,
                         const OSSL_PARAM parameters[])
{
    struct signing *signing = context;
    const struct key *key = keydata != NULL ? keydata : signing->key;
    if (key == NULL || key->signer.sign == NULL) {
        return 0;
    }
    bool has_digest = digest != NULL && digest[0] != '\0';
    *signing = (struct signing){.key = key, .digest = has_digest ? digest_of(digest) : NULL};
    if ((key->kind == KEY_ED25519) == has_digest || (has_digest && signing->digest == NULL)) {
        return 0;
    }
    return signing_set_params(signing, parameters);
}

static enum signing_scheme scheme_of(const struct signing *signing)
{
    switch (signing->key->kind) {
    case KEY_EC:
        return signing->digest->ecdsa;
    case KEY_RSA:
        return signing->is_pss ? signing->digest->pss : signing->digest->pkcs1;
    case KEY_ED25519:
        break;
    }
    return SIGNING_ED25519;
}

/* Signs the whole input at once, as libssl does it. `signature` NULL: says how long it can be. */
static int signing_sign(void *context, unsigned char *signature, size_t *signature_bytes,
                        size_t room, const unsigned char *input, size_t input_bytes)
{
    const struct signing *signing = context;
    if (signing->key == NULL) {
        return 0;
    }
    size_t longest = (size_t)signing->key->signature_bytes;
    if (signature == NULL) {
        *signature_bytes = longest;
        return 1;
    }
    unsigned char made[REMOTE_KEY_SIGNATURE_BYTES];
    size_t made_bytes = 0;
    const struct remote_signer *signer = &signing->key->signer;
    const struct signing_request request = {
        .scheme = scheme_of(signing), .input = input, .input_bytes = input_bytes};
    if (!signer->sign(signer->context, &request, made, &made_bytes) || made_bytes == 0 ||
        made_bytes > longest || made_bytes > room) {
        return 0;
    }
    memcpy(signature, made, made_bytes);
    *signature_bytes = made_bytes;
    return 1;
}

/* --------------------------------------------------------------- tables ---- */

typedef void dispatched(void);

#define KEYS_OF(kind)                                                                              \
    static const OSSL_DISPATCH keys_of_##kind[] = {                                                \
        {OSSL_FUNC_KEYMGMT_NEW, (dispatched *)new_##kind},                                         \
        {OSSL_FUNC_KEYMGMT_FREE, (dispatched *)key_free},                                          \
        {OSSL_FUNC_KEYMGMT_HAS, (dispatched *)key_has},                                            \
        {OSSL_FUNC_KEYMGMT_MATCH, (dispatched *)key_match},                                        \
        {OSSL_FUNC_KEYMGMT_IMPORT, (dispatched *)key_import},                                      \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (dispatched *)key_types},                                 \
        {OSSL_FUNC_KEYMGMT_EXPORT, (dispatched *)key_export},                                      \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (dispatched *)key_types},                                 \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (dispatched *)key_get_params},                              \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (dispatched *)key_gettable},                           \
        {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (dispatched *)operation_of_##kind},               \
        {0, NULL}}

KEYS_OF(ec);
KEYS_OF(rsa);
KEYS_OF(ed25519);

static const OSSL_DISPATCH signatures[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (dispatched *)signing_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (dispatched *)signing_free},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (dispatched *)signing_copy},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (dispatched *)signing_begin},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (dispatched *)signing_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (dispatched *)signing_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (dispatched *)signing_settable},
    {0, NULL}};

/* The names are the default provider's, by which OpenSSL finds the same kind of key there. */
static const OSSL_ALGORITHM key_algorithms[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", provider_property, keys_of_ec, NULL},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", provider_property, keys_of_rsa, NULL},
    {"ED25519:1.3.101.112", provider_property, keys_of_ed25519, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"ECDSA", provider_property, signatures, NULL},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", provider_property, signatures, NULL},
    {"ED25519:1.3.101.112", provider_property, signatures, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *provider_query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? key_algorithms
           : operation == OSSL_OP_SIGNATURE ? signature_algorithms
                                            : NULL;
}

static int provider_begin(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *from_core,
                          const OSSL_DISPATCH **ours, void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (dispatched *)provider_query}, {0, NULL}};
    (void)core;
    (void)from_core;
    *ours = functions;
    *provider = NULL;
    return 1;
}

/* ----------------------------------------------------------------- life ---- */

static bool fail_by_openssl(struct failure *failure, const char *tried)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);
    ERR_clear_error();
    return failure_set(failure, "%s: %s", tried,
                       reason != NULL ? reason : "OpenSSL does not say why");
}

static bool load_provider(struct remote_key *remote, struct failure *failure)
{
    remote->library = OSSL_LIB_CTX_new();
    if (remote->library == NULL ||
        !OSSL_PROVIDER_add_builtin(remote->library, provider_name, provider_begin)) {
        return fail_by_openssl(failure, "prepare OpenSSL for a remote key");
    }
    remote->provider = OSSL_PROVIDER_load(remote->library, provider_name);
    return remote->provider != NULL || fail_by_openssl(failure, "load the provider of remote keys");
}

static EVP_PKEY *key_from(OSSL_LIB_CTX *library, const char *kind, OSSL_PARAM *parameters)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library, kind, NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

/* The public key's parameters, and the signer. */
static EVP_PKEY *make_key(OSSL_LIB_CTX *library, const char *kind, const EVP_PKEY *public_key,
                          const struct remote_signer *signer)
{
    struct remote_signer copy = *signer;
    OSSL_PARAM extra[] = {OSSL_PARAM_construct_octet_string(signer_parameter, &copy, sizeof copy),
                          OSSL_PARAM_END};
    OSSL_PARAM *public_part = NULL;
    OSSL_PARAM *all = NULL;
    EVP_PKEY *key = NULL;
    if (EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &public_part) > 0) {
        all = OSSL_PARAM_merge(public_part, extra);
    }
    if (all != NULL) {
        key = key_from(library, kind, all);
    }
    OPENSSL_free(all); /* of the list alone: its values are those of the two others */
    OSSL_PARAM_free(public_part);
    return key;
}

/* The name of a kind of key that can be served, or NULL. */
static const char *kind_of(const EVP_PKEY *key)
{
    static const char *const kinds[] = {"EC", "RSA", "ED25519"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (EVP_PKEY_is_a(key, kinds[i])) {
            return kinds[i];
        }
    }
    return NULL;
}

bool remote_key_open(struct remote_key *remote, const EVP_PKEY *public_key,
                     const struct remote_signer *signer, struct failure *failure)
{
    *remote = (struct remote_key){.library = NULL};
    const char *kind = kind_of(public_key);
    if (kind == NULL) {
        return failure_set(failure, "the certificate's key is none of EC, RSA, Ed25519");
    }
    if (!load_provider(remote, failure)) {
        remote_key_close(remote);
        return false;
    }
    remote->key = make_key(remote->library, kind, public_key, signer);
    if (remote->key == NULL) {
        remote_key_close(remote);
        ERR_clear_error();
        return failure_set(failure,
                           "the certificate's key is neither on P-256, P-384 or P-521, nor RSA of "
                           "at most %d bits, nor Ed25519, or there is no memory",
                           RSA_BITS_MAX);
    }
    return true;
}

void remote_key_close(struct remote_key *remote)
{
    EVP_PKEY_free(remote->key);
    if (remote->provider != NULL) {
        (void)OSSL_PROVIDER_unload(remote->provider);
    }
    OSSL_LIB_CTX_free(remote->library);
    *remote = (struct remote_key){.library = NULL};
}
