/*
 * test_key_pair.c - a key and its certificate are replaced together, whenever the process dies.
 */
#include "pki/key_pair.h"

#include "pki/certificate.h"
#include "pki/pem_file.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define NOW_S INT64_C(1800000000)

enum { PAIRS = 2 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    EVP_PKEY *keys[PAIRS];
    X509 *certificates[PAIRS];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    const struct certificate_order order = {.kind = CERTIFICATE_AUTHORITY, .now_s = NOW_S};
    const struct certificate_issuer itself = {.certificate = NULL};
    scratch_open(&fixture.scratch);
    fixture.directory = (struct data_directory){.path = fixture.scratch.path,
                                                .descriptor = fixture.scratch.descriptor};
    for (size_t i = 0; i < PAIRS; i++) {
        fixture.keys[i] = certificate_make_key(&failure);
        fixture.certificates[i] = certificate_make(&order, fixture.keys[i], &itself, &failure);
        assert_non_null(fixture.certificates[i]);
    }
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < PAIRS; i++) {
        X509_free(fixture->certificates[i]);
        EVP_PKEY_free(fixture->keys[i]);
    }
    scratch_close(&fixture->scratch);
    return 0;
}

static void write_pair(const struct fixture *fixture, size_t index)
{
    struct failure failure;
    if (!key_pair_write(&fixture->directory, "a", fixture->keys[index],
                        fixture->certificates[index], &failure)) {
        fail_msg("%s", failure.text);
    }
}

/* The files of "a" are the key and the certificate of these pairs. */
static void expect_pair(const struct fixture *fixture, size_t key_index, size_t certificate_index)
{
    struct failure failure;
    EVP_PKEY *key = pem_file_read_key(&fixture->directory, "a.key", &failure);
    X509 *certificate = pem_file_read_certificate(&fixture->directory, "a.pem", &failure);
    assert_non_null(key);
    assert_non_null(certificate);
    assert_int_equal(EVP_PKEY_eq(key, fixture->keys[key_index]), 1);
    assert_int_equal(X509_cmp(certificate, fixture->certificates[certificate_index]), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void rename_file(const struct fixture *fixture, const char *from, const char *into)
{
    assert_int_equal(
        renameat(fixture->directory.descriptor, from, fixture->directory.descriptor, into), 0);
}

static void mend(const struct fixture *fixture)
{
    struct failure failure;
    if (!key_pair_mend(&fixture->directory, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void a_pair_is_written_for_its_owner_alone(void **state)
{
    static const char *const names[] = {"a.key", "a.pem"};
    const struct fixture *fixture = *state;
    umask(0);
    write_pair(fixture, 0);
    umask(022);
    expect_pair(fixture, 0, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        assert_int_equal(fstatat(fixture->directory.descriptor, names[i], &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
    }
    assert_false(scratch_has(&fixture->scratch, "a.key.tmp"));
    assert_false(scratch_has(&fixture->scratch, "a.pem.tmp"));
}

/* As a process leaves it that dies after the first rename. */
static void a_key_without_its_certificate_gets_it(void **state)
{
    const struct fixture *fixture = *state;
    write_pair(fixture, 1);
    rename_file(fixture, "a.key", "new.key");
    rename_file(fixture, "a.pem", "new.pem");
    write_pair(fixture, 0);
    rename_file(fixture, "new.key", "a.key");
    rename_file(fixture, "new.pem", "a.pem.tmp");
    expect_pair(fixture, 1, 0);
    mend(fixture);
    expect_pair(fixture, 1, 1);
    assert_false(scratch_has(&fixture->scratch, "a.pem.tmp"));
}

/* As a process leaves it that dies before the first rename. */
static void a_pair_that_is_not_in_place_yet_changes_nothing(void **state)
{
    const struct fixture *fixture = *state;
    write_pair(fixture, 1);
    rename_file(fixture, "a.key", "a.key.tmp");
    rename_file(fixture, "a.pem", "a.pem.tmp");
    mend(fixture);
    assert_false(scratch_has(&fixture->scratch, "a.pem"));
    rename_file(fixture, "a.key.tmp", "new.key");
    rename_file(fixture, "a.pem.tmp", "new.pem");
    write_pair(fixture, 0);
    rename_file(fixture, "new.key", "a.key.tmp");
    rename_file(fixture, "new.pem", "a.pem.tmp");
    mend(fixture);
    expect_pair(fixture, 0, 0);
}

static void a_torn_certificate_changes_nothing(void **state)
{
    const struct fixture *fixture = *state;
    write_pair(fixture, 0);
    scratch_write(&fixture->scratch, "a.pem.tmp", "-----BEGIN CERT", 15);
    mend(fixture);
    expect_pair(fixture, 0, 0);
}

static void a_failure_leaves_the_pair_before(void **state)
{
    const struct fixture *fixture = *state;
    struct failure failure;
    write_pair(fixture, 0);
    assert_int_equal(mkdirat(fixture->directory.descriptor, "a.pem.tmp", 0700), 0);
    assert_false(key_pair_write(&fixture->directory, "a", fixture->keys[1],
                                fixture->certificates[1], &failure));
    assert_non_null(strstr(failure.text, "a.pem.tmp"));
    expect_pair(fixture, 0, 0);
    assert_false(scratch_has(&fixture->scratch, "a.key.tmp"));
    assert_int_equal(unlinkat(fixture->directory.descriptor, "a.pem.tmp", AT_REMOVEDIR), 0);
}

static void no_link_is_followed(void **state)
{
    const struct fixture *fixture = *state;
    struct failure failure;
    assert_int_equal(symlinkat("elsewhere", fixture->directory.descriptor, "a.key.tmp"), 0);
    assert_false(key_pair_write(&fixture->directory, "a", fixture->keys[0],
                                fixture->certificates[0], &failure));
    assert_false(scratch_has(&fixture->scratch, "elsewhere"));
    assert_false(scratch_has(&fixture->scratch, "a.key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_is_written_for_its_owner_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_without_its_certificate_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pair_that_is_not_in_place_yet_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_torn_certificate_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_leaves_the_pair_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_link_is_followed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
