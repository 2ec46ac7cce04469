/*
 * Tests of tls/agency_names.c: which agencies a certificate speaks for.
 */
#include "tls/agency_names.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A certificate that has these subject alternative names, as OpenSSL's configuration writes them. */
static X509 *certificate_with(const char *names)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    if (names != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    return certificate;
}

/* Expects the agencies, as agency_set_write writes them; NULL: the certificate is refused. */
static void expect_agencies(const char *names, const char *expected)
{
    struct agency_set agencies;
    struct failure failure = {.text = ""};
    char text[AGENCY_NAMES_BYTES];
    X509 *certificate = certificate_with(names);
    bool taken = agency_names_of(certificate, &agencies, &failure);
    X509_free(certificate);
    assert_int_equal(taken, expected != NULL);
    agency_set_write(&agencies, text, sizeof text);
    assert_string_equal(text, expected == NULL ? "" : expected);
    assert_int_equal(failure.text[0] == '\0', taken);
}

static void test_a_certificate_speaks_for_the_agency_of_its_uri(void **state)
{
    (void)state;
    expect_agencies("URI:urn:lottery:agency:17", "17");
    expect_agencies("URI:urn:lottery:agency:0", "0");
    expect_agencies("URI:urn:lottery:agency:4294967295", "4294967295");
}

static void test_a_gateway_speaks_for_a_list(void **state)
{
    (void)state;
    expect_agencies("URI:urn:lottery:agency:1-5", "1-5");
    expect_agencies("URI:urn:lottery:agency:7,URI:urn:lottery:agency:1-3", "1-3,7");
}

static void test_names_of_other_kinds_play_no_role(void **state)
{
    (void)state;
    expect_agencies("DNS:urn:lottery:agency:17", NULL);
    expect_agencies("email:17@example.org,URI:https://example.org/urn:lottery:agency:17", NULL);
    expect_agencies("URI:https://example.org,URI:urn:lottery:agency:17,DNS:localhost", "17");
    expect_agencies("URI:urn:lottery:agenc", NULL);
}

static void test_a_certificate_without_a_name_names_no_agency(void **state)
{
    (void)state;
    expect_agencies(NULL, NULL);
}

static void test_one_wrong_name_spoils_all(void **state)
{
    (void)state;
    static const char *const wrong[] = {"any", "",     "1 7",   "-1",   "4294967296", "1-",
                                        "5-1", "0x11", "17;18", "1--2", "+1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char names[128];
        (void)snprintf(names, sizeof names, "URI:urn:lottery:agency:3,URI:urn:lottery:agency:%s",
                       wrong[i]);
        expect_agencies(names, NULL);
    }
    expect_agencies("URI:urn:lottery:agency:3,URI:urn:lottery:agency:2-4", NULL);
}

static void test_a_nul_in_a_name_ends_nothing(void **state)
{
    (void)state;
    static const char uri[] = "urn:lottery:agency:17\0,18";
    char lists[AGENCY_NAMES_BYTES] = "";
    bool is_ours = false;
    struct failure failure;
    assert_false(agency_names_take_uri(uri, sizeof uri - 1, lists, &is_ours, &failure));
    assert_true(is_ours);
    assert_string_equal(lists, "");
}

static void test_lists_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char uri[sizeof AGENCY_NAME_PREFIX + AGENCY_NAMES_BYTES];
    char lists[AGENCY_NAMES_BYTES] = "";
    bool is_ours = false;
    struct failure failure;
    size_t prefix_bytes = sizeof AGENCY_NAME_PREFIX - 1;
    memset(uri, '1', sizeof uri);
    memcpy(uri, AGENCY_NAME_PREFIX, prefix_bytes);
    assert_false(
        agency_names_take_uri(uri, prefix_bytes + AGENCY_NAMES_BYTES, lists, &is_ours, &failure));
    assert_string_equal(lists, "");
    assert_true(agency_names_take_uri(uri, prefix_bytes + AGENCY_NAMES_BYTES - 2, lists, &is_ours,
                                      &failure));
    assert_int_equal(strlen(lists), AGENCY_NAMES_BYTES - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_speaks_for_the_agency_of_its_uri),
        cmocka_unit_test(test_a_gateway_speaks_for_a_list),
        cmocka_unit_test(test_names_of_other_kinds_play_no_role),
        cmocka_unit_test(test_a_certificate_without_a_name_names_no_agency),
        cmocka_unit_test(test_one_wrong_name_spoils_all),
        cmocka_unit_test(test_a_nul_in_a_name_ends_nothing),
        cmocka_unit_test(test_lists_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
