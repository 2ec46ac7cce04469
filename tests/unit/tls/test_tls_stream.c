/*
 * Tests of tls/tls_stream.c, tls/tls_context.c and tls/tls_credential.c: two ends of one socket pair, in one process.
 */
#include "tests/harness/certificates.h"
#include "tls/tls_credential.h"
#include "tls/tls_stream.h"

#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 100, MANY_BYTES = 300 * 1000 };

/* A server's context and a client's, and what they were made of. */
struct two_ends {
    struct issuer *authority;
    struct tls_context server_context, client_context;
    struct tls_stream server, client;
    struct failure server_failure, client_failure;
    enum tls_result server_result, client_result;
    SSL_SESSION *session; /* that the client offers; NULL: none */
    int sockets[2];
};

static const struct certificate_wish server_wish = {.names = "DNS:localhost,IP:127.0.0.1"};
static const struct certificate_wish agency_wish = {.names = "URI:urn:lottery:agency:17"};

static void open_server(struct two_ends *ends, const struct identity *identity, const char *crl,
                        bool demands)
{
    const struct tls_files files = {
        .certificate = identity->certificate, .ca = ends->authority->path, .crl = crl};
    struct failure failure = {.text = ""};
    FILE *file = fopen(identity->key, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (!tls_server_context_open(&ends->server_context, &files, key, demands, &failure)) {
        fail_msg("%s", failure.text);
    }
    EVP_PKEY_free(key);
}

static void open_client(struct two_ends *ends, const struct identity *identity, const char *ca)
{
    const struct tls_files files = {.certificate = identity != NULL ? identity->certificate : "",
                                    .key = identity != NULL ? identity->key : "",
                                    .ca = ca,
                                    .crl = ""};
    struct failure failure = {.text = ""};
    if (!tls_client_context_open(&ends->client_context, &files, &failure)) {
        fail_msg("%s", failure.text);
    }
}

/* Lets both ends shake hands until neither can go on; the client reads, to see a late alert. */
static void shake_hands(struct two_ends *ends, const char *server_name)
{
    char byte = 0;
    size_t got = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends->sockets), 0);
    assert_true(tls_stream_open_server(&ends->server, &ends->server_context, ends->sockets[0],
                                       &ends->server_failure));
    assert_true(tls_stream_open_client(&ends->client, &ends->client_context, ends->sockets[1],
                                       server_name, &ends->client_failure));
    if (ends->session != NULL) {
        tls_stream_offer(&ends->client, ends->session);
    }
    ends->server_result = ends->client_result = TLS_WANTS_READ;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        if (ends->client_result != TLS_DONE && ends->client_result != TLS_FAILED) {
            ends->client_result = tls_stream_handshake(&ends->client, &ends->client_failure);
        }
        if (ends->server_result != TLS_DONE && ends->server_result != TLS_FAILED) {
            ends->server_result = tls_stream_handshake(&ends->server, &ends->server_failure);
        }
    }
    if (ends->client_result == TLS_DONE) {
        enum tls_result read =
            tls_stream_read(&ends->client, &byte, 1, &got, &ends->client_failure);
        ends->client_result = read == TLS_WANTS_READ ? TLS_DONE : read;
    }
}

static void part(struct two_ends *ends)
{
    tls_stream_close(&ends->server);
    tls_stream_close(&ends->client);
    close(ends->sockets[0]);
    close(ends->sockets[1]);
}

static void tear_down(struct two_ends *ends)
{
    part(ends);
    tls_context_close(&ends->server_context);
    tls_context_close(&ends->client_context);
    SSL_SESSION_free(ends->session);
    issuer_close(ends->authority);
}

