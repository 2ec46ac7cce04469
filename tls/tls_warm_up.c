/*
 * tls_warm_up.c - see tls_warm_up.h.
 */
#include "tls/tls_warm_up.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { STEPS_MAX = 20, VALID_S = 3600, X509_VERSION = 2, PIPE_BYTES = 64 * 1024 };

static const unsigned char session_context[] = "warm-up";

/* Both ends of a connection with itself. */
struct rehearsal {
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *server_context, *client_context;
    SSL_SESSION *session; /* of the first connection, for the second one */
};

/* A certificate that signs itself, so that it is its own authority, too. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate != NULL &&
        (X509_set_version(certificate, X509_VERSION) != 1 ||
         ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
         X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S) == NULL ||
         X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) == NULL ||
         X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    session_context, -1, -1, 0) != 1 ||
         X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
         X509_set_pubkey(certificate, key) != 1 ||
         X509_sign(certificate, key, EVP_sha256()) == 0)) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Both ends show the certificate, and trust it. */
static SSL_CTX *make_context(const struct rehearsal *rehearsal, const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context != NULL &&
        (SSL_CTX_use_certificate(context, rehearsal->certificate) != 1 ||
         SSL_CTX_use_PrivateKey(context, rehearsal->key) != 1 ||
         X509_STORE_add_cert(SSL_CTX_get_cert_store(context), rehearsal->certificate) != 1 ||
         SSL_CTX_set_session_id_context(context, session_context, sizeof session_context) != 1)) {
        SSL_CTX_free(context);
        return NULL;
    }
    if (context != NULL) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    return context;
}

/* Shakes hands, sends a byte, and keeps the session. */
static bool converse(struct rehearsal *rehearsal, SSL *server, SSL *client)
{
    char byte = 0;
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (rehearsal->session != NULL) {
        (void)SSL_set_session(client, rehearsal->session);
    }
    for (int i = 0; i < STEPS_MAX; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    bool conversed = SSL_write(client, &byte, 1) == 1 && SSL_read(server, &byte, 1) == 1 &&
                     SSL_write(server, &byte, 1) == 1 && SSL_read(client, &byte, 1) == 1;
    SSL_SESSION_free(rehearsal->session);
    rehearsal->session = conversed ? SSL_get1_session(client) : NULL;
    return conversed;
}

/* One connection through memory. */
static bool connect_once(struct rehearsal *rehearsal)
{
    BIO *server_bio = NULL;
    BIO *client_bio = NULL;
    SSL *server = SSL_new(rehearsal->server_context);
    SSL *client = SSL_new(rehearsal->client_context);
    bool connected = server != NULL && client != NULL &&
                     BIO_new_bio_pair(&server_bio, PIPE_BYTES, &client_bio, PIPE_BYTES) == 1;
    if (connected) {
        SSL_set_bio(server, server_bio, server_bio);
        SSL_set_bio(client, client_bio, client_bio);
        connected = converse(rehearsal, server, client);
    }
    SSL_free(server);
    SSL_free(client);
    return connected;
}

bool tls_warm_up(struct failure *failure)
{
    struct rehearsal rehearsal = {.key = EVP_EC_gen("P-256")};
    rehearsal.certificate = rehearsal.key == NULL ? NULL : make_certificate(rehearsal.key);
    if (rehearsal.certificate != NULL) {
        rehearsal.server_context = make_context(&rehearsal, TLS_server_method());
        rehearsal.client_context = make_context(&rehearsal, TLS_client_method());
    }
    bool warmed = rehearsal.server_context != NULL && rehearsal.client_context != NULL &&
                  connect_once(&rehearsal) && connect_once(&rehearsal); /* the second resumes */
    if (!warmed) {
        (void)failure_set(failure, "TLS does not work here: %s", tls_error_text());
    }
    SSL_SESSION_free(rehearsal.session);
    SSL_CTX_free(rehearsal.server_context);
    SSL_CTX_free(rehearsal.client_context);
    X509_free(rehearsal.certificate);
    EVP_PKEY_free(rehearsal.key);
    return warmed;
}

void tls_warm_up_process(const struct tls_context *context)
{
    unsigned char byte = 0;
    (void)RAND_bytes(&byte, sizeof byte);
    (void)RAND_priv_bytes(&byte, sizeof byte);
    SSL_free(SSL_new(context->ssl));
    ERR_clear_error();
}
