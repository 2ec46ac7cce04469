/*
 * test_signature.c - Ed25519 against RFC 8032's examples, and the files of the keys.
 */
#include "seal/signature.h"

#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = 128, MODE_BITS = 07777 };

struct fixture {
    struct scratch scratch;
    char key[PATH_BYTES], public_key[PATH_BYTES];
};

/*
 * RFC 8032, section 7.1, TEST 1 (no bytes) and TEST 3 (af 82), as PEM: the private key after
 * the 16 bytes of RFC 8410's PKCS #8, the public one after the 12 bytes of its SubjectPublicKeyInfo.
 */
static const struct {
    const char *private_pem, *public_pem, *bytes;
    size_t count;
    unsigned char signature[SIGNATURE_BYTES];
} vectors[] = {
    {"-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
     "-----END PRIVATE KEY-----\n",
     "-----BEGIN PUBLIC KEY-----\n"
     "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
     "-----END PUBLIC KEY-----\n",
     "",
     0,
     {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80,
      0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73,
      0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b,
      0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0,
      0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b}},
    {"-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3\n"
     "-----END PRIVATE KEY-----\n",
     "-----BEGIN PUBLIC KEY-----\n"
     "MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n"
     "-----END PUBLIC KEY-----\n",
     "\xaf\x82",
     2,
     {0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a,
      0xbe, 0x01, 0xa3, 0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36,
      0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac, 0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2,
      0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59, 0x4a, 0x7c, 0x15, 0xe9,
      0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a}},
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    scratch_open(&fixture.scratch);
    (void)snprintf(fixture.key, sizeof fixture.key, "%s/key", fixture.scratch.path);
    (void)snprintf(fixture.public_key, sizeof fixture.public_key, "%s/key.pub",
                   fixture.scratch.path);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & MODE_BITS;
}

static void the_published_signatures_come_out(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct signature signature;
        scratch_write(&fixture->scratch, "key", vectors[i].private_pem,
                      strlen(vectors[i].private_pem));
        scratch_write(&fixture->scratch, "key.pub", vectors[i].public_pem,
                      strlen(vectors[i].public_pem));
        assert_int_equal(chmod(fixture->key, 0600), 0);
        assert_true(
            signature_make(fixture->key, vectors[i].bytes, vectors[i].count, &signature, &failure));
        assert_memory_equal(signature.bytes, vectors[i].signature, SIGNATURE_BYTES);
        assert_int_equal(signature_check(fixture->public_key, vectors[i].bytes, vectors[i].count,
                                         &signature, &failure),
                         SIGNATURE_GOOD);
    }
}

static void a_key_that_was_made_signs_and_its_public_key_checks(void **state)
{
    static const char text[] = "{\"format\":\"lottery seal 1\"}";
    struct fixture *fixture = *state;
    struct failure failure;
    struct signature signature;
    umask(0);
    bool made = signature_make_key(fixture->key, &failure);
    umask(022);
    assert_true(made);
    assert_int_equal(mode_of(fixture->key), 0600);
    assert_int_equal(mode_of(fixture->public_key), 0644);
    assert_true(signature_make(fixture->key, text, sizeof text, &signature, &failure));
    assert_int_equal(signature_check(fixture->public_key, text, sizeof text, &signature, &failure),
                     SIGNATURE_GOOD);
    assert_int_equal(
        signature_check(fixture->public_key, text, sizeof text - 1, &signature, &failure),
        SIGNATURE_WRONG);
    for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
        signature.bytes[i] ^= 1;
        assert_int_equal(
            signature_check(fixture->public_key, text, sizeof text, &signature, &failure),
            SIGNATURE_WRONG);
        signature.bytes[i] ^= 1;
    }
}

static void two_keys_are_never_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct signature signature;
    char other[PATH_BYTES];
    (void)snprintf(other, sizeof other, "%s/other", fixture->scratch.path);
    assert_true(signature_make_key(fixture->key, &failure));
    assert_true(signature_make_key(other, &failure));
    assert_true(signature_make(other, "a", 1, &signature, &failure));
    assert_int_equal(signature_check(fixture->public_key, "a", 1, &signature, &failure),
                     SIGNATURE_WRONG);
}

static void a_file_that_is_there_is_not_replaced_by_a_key(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    size_t bytes = 0;
    scratch_write(&fixture->scratch, "key", "mine", 4);
    assert_false(signature_make_key(fixture->key, &failure));
    assert_non_null(strstr(failure.text, fixture->key));
    assert_false(scratch_has(&fixture->scratch, "key.pub"));
    assert_int_equal(unlink(fixture->key), 0);
    scratch_write(&fixture->scratch, "key.pub", "mine", 4);
    assert_false(signature_make_key(fixture->key, &failure));
    assert_non_null(strstr(failure.text, fixture->public_key));
    assert_false(scratch_has(&fixture->scratch, "key"));
    char *left = scratch_read(&fixture->scratch, "key.pub", &bytes);
    assert_memory_equal(left, "mine", 4);
    free(left);
}

static void a_private_key_that_others_can_read_does_not_sign(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct signature signature;
    assert_true(signature_make_key(fixture->key, &failure));
    assert_int_equal(chmod(fixture->key, 0640), 0);
    assert_false(signature_make(fixture->key, "a", 1, &signature, &failure));
    assert_non_null(strstr(failure.text, "chmod 0600"));
    assert_int_equal(chmod(fixture->key, 0400), 0);
    assert_true(signature_make(fixture->key, "a", 1, &signature, &failure));
}

/* What `openssl genpkey -algorithm X25519` writes: a key, but none that signs. */
#define OTHER_KEY                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VuBCIEIKhLXdVDfZ6XzaMrF8LgZlLTQhWJxi6gB1KN8kkjRDZr\n"                           \
    "-----END PRIVATE KEY-----\n"

static void what_is_no_key_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct signature signature = {{0}};
    assert_int_equal(mkfifo(fixture->key, S_IRUSR), 0);
    assert_false(signature_make(fixture->key, "a", 1, &signature, &failure));
    assert_non_null(strstr(failure.text, "it is a pipe, and no regular file"));
    assert_int_equal(unlink(fixture->key), 0);
    assert_false(signature_make(fixture->key, "a", 1, &signature, &failure));
    assert_non_null(strstr(failure.text, "No such file"));
    assert_int_equal(signature_check(fixture->key, "a", 1, &signature, &failure), SIGNATURE_NO_KEY);
    static const char *const texts[] = {"", "no key", OTHER_KEY};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        scratch_write(&fixture->scratch, "key", texts[i], strlen(texts[i]));
        assert_int_equal(chmod(fixture->key, 0600), 0);
        assert_false(signature_make(fixture->key, "a", 1, &signature, &failure));
        assert_non_null(strstr(failure.text, "private Ed25519"));
        assert_int_equal(signature_check(fixture->key, "a", 1, &signature, &failure),
                         SIGNATURE_NO_KEY);
        assert_non_null(strstr(failure.text, "public Ed25519"));
    }
}

#define SIGNATURE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNATURE_TEST(the_published_signatures_come_out),
        SIGNATURE_TEST(a_key_that_was_made_signs_and_its_public_key_checks),
        SIGNATURE_TEST(two_keys_are_never_the_same),
        SIGNATURE_TEST(a_file_that_is_there_is_not_replaced_by_a_key),
        SIGNATURE_TEST(a_private_key_that_others_can_read_does_not_sign),
        SIGNATURE_TEST(what_is_no_key_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