/* OpenSSL takes them all in one call, without an end. */
static void test_a_peer_that_only_changes_its_key_is_taken_for_gone(void **state)
{
    enum { ENOUGH = 500, TOO_MANY = 2000 };
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    open_server(&ends, &server, "", false);
    open_client(&ends, NULL, ends.authority->path);
    shake_hands(&ends, "localhost");
    enum tls_result result = TLS_WANTS_READ;
    int updates = 0;
    for (; updates < TOO_MANY && result == TLS_WANTS_READ; updates++) {
        char byte = 0;
        size_t got = 0;
        assert_int_equal(SSL_key_update(ends.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(ends.client.ssl), 1);
        result = tls_stream_read(&ends.server, &byte, 1, &got, &ends.server_failure);
    }
    assert_int_equal(result, TLS_ENDED);
    assert_true(updates > ENOUGH);
    tear_down(&ends);
}

static void test_both_ends_agree_and_the_certificate_is_the_agencys(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    struct identity agency = issuer_issue(ends.authority, "agency", &agency_wish);
    open_server(&ends, &server, "", true);
    open_client(&ends, &agency, ends.authority->path);
    shake_hands(&ends, "localhost");
    assert_int_equal(ends.server_result, TLS_DONE);
    assert_int_equal(ends.client_result, TLS_DONE);
    struct tls_credential credential;
    struct failure failure;
    assert_true(tls_credential_of(ends.server.ssl, &credential, &failure));
    assert_true(credential.is_shown);
    assert_int_equal(strtol(credential.serial, NULL, 16), agency.serial);
    assert_false(tls_stream_is_resumed(&ends.server));
    assert_string_equal(SSL_get_version(ends.server.ssl), "TLSv1.3");
    tear_down(&ends);
}

/* A read fills its buffer, and the rest is there although the socket has nothing more. */
static void test_a_read_that_does_not_say_wants_read_has_left_bytes(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    open_server(&ends, &server, "", false);
    open_client(&ends, NULL, ends.authority->path);
    shake_hands(&ends, "127.0.0.1");
    assert_int_equal(ends.client_result, TLS_DONE);
    assert_null(tls_stream_peer_certificate(&ends.server));
    char *sent = calloc(1, MANY_BYTES);
    char *came = calloc(1, MANY_BYTES);
    size_t written = 0;
    size_t read = 0;
    for (size_t i = 0; i < MANY_BYTES; i++) {
        sent[i] = (char)(i % 251);
    }
    while (read < MANY_BYTES) {
        size_t part_bytes = 0;
        if (written < MANY_BYTES &&
            tls_stream_write(&ends.client, sent + written, MANY_BYTES - written, &part_bytes,
                             &ends.client_failure) == TLS_DONE) {
            written += part_bytes;
        }
        enum tls_result result = TLS_DONE;
        while (result == TLS_DONE && read < MANY_BYTES) {
            result = tls_stream_read(&ends.server, came + read, MANY_BYTES - read, &part_bytes,
                                     &ends.server_failure);
            read += result == TLS_DONE ? part_bytes : 0;
        }
        assert_true(result == TLS_DONE || result == TLS_WANTS_READ);
    }
    assert_memory_equal(sent, came, MANY_BYTES);
    free(sent);
    free(came);
    tear_down(&ends);
}

static void test_an_end_is_an_end_with_and_without_close_notify(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    char byte = 0;
    size_t got = 0;
    open_server(&ends, &server, "", false);
    open_client(&ends, NULL, ends.authority->path);
    shake_hands(&ends, "localhost");
    tls_stream_end(&ends.client);
    assert_int_equal(tls_stream_read(&ends.server, &byte, 1, &got, &ends.server_failure),
                     TLS_ENDED);
    part(&ends);
    shake_hands(&ends, "localhost");
    shutdown(ends.sockets[1], SHUT_RDWR);
    assert_int_equal(tls_stream_read(&ends.server, &byte, 1, &got, &ends.server_failure),
                     TLS_ENDED);
    tear_down(&ends);
}

static void expect_both(const struct two_ends *ends, const char *server_says,
                        const char *client_says)
{
    assert_int_equal(ends->server_result, TLS_FAILED);
    assert_int_equal(ends->client_result, TLS_FAILED);
    if (strstr(ends->server_failure.text, server_says) == NULL) {
        fail_msg("the server says \"%s\", not \"%s\"", ends->server_failure.text, server_says);
    }
    if (strstr(ends->client_failure.text, client_says) == NULL) {
        fail_msg("the client says \"%s\", not \"%s\"", ends->client_failure.text, client_says);
    }
}

static void test_each_fault_of_an_agencys_certificate_is_told_to_both_ends(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct issuer *stranger = issuer_open(*state, "stranger");
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    const struct certificate_wish late = {.names = agency_wish.names, .expires_in_s = -60};
    struct identity expired = issuer_issue(ends.authority, "expired", &late);
    struct identity revoked = issuer_issue(ends.authority, "revoked", &agency_wish);
    struct identity foreign = issuer_issue(stranger, "foreign", &agency_wish);
    const char *crl = issuer_revoke(ends.authority, "ca", &revoked.serial, 1, 3600);
    const struct {
        const struct identity *identity;
        const char *server_says, *client_says;
    } cases[] = {
        {&expired, "the peer's certificate, or that of its CA, has expired", "has expired"},
        {&revoked, "the peer's certificate has been revoked", "has been revoked"},
        {&foreign, "not signed by an authority that is known here", "does not know the CA"},
        {NULL, "has shown no certificate", "wants a certificate, and none was shown"},
    };
    open_server(&ends, &server, crl, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_client(&ends, cases[i].identity, ends.authority->path);
        shake_hands(&ends, "localhost");
        expect_both(&ends, cases[i].server_says, cases[i].client_says);
        part(&ends);
        tls_context_close(&ends.client_context);
    }
    open_client(&ends, NULL, ends.authority->path);
    shake_hands(&ends, "localhost");
    issuer_close(stranger);
    tear_down(&ends);
}

static void test_each_fault_of_the_servers_certificate_is_told_to_the_client(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct issuer *stranger = issuer_open(*state, "stranger");
    const struct certificate_wish late = {.names = server_wish.names, .expires_in_s = -60};
    struct identity good = issuer_issue(ends.authority, "good", &server_wish);
    struct identity expired = issuer_issue(ends.authority, "expired", &late);
    open_client(&ends, NULL, ends.authority->path);
    open_server(&ends, &expired, "", false);
    shake_hands(&ends, "localhost");
    expect_both(&ends, "has expired", "the server's certificate, or that of its CA, has expired");
    part(&ends);
    tls_context_close(&ends.server_context);
    open_server(&ends, &good, "", false);
    shake_hands(&ends, "lottery.example");
    expect_both(&ends, "certificate", "for another name");
    part(&ends);
    shake_hands(&ends, "127.0.0.2");
    expect_both(&ends, "certificate", "for another name");
    part(&ends);
    tls_context_close(&ends.client_context);
    open_client(&ends, NULL, stranger->path);
    shake_hands(&ends, "localhost");
    expect_both(&ends, "does not know the CA", "not signed by an authority that is known here");
    issuer_close(stranger);
    tear_down(&ends);
}

static void test_what_is_no_tls_is_called_so(void **state)
{
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    static const char plain[] = "server:ERROR:this server speaks no TLS\r\n";
    open_server(&ends, &server, "", false);
    open_client(&ends, NULL, ends.authority->path);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.sockets), 0);
    assert_true(tls_stream_open_client(&ends.client, &ends.client_context, ends.sockets[1],
                                       "localhost", &ends.client_failure));
    assert_int_equal(write(ends.sockets[0], plain, sizeof plain - 1), sizeof plain - 1);
    assert_int_equal(tls_stream_handshake(&ends.client, &ends.client_failure), TLS_FAILED);
    assert_non_null(strstr(ends.client_failure.text, "no TLS"));
    tear_down(&ends);
}

