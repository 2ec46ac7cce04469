/*
 * private_key.c - see private_key.h. The key dies with its process.
 */
#include "server/keyholder/private_key.h"

#include "store/file_io.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

/* ------------------------------------------------------------- reading ---- */

/* OpenSSL asks for a password: nobody is there to type one. */
static int note_password_wanted(char *password, int capacity, int writes, void *wanted)
{
    (void)writes;
    if (capacity > 0) {
        password[0] = '\0';
    }
    *(bool *)wanted = true;
    return -1;
}

static EVP_PKEY *parse(const char *pem, size_t bytes, const char *path, struct failure *failure)
{
    bool password_wanted = false;
    BIO *bio = BIO_new_mem_buf(pem, (int)bytes);
    EVP_PKEY *key =
        bio == NULL ? NULL
                    : PEM_read_bio_PrivateKey(bio, NULL, note_password_wanted, &password_wanted);
    BIO_free(bio);
    ERR_clear_error();
    if (password_wanted) {
        failure_set(failure,
                    "tls.key: %s is encrypted, and a server can't ask for the password; `openssl "
                    "pkey -in %s -out PLAIN` writes one that is not",
                    path, path);
    } else if (key == NULL) {
        failure_set(failure, "tls.key: %s has no private key in PEM", path);
    }
    return key;
}

EVP_PKEY *private_key_read(const struct held_key *held, struct failure *failure)
{
    char pem[KEY_FILE_BYTES_MAX];
    /* by position, whatever the offset: all keyholders share one descriptor */
    ssize_t bytes = file_read_up_to(held->file, pem, sizeof pem, 0);
    if (bytes < 0) {
        failure_set_errno(failure, "tls.key: read %s", held->path);
        return NULL;
    }
    EVP_PKEY *key = parse(pem, (size_t)bytes, held->path, failure);
    OPENSSL_cleanse(pem, (size_t)bytes);
    if (key != NULL && EVP_PKEY_eq(held->public_key, key) != 1) {
        ERR_clear_error();
        failure_set(failure, "tls.key: %s is not the key of tls.certificate", held->path);
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

/* ------------------------------------------------------------- signing ---- */

struct way {
    enum signing_scheme scheme;
    const char *kind;   /* of the key */
    const char *digest; /* NULL: the scheme has one inside */
    int padding;        /* of RSA; 0: none */
};

static const struct way ways[] = {
    {SIGNING_RSA_PKCS1_SHA256, "RSA", "SHA256", RSA_PKCS1_PADDING},
    {SIGNING_RSA_PKCS1_SHA384, "RSA", "SHA384", RSA_PKCS1_PADDING},
    {SIGNING_RSA_PKCS1_SHA512, "RSA", "SHA512", RSA_PKCS1_PADDING},
    {SIGNING_ECDSA_SHA256, "EC", "SHA256", 0},
    {SIGNING_ECDSA_SHA384, "EC", "SHA384", 0},
    {SIGNING_ECDSA_SHA512, "EC", "SHA512", 0},
    {SIGNING_RSA_PSS_SHA256, "RSA", "SHA256", RSA_PKCS1_PSS_PADDING},
    {SIGNING_RSA_PSS_SHA384, "RSA", "SHA384", RSA_PKCS1_PSS_PADDING},
    {SIGNING_RSA_PSS_SHA512, "RSA", "SHA512", RSA_PKCS1_PSS_PADDING},
    {SIGNING_ED25519, "ED25519", NULL, 0},
};

/* How to sign so with this key, or NULL. */
static const struct way *way_of(const EVP_PKEY *key, uint16_t scheme)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].scheme == scheme) {
            return EVP_PKEY_is_a(key, ways[i].kind) ? &ways[i] : NULL;
        }
    }
    return NULL;
}

static bool set_padding(EVP_PKEY_CTX *context, int padding)
{
    return padding == 0 ||
           (EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1 &&
            (padding != RSA_PKCS1_PSS_PADDING ||
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1));
}

void private_key_sign(EVP_PKEY *key, const struct key_request *request, struct key_answer *answer)
{
    const struct way *way = way_of(key, request->scheme);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* the other one's */
    size_t bytes = sizeof answer->signature;
    bool is_signed =
        way != NULL && context != NULL &&
        EVP_DigestSignInit_ex(context, &key_context, way->digest, NULL, NULL, key, NULL) == 1 &&
        set_padding(key_context, way->padding) &&
        EVP_DigestSign(context, answer->signature, &bytes, request->input, request->input_bytes) ==
            1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    answer->verdict = is_signed ? KEY_SIGNED : KEY_FAILED;
    answer->signature_bytes = is_signed ? (uint16_t)bytes : 0;
}
