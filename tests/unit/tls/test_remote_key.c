/*
 * Tests of tls/remote_key.c: handshakes of libssl with a key that is somewhere else.
 *
 * A server and a client of one process speak to each other over a pair of BIOs. The server has the
 * certificate and the remote key; the signer of the test has the private key.
 */
#include "tls/remote_key.h"

#include "tests/harness/certificates.h"
#include "tests/harness/handshakes.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

/* What the signer of a test does. */
enum conduct { SIGNS, FAILS, LIES, SIGNS_WITH_ANOTHER_KEY, SIGNS_NOTHING, SIGNS_TOO_MUCH };

struct fixture {
    EVP_PKEY *private_key, *other_key;
    X509 *certificate;
    struct remote_key remote;
    enum conduct conduct;
    unsigned asked;
    enum signing_scheme scheme; /* of the last request */
};

static const EVP_MD *digest_of(enum signing_scheme scheme)
{
    if (scheme == SIGNING_ED25519) {
        return NULL;
    }
    bool is_pss = (scheme & 0xff00) == 0x0800;
    unsigned strength = is_pss ? scheme & 0xffu : (unsigned)scheme >> 8;
    return strength == 4 ? EVP_sha256() : strength == 5 ? EVP_sha384() : EVP_sha512();
}

static bool sign_with(EVP_PKEY *key, const struct signing_request *request,
                      unsigned char *signature, size_t *signature_bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    size_t room = REMOTE_KEY_SIGNATURE_BYTES;
    bool is_pss = (request->scheme & 0xff00) == 0x0800 && request->scheme != SIGNING_ED25519;
    bool made =
        EVP_DigestSignInit(context, &key_context, digest_of(request->scheme), NULL, key) == 1 &&
        (!is_pss || (EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        EVP_DigestSign(context, signature, &room, request->input, request->input_bytes) == 1;
    EVP_MD_CTX_free(context);
    *signature_bytes = room;
    return made;
}

static bool sign(void *context, const struct signing_request *request, unsigned char *signature,
                 size_t *signature_bytes)
{
    struct fixture *fixture = context;
    fixture->asked++;
    fixture->scheme = request->scheme;
    switch (fixture->conduct) {
    case FAILS:
        return false;
    case SIGNS_WITH_ANOTHER_KEY:
        return sign_with(fixture->other_key, request, signature, signature_bytes);
    case SIGNS_NOTHING:
        *signature_bytes = 0;
        return true;
    case SIGNS_TOO_MUCH:
        *signature_bytes = REMOTE_KEY_SIGNATURE_BYTES;
        memset(signature, 1, REMOTE_KEY_SIGNATURE_BYTES);
        return true;
    case SIGNS:
    case LIES:
        break;
    }
    bool made = sign_with(fixture->private_key, request, signature, signature_bytes);
    if (fixture->conduct == LIES) {
        signature[*signature_bytes - 1] ^= 1;
    }
    return made;
}

static void open_fixture(struct fixture *fixture, const char *kind, enum conduct conduct)
{
    struct failure failure = {.text = ""};
    *fixture = (struct fixture){.private_key = self_signed_key(kind),
                                .other_key = self_signed_key(kind),
                                .conduct = conduct};
    const struct remote_signer signer = {.sign = sign, .context = fixture};
    fixture->certificate = self_signed_certificate(fixture->private_key);
    if (!remote_key_open(&fixture->remote, X509_get0_pubkey(fixture->certificate), &signer,
                         &failure)) {
        fail_msg("%s: %s", kind, failure.text);
    }
}

static void close_fixture(struct fixture *fixture)
{
    remote_key_close(&fixture->remote);
    X509_free(fixture->certificate);
    EVP_PKEY_free(fixture->private_key);
    EVP_PKEY_free(fixture->other_key);
    ERR_clear_error();
}

/* ------------------------------------------------------------ handshakes ---- */

static bool handshake(struct fixture *fixture, int version, const char *algorithms)
{
    return handshakes_verify(fixture->certificate, fixture->remote.key, version, algorithms);
}

static void expect_handshake(const char *kind, int version, const char *algorithms,
                             enum signing_scheme scheme)
{
    struct fixture fixture;
    open_fixture(&fixture, kind, SIGNS);
    bool verified = handshake(&fixture, version, algorithms);
    if (!verified || fixture.asked != 1 || fixture.scheme != scheme) {
        fail_msg("%s, %x, %s: verified %d, asked %u, scheme %04x", kind, (unsigned)version,
                 algorithms, verified, fixture.asked, (unsigned)fixture.scheme);
    }
    close_fixture(&fixture);
}

static void a_handshake_of_tls_1_3_is_verified(void **state)
{
    (void)state;
    expect_handshake("P-256", TLS1_3_VERSION, NULL, SIGNING_ECDSA_SHA256);
    expect_handshake("P-384", TLS1_3_VERSION, NULL, SIGNING_ECDSA_SHA384);
    expect_handshake("P-521", TLS1_3_VERSION, NULL, SIGNING_ECDSA_SHA512);
    expect_handshake("RSA", TLS1_3_VERSION, "rsa_pss_rsae_sha256:RSA+SHA256",
                     SIGNING_RSA_PSS_SHA256);
    expect_handshake("RSA", TLS1_3_VERSION, "rsa_pss_rsae_sha384:RSA+SHA256",
                     SIGNING_RSA_PSS_SHA384);
    expect_handshake("RSA", TLS1_3_VERSION, "rsa_pss_rsae_sha512:RSA+SHA256",
                     SIGNING_RSA_PSS_SHA512);
    expect_handshake("ED25519", TLS1_3_VERSION, NULL, SIGNING_ED25519);
}

static void a_handshake_of_tls_1_2_is_verified(void **state)
{
    (void)state;
    expect_handshake("P-256", TLS1_2_VERSION, "ECDSA+SHA256", SIGNING_ECDSA_SHA256);
    expect_handshake("P-384", TLS1_2_VERSION, "ECDSA+SHA384:ECDSA+SHA256", SIGNING_ECDSA_SHA384);
    expect_handshake("RSA", TLS1_2_VERSION, "RSA+SHA256", SIGNING_RSA_PKCS1_SHA256);
    expect_handshake("RSA", TLS1_2_VERSION, "RSA+SHA512:RSA+SHA256", SIGNING_RSA_PKCS1_SHA512);
    expect_handshake("RSA", TLS1_2_VERSION, "rsa_pss_rsae_sha256:RSA+SHA256",
                     SIGNING_RSA_PSS_SHA256);
    expect_handshake("ED25519", TLS1_2_VERSION, NULL, SIGNING_ED25519);
}

static void a_wrong_answer_fails_the_handshake(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "RSA", "ED25519"};
    static const enum conduct wrong[] = {FAILS, LIES, SIGNS_WITH_ANOTHER_KEY, SIGNS_NOTHING,
                                         SIGNS_TOO_MUCH};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            struct fixture fixture;
            open_fixture(&fixture, kinds[i], wrong[j]);
            assert_false(handshake(&fixture, TLS1_3_VERSION, NULL));
            assert_false(handshake(&fixture, TLS1_2_VERSION, NULL));
            assert_int_equal(fixture.asked, 2);
            fixture.conduct = SIGNS; /* the next handshake is none the worse for it */
            assert_true(handshake(&fixture, TLS1_3_VERSION, NULL));
            close_fixture(&fixture);
        }
    }
}

