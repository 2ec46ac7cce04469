/*
 * test_certificate.c - what an authority's certificates and revocation lists say.
 */
#include "pki/certificate.h"

#include "pki/revocation.h"
#include "tls/agency_names.h"
#include "tls/tls_certificate.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1800000000)

enum { DAY_S = 24 * 60 * 60, CHECKED_HOST_BYTES = 0 /* the string's own */ };

struct fixture {
    EVP_PKEY *key, *authority_key;
    X509 *authority;
    struct certificate_issuer issuer;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    const struct certificate_order order = {.kind = CERTIFICATE_AUTHORITY, .now_s = NOW_S};
    const struct certificate_issuer itself = {.certificate = NULL};
    fixture.key = certificate_make_key(&failure);
    fixture.authority_key = certificate_make_key(&failure);
    fixture.authority = certificate_make(&order, fixture.authority_key, &itself, &failure);
    fixture.issuer =
        (struct certificate_issuer){.certificate = fixture.authority, .key = fixture.authority_key};
    *state = &fixture;
    return fixture.key != NULL && fixture.authority != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    X509_free(fixture->authority);
    EVP_PKEY_free(fixture->authority_key);
    EVP_PKEY_free(fixture->key);
    return 0;
}

static X509 *make_server(const struct fixture *fixture, const char *name, int64_t now_s,
                         struct failure *failure)
{
    const struct certificate_order order = {
        .kind = CERTIFICATE_SERVER, .names = &name, .name_count = 1, .now_s = now_s};
    return certificate_make(&order, fixture->key, &fixture->issuer, failure);
}

static X509 *make_agency(const struct fixture *fixture, const char *list)
{
    struct failure failure;
    struct agency_set agencies;
    assert_true(agency_set_parse(list, "list", &agencies, &failure));
    const struct certificate_order order = {
        .kind = CERTIFICATE_AGENCY, .agencies = &agencies, .now_s = NOW_S};
    X509 *certificate = certificate_make(&order, fixture->key, &fixture->issuer, &failure);
    assert_non_null(certificate);
    return certificate;
}

static void an_authority_signs_itself_and_nothing_below_it_may_sign(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(X509_verify(fixture->authority, fixture->authority_key), 1);
    assert_int_equal(X509_check_ca(fixture->authority), 1);
    assert_int_equal(X509_get_pathlen(fixture->authority), 0);
    assert_int_equal(X509_get_key_usage(fixture->authority), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(tls_time_s(X509_get0_notAfter(fixture->authority)),
                     NOW_S - CERTIFICATE_CLOCK_SKEW_S +
                         (int64_t)CERTIFICATE_AUTHORITY_DAYS * DAY_S);
}

static void a_server_s_certificate_serves_under_its_names_alone(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const names[] = {"lottery.example", "192.0.2.7", "2001:db8::7"};
    struct failure failure;
    const struct certificate_order order = {
        .kind = CERTIFICATE_SERVER, .names = names, .name_count = 3, .now_s = NOW_S};
    X509 *server = certificate_make(&order, fixture->key, &fixture->issuer, &failure);
    assert_non_null(server);
    assert_int_equal(X509_verify(server, fixture->authority_key), 1);
    assert_int_equal(X509_get_extended_key_usage(server), XKU_SSL_SERVER);
    assert_int_equal(X509_get_key_usage(server), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_check_ca(server), 0);
    assert_int_equal(X509_check_host(server, names[0], CHECKED_HOST_BYTES, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, names[1], 0), 1);
    assert_int_equal(X509_check_ip_asc(server, names[2], 0), 1);
    assert_int_equal(X509_check_host(server, "other.example", CHECKED_HOST_BYTES, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(server, "192.0.2.8", 0), 0);
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(server), &(time_t){NOW_S}), -1);
    assert_int_equal(tls_time_s(X509_get0_notAfter(server)),
                     NOW_S - CERTIFICATE_CLOCK_SKEW_S + (int64_t)CERTIFICATE_DAYS * DAY_S);
    X509_free(server);
}

