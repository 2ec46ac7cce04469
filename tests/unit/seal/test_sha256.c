/*
 * test_sha256.c - SHA-256 against FIPS 180-4's examples, and a context that is used again.
 */
#include "seal/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

/* FIPS 180-4's examples, as NIST publishes them, and the digest of nothing. */
static const struct {
    const char *text, *digest;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static void the_published_examples_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct sha256_digest digest;
        char text[SHA256_DIGITS + 1];
        assert_true(sha256_of(vectors[i].text, strlen(vectors[i].text), &digest));
        assert_string_equal(sha256_write(text, &digest), vectors[i].digest);
    }
}

static void one_context_makes_many_digests_in_any_pieces(void **state)
{
    (void)state;
    struct sha256 sha256;
    assert_true(sha256_open(&sha256));
    for (size_t piece = 1; piece <= 7; piece++) {
        for (size_t i = 0; i < VECTORS; i++) {
            const char *text = vectors[i].text;
            struct sha256_digest digest;
            char digits[SHA256_DIGITS + 1];
            sha256_begin(&sha256);
            for (size_t left = strlen(text); left > 0;) {
                size_t bytes = left < piece ? left : piece;
                sha256_extend(&sha256, text, bytes);
                text += bytes;
                left -= bytes;
            }
            sha256_end(&sha256, &digest);
            assert_string_equal(sha256_write(digits, &digest), vectors[i].digest);
        }
    }
    sha256_close(&sha256);
    sha256_close(&sha256); /* one that is not open stays so */
}

static void a_digest_that_was_begun_and_left_leaves_nothing_behind(void **state)
{
    (void)state;
    struct sha256 sha256;
    struct sha256_digest digest;
    char digits[SHA256_DIGITS + 1];
    assert_true(sha256_open(&sha256));
    sha256_extend(&sha256, "left", 4);
    sha256_begin(&sha256);
    sha256_extend(&sha256, "abc", 3);
    sha256_end(&sha256, &digest);
    assert_string_equal(sha256_write(digits, &digest), vectors[1].digest);
    sha256_close(&sha256);
}

static void only_what_is_written_is_read(void **state)
{
    (void)state;
    struct sha256_digest digest;
    struct sha256_digest again;
    char text[SHA256_DIGITS + 2];
    assert_true(sha256_of("abc", 3, &digest));
    assert_true(sha256_parse(sha256_write(text, &digest), &again));
    assert_true(sha256_equal(&digest, &again));
    again.bytes[SHA256_BYTES - 1] ^= 1;
    assert_false(sha256_equal(&digest, &again));
    assert_false(sha256_parse("", &again));
    text[0] = 'B'; /* upper case */
    assert_false(sha256_parse(text, &again));
    text[0] = 'g';
    assert_false(sha256_parse(text, &again));
    memcpy(text, vectors[0].digest, SHA256_DIGITS);
    text[SHA256_DIGITS - 1] = '\0';
    assert_false(sha256_parse(text, &again));
    memcpy(text, vectors[0].digest, SHA256_DIGITS);
    text[SHA256_DIGITS] = '0';
    text[SHA256_DIGITS + 1] = '\0';
    assert_false(sha256_parse(text, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples_come_out),
        cmocka_unit_test(one_context_makes_many_digests_in_any_pieces),
        cmocka_unit_test(a_digest_that_was_begun_and_left_leaves_nothing_behind),
        cmocka_unit_test(only_what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