/* ------------------------------------------------------------------ keys ---- */

static void a_key_of_another_certificate_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "P-256", SIGNS);
    X509 *other = self_signed_certificate(fixture.other_key);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(context, other), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, fixture.remote.key), 0);
    SSL_CTX_free(context);
    X509_free(other);
    close_fixture(&fixture);
}

static void it_is_compared_and_measured_by_its_public_part(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA", "ED25519"};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct fixture fixture;
        open_fixture(&fixture, kinds[i], SIGNS);
        EVP_PKEY *key = fixture.remote.key;
        EVP_PKEY *original = fixture.private_key;
        assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(fixture.certificate), key), 1);
        assert_int_not_equal(EVP_PKEY_eq(fixture.other_key, key), 1);
        assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(original));
        assert_int_equal(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(original));
        assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(original));
        close_fixture(&fixture);
    }
}

static void its_private_part_is_not_given_out(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "P-256", SIGNS);
    OSSL_PARAM *parameters = NULL;
    assert_int_not_equal(EVP_PKEY_todata(fixture.remote.key, EVP_PKEY_KEYPAIR, &parameters), 1);
    assert_null(parameters);
    assert_int_equal(EVP_PKEY_todata(fixture.remote.key, EVP_PKEY_PUBLIC_KEY, &parameters), 1);
    OSSL_PARAM_free(parameters);
    close_fixture(&fixture);
}

static void a_key_that_can_not_be_served_is_named(void **state)
{
    (void)state;
    struct remote_key remote;
    struct failure failure = {.text = ""};
    const struct remote_signer signer = {.sign = sign, .context = NULL};
    EVP_PKEY *unknown = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    EVP_PKEY *curve = EVP_EC_gen("secp256k1");
    assert_false(remote_key_open(&remote, unknown, &signer, &failure));
    assert_non_null(strstr(failure.text, "none of EC"));
    assert_false(remote_key_open(&remote, curve, &signer, &failure));
    assert_non_null(strstr(failure.text, "P-256"));
    remote_key_close(&remote); /* it is empty */
    EVP_PKEY_free(unknown);
    EVP_PKEY_free(curve);
}

/* Another key of the process is signed with by OpenSSL itself, as if there were no remote one. */
static void other_keys_are_not_touched(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "P-256", FAILS);
    unsigned char signature[REMOTE_KEY_SIGNATURE_BYTES];
    size_t bytes = 0;
    const struct signing_request request = {SIGNING_ECDSA_SHA256, (const unsigned char *)"x", 1};
    EVP_PKEY *fresh = self_signed_key("P-256");
    assert_true(sign_with(fresh, &request, signature, &bytes));
    assert_int_equal(fixture.asked, 0);
    EVP_PKEY_free(fresh);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_of_tls_1_3_is_verified),
        cmocka_unit_test(a_handshake_of_tls_1_2_is_verified),
        cmocka_unit_test(a_wrong_answer_fails_the_handshake),
        cmocka_unit_test(a_key_of_another_certificate_is_refused),
        cmocka_unit_test(it_is_compared_and_measured_by_its_public_part),
        cmocka_unit_test(its_private_part_is_not_given_out),
        cmocka_unit_test(a_key_that_can_not_be_served_is_named),
        cmocka_unit_test(other_keys_are_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
