/*
 * handshakes.c - see handshakes.h.
 */
#include "tests/harness/handshakes.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

enum { STEPS_MAX = 100 };

static SSL_CTX *server_context(X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    assert_int_equal(SSL_CTX_check_private_key(context), 1);
    return context;
}

static SSL_CTX *client_context(X509 *certificate, int version, const char *algorithms)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    if (algorithms != NULL) {
        assert_int_equal(SSL_CTX_set1_sigalgs_list(context, algorithms), 1);
    }
    return context;
}

/* One step of a side; false when it has failed for good. */
static bool step(SSL *side, bool *done)
{
    int result = SSL_do_handshake(side);
    *done = result == 1;
    int error = SSL_get_error(side, result);
    return *done || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool shake_hands(SSL_CTX *server_side, SSL_CTX *client_side)
{
    BIO *ends[2];
    SSL *server = SSL_new(server_side);
    SSL *client = SSL_new(client_side);
    bool server_done = false;
    bool client_done = false;
    bool alive = true;
    assert_true(server != NULL && client != NULL);
    assert_int_equal(BIO_new_bio_pair(&ends[0], 0, &ends[1], 0), 1);
    SSL_set_bio(server, ends[0], ends[0]);
    SSL_set_bio(client, ends[1], ends[1]);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < STEPS_MAX && alive && !(server_done && client_done); i++) {
        alive = step(client, &client_done) && step(server, &server_done);
    }
    bool verified = server_done && client_done && SSL_get_verify_result(client) == X509_V_OK;
    SSL_free(server);
    SSL_free(client);
    ERR_clear_error();
    return verified;
}

bool handshakes_verify(X509 *certificate, EVP_PKEY *key, int version, const char *algorithms)
{
    SSL_CTX *server = server_context(certificate, key);
    SSL_CTX *client = client_context(certificate, version, algorithms);
    bool verified = shake_hands(server, client);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return verified;
}
