/*
 * Tests of tls/handshake_input.c: what a TLS server signs, and what is something else.
 */
#include "tls/handshake_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ROOM = 512, BLANKS = 64, RANDOMS = 64 };

static const char server[] = "TLS 1.3, server CertificateVerify";

/* Writes a CertificateVerify's input with a hash of so many bytes; returns its length. */
static size_t write_tls13(unsigned char *input, const char *context, size_t hash_bytes)
{
    size_t bytes = strlen(context) + 1;
    memset(input, ' ', BLANKS);
    memcpy(input + BLANKS, context, bytes);
    memset(input + BLANKS + bytes, 7, hash_bytes);
    return BLANKS + bytes + hash_bytes;
}

static size_t write_tls12(unsigned char *input, unsigned curve, size_t point_bytes)
{
    memset(input, ' ', RANDOMS);
    input[RANDOMS] = 3;
    input[RANDOMS + 1] = (unsigned char)(curve >> 8);
    input[RANDOMS + 2] = (unsigned char)curve;
    input[RANDOMS + 3] = (unsigned char)point_bytes;
    memset(input + RANDOMS + 4, 4, point_bytes);
    return RANDOMS + 4 + point_bytes;
}

static void a_server_s_certificate_verify_is_known(void **state)
{
    unsigned char input[ROOM];
    (void)state;
    assert_true(handshake_input_is_tls13(input, write_tls13(input, server, 32)));
    assert_true(handshake_input_is_tls13(input, write_tls13(input, server, 48)));
    assert_false(handshake_input_is_tls12(input, write_tls13(input, server, 48)));
}

static void other_inputs_are_none(void **state)
{
    unsigned char input[ROOM];
    size_t whole = write_tls13(input, server, 32);
    (void)state;
    for (size_t bytes = 0; bytes < whole; bytes++) {
        assert_false(handshake_input_is_tls13(input, bytes));
    }
    for (size_t at = 0; at < whole - 32; at++) { /* each byte before the hash counts */
        input[at] ^= 1;
        assert_false(handshake_input_is_tls13(input, whole));
        input[at] ^= 1;
    }
    assert_true(handshake_input_is_tls13(input, whole));
    assert_false(handshake_input_is_tls13(input, write_tls13(input, server, 20)));
    assert_false(handshake_input_is_tls13(input, write_tls13(input, server, 33)));
    assert_false(handshake_input_is_tls13(input, write_tls13(input, server, 64)));
    size_t bytes = write_tls13(input, "TLS 1.3, client CertificateVerify", 32);
    assert_false(handshake_input_is_tls13(input, bytes));
}

static void a_server_key_exchange_is_known(void **state)
{
    static const struct {
        unsigned curve;
        size_t point_bytes;
    } points[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    unsigned char input[ROOM];
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        size_t bytes = write_tls12(input, points[i].curve, points[i].point_bytes);
        assert_true(bytes <= HANDSHAKE_INPUT_BYTES_MAX);
        assert_true(handshake_input_is_tls12(input, bytes));
        assert_false(handshake_input_is_tls13(input, bytes));
        for (size_t cut = 0; cut < bytes; cut++) {
            assert_false(handshake_input_is_tls12(input, cut));
        }
        assert_false(handshake_input_is_tls12(input, bytes + 1));
        input[RANDOMS] = 1; /* explicit parameters */
        assert_false(handshake_input_is_tls12(input, bytes));
    }
    assert_false(handshake_input_is_tls12(input, write_tls12(input, 23, 64)));
    assert_false(handshake_input_is_tls12(input, write_tls12(input, 22, 65)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_s_certificate_verify_is_known),
        cmocka_unit_test(other_inputs_are_none),
        cmocka_unit_test(a_server_key_exchange_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