static void test_a_servers_name_is_a_host_or_an_address(void **state)
{
    static const char *const names[] = {"localhost",   "lottery.example", "server_1", "127.0.0.1",
                                        "2001:db8::1", "a-b.c",           "x"};
    static const char *const others[] = {"",      ".",     "a.",       ".a",    "a..b",
                                         "*.a.b", "a b",   "h:1",      "[::1]", "http://h",
                                         "a/b",   "ñandú", "::1%eth0", "h\n"};
    char label[65];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!tls_is_server_name(names[i])) {
            fail_msg("\"%s\" is no name of a server", names[i]);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (tls_is_server_name(others[i])) {
            fail_msg("\"%s\" is a name of a server", others[i]);
        }
    }
    memset(label, 'a', sizeof label);
    label[64] = '\0';
    assert_false(tls_is_server_name(label));
    label[63] = '\0';
    assert_true(tls_is_server_name(label));
}

static void test_files_that_are_wrong_are_named(void **state)
{
    struct stage *stage = *state;
    struct two_ends ends = {.authority = issuer_open(stage, "ca")};
    struct identity agency = issuer_issue(ends.authority, "agency", &agency_wish);
    struct identity other = issuer_issue(ends.authority, "other", &agency_wish);
    const char *ca = ends.authority->path;
    const struct {
        struct tls_files files;
        const char *says;
    } cases[] = {
        {{"/nowhere/a.pem", agency.key, ca, "", 0}, "certificate /nowhere/a.pem: No such file"},
        {{agency.certificate, "/nowhere/a.key", ca, "", 0}, "key /nowhere/a.key: No such file"},
        {{agency.certificate, other.key, ca, "", 0}, "does not belong to the certificate"},
        {{agency.key, agency.key, ca, "", 0}, "certificate "},
        {{agency.certificate, agency.key, "/nowhere/ca.pem", "", 0}, "CA /nowhere/ca.pem: No such"},
        {{agency.certificate, agency.key, agency.key, "", 0}, "there is no certificate in it"},
        {{agency.certificate, agency.key, ca, ca, 0}, "there is no list in it"},
        {{agency.certificate, agency.key, ca, "/nowhere/crl.pem", 0}, "revocation list /nowhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct failure failure = {.text = ""};
        assert_false(tls_client_context_open(&ends.client_context, &cases[i].files, &failure));
        if (strstr(failure.text, cases[i].says) == NULL) {
            fail_msg("\"%s\" is not \"%s\"", failure.text, cases[i].says);
        }
    }
    issuer_close(ends.authority);
}

/* -------------------------------------------------------------- resumption ---- */

/* A connection, and one that resumes its session; the credential of each, as the server sees it. */
static void resume(struct two_ends *ends, struct tls_credential credentials[2], bool read[2])
{
    struct failure failure;
    for (size_t i = 0; i < 2; i++) {
        shake_hands(ends, "localhost");
        assert_int_equal(ends->server_result, TLS_DONE);
        assert_int_equal(ends->client_result, TLS_DONE);
        assert_true(tls_stream_is_resumed(&ends->server) == (i == 1));
        read[i] = tls_credential_of(ends->server.ssl, &credentials[i], &failure);
        if (i == 0) {
            ends->session = tls_stream_session(&ends->client);
            assert_non_null(ends->session);
            part(ends);
        }
    }
}

static void test_a_resumed_session_has_the_same_credential(void **state)
{
    static const struct certificate_wish gateway_wish = {
        .names = "URI:urn:lottery:agency:3-5,URI:urn:lottery:agency:9", .expires_in_s = 5000};
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct two_ends ends = {.authority = issuer_open(*state, "ca")};
        struct identity server = issuer_issue(ends.authority, "server", &server_wish);
        struct identity gateway = issuer_issue(ends.authority, "gateway", &gateway_wish);
        struct tls_credential credentials[2];
        bool read[2];
        open_server(&ends, &server, "", true);
        open_client(&ends, &gateway, ends.authority->path);
        SSL_CTX_set_min_proto_version(ends.server_context.ssl, TLS1_2_VERSION);
        SSL_CTX_set_min_proto_version(ends.client_context.ssl, versions[i]);
        SSL_CTX_set_max_proto_version(ends.client_context.ssl, versions[i]);
        resume(&ends, credentials, read);
        for (size_t j = 0; j < 2; j++) {
            int64_t left_s = credentials[j].expires_at_s - (int64_t)time(NULL);
            assert_true(read[j] && credentials[j].is_shown);
            assert_int_equal(strtol(credentials[j].serial, NULL, 16), gateway.serial);
            assert_in_range(left_s, 4000, 5000);
            assert_int_equal(agency_set_size(&credentials[j].agencies), 4);
            assert_true(agency_set_has(&credentials[j].agencies, 5));
            assert_true(agency_set_has(&credentials[j].agencies, 9));
        }
        assert_int_equal(credentials[0].expires_at_s, credentials[1].expires_at_s);
        assert_true((tls_stream_peer_certificate(&ends.server) == NULL) ==
                    (versions[i] == TLS1_3_VERSION));
        tear_down(&ends);
    }
}