static void what_is_no_name_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const wrong[] = {"",   "*.example",   "a b", "a..b",    "a.",   "-a",
                                        "a-", "192.0.2.256", "1.2", "a,DNS:b", "a\nb", "b\xc3\xbc"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct failure failure = {.text = ""};
        assert_false(certificate_can_name(wrong[i]));
        assert_null(make_server(fixture, wrong[i], NOW_S, &failure));
        assert_non_null(strstr(failure.text, "neither a DNS name"));
    }
}

static void an_agency_s_certificate_is_read_as_it_was_ordered(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const lists[] = {"17", "1-5", "1-3,7", "0"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct agency_set agencies;
        struct failure failure;
        char text[AGENCY_NAMES_BYTES];
        X509 *certificate = make_agency(fixture, lists[i]);
        assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
        assert_true(agency_names_of(certificate, &agencies, &failure));
        (void)agency_set_write(&agencies, text, sizeof text);
        assert_string_equal(text, lists[i]);
        X509_free(certificate);
    }
}

static void serials_are_positive_differ_and_have_128_bits(void **state)
{
    const struct fixture *fixture = *state;
    char serials[2][TLS_SERIAL_BYTES];
    for (size_t i = 0; i < 2; i++) {
        X509 *certificate = make_agency(fixture, "17");
        const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
        assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* not V_ASN1_NEG_INTEGER */
        tls_write_serial(certificate, serials[i]);
        assert_int_equal(strlen(serials[i]), 32);
        X509_free(certificate);
    }
    assert_string_not_equal(serials[0], serials[1]);
}

static void nothing_outlives_its_authority(void **state)
{
    const struct fixture *fixture = *state;
    const int64_t end_s = tls_time_s(X509_get0_notAfter(fixture->authority));
    struct failure failure;
    X509 *server = make_server(fixture, "localhost", end_s - DAY_S, &failure);
    assert_non_null(server);
    assert_int_equal(tls_time_s(X509_get0_notAfter(server)), end_s);
    X509_free(server);
    assert_null(make_server(fixture, "localhost", end_s, &failure));
    assert_non_null(strstr(failure.text, "has expired"));
}

static void a_revocation_list_has_what_the_one_before_had_and_more(void **state)
{
    const struct fixture *fixture = *state;
    struct failure failure;
    X509 *first = make_agency(fixture, "1");
    X509 *second = make_agency(fixture, "2");
    X509 *third = make_agency(fixture, "3");
    STACK_OF(X509) *certificates = sk_X509_new_null();
    X509_CRL *empty = revocation_make(&fixture->issuer, NULL, NULL, NOW_S, &failure);
    assert_int_equal(sk_X509_push(certificates, first), 1);
    X509_CRL *one = revocation_make(&fixture->issuer, empty, certificates, NOW_S, &failure);
    assert_int_equal(sk_X509_push(certificates, second), 2);
    X509_CRL *two = revocation_make(&fixture->issuer, one, certificates, NOW_S, &failure);
    assert_non_null(two);
    assert_int_equal(X509_CRL_verify(two, fixture->authority_key), 1);
    assert_false(revocation_has(empty, first));
    assert_true(revocation_has(one, first));
    assert_false(revocation_has(one, second));
    assert_true(revocation_has(two, first));
    assert_true(revocation_has(two, second));
    assert_false(revocation_has(two, third));
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(two)), 2); /* the first one once */
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(two, NID_crl_number, NULL, NULL);
    assert_int_equal(ASN1_INTEGER_get(number), 3);
    ASN1_INTEGER_free(number);
    X509_CRL_free(two);
    X509_CRL_free(one);
    X509_CRL_free(empty);
    sk_X509_free(certificates);
    X509_free(third);
    X509_free(second);
    X509_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_signs_itself_and_nothing_below_it_may_sign),
        cmocka_unit_test(a_server_s_certificate_serves_under_its_names_alone),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(an_agency_s_certificate_is_read_as_it_was_ordered),
        cmocka_unit_test(serials_are_positive_differ_and_have_128_bits),
        cmocka_unit_test(nothing_outlives_its_authority),
        cmocka_unit_test(a_revocation_list_has_what_the_one_before_had_and_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