/* What can't be said in a note goes on as it was: refused, or without a certificate. */
static void test_a_resumed_session_gives_nobody_more(void **state)
{
    static const struct certificate_wish nobody_wish = {.names = "DNS:agency.example"};
    struct two_ends ends = {.authority = issuer_open(*state, "ca")};
    struct identity server = issuer_issue(ends.authority, "server", &server_wish);
    struct identity nobody = issuer_issue(ends.authority, "nobody", &nobody_wish);
    struct tls_credential credentials[2];
    bool read[2];
    open_server(&ends, &server, "", false);
    open_client(&ends, &nobody, ends.authority->path);
    resume(&ends, credentials, read);
    assert_false(read[0] || read[1]);
    part(&ends);
    SSL_SESSION_free(ends.session);
    ends.session = NULL;
    tls_context_close(&ends.client_context);
    open_client(&ends, NULL, ends.authority->path);
    resume(&ends, credentials, read);
    assert_true(read[0] && read[1]);
    assert_false(credentials[0].is_shown || credentials[1].is_shown);
    tear_down(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_a_peer_that_only_changes_its_key_is_taken_for_gone),
        STAGE_TEST(test_both_ends_agree_and_the_certificate_is_the_agencys),
        STAGE_TEST(test_a_read_that_does_not_say_wants_read_has_left_bytes),
        STAGE_TEST(test_an_end_is_an_end_with_and_without_close_notify),
        STAGE_TEST(test_each_fault_of_an_agencys_certificate_is_told_to_both_ends),
        STAGE_TEST(test_each_fault_of_the_servers_certificate_is_told_to_the_client),
        STAGE_TEST(test_what_is_no_tls_is_called_so),
        cmocka_unit_test(test_a_servers_name_is_a_host_or_an_address),
        STAGE_TEST(test_files_that_are_wrong_are_named),
        STAGE_TEST(test_a_resumed_session_has_the_same_credential),
        STAGE_TEST(test_a_resumed_session_gives_nobody_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
