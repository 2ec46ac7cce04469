/*
 * test_authority.c - an authority's directory: made once, opened by its owner alone, and never in a
 * state that the next process does not understand.
 */
#include "pki/authority.h"

#include "tests/harness/processes.h"

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

enum { PATH_BYTES = 96 };

struct fixture {
    struct scratch scratch;
    char path[PATH_BYTES]; /* of the authority, in the scratch directory */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    scratch_open(&fixture.scratch);
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/pki", fixture.scratch.path);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

static void make(const struct fixture *fixture)
{
    struct failure failure;
    if (!authority_make(fixture->path, NOW_S, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static struct authority open_authority(const struct fixture *fixture)
{
    struct authority authority;
    struct failure failure;
    if (!authority_open(fixture->path, &authority, &failure)) {
        fail_msg("%s", failure.text);
    }
    /* It points into itself; the test has no use for that path. */
    authority.issued.path = "issued";
    return authority;
}

static void expect_no_opening(const struct fixture *fixture, const char *reason)
{
    struct authority authority;
    struct failure failure;
    assert_false(authority_open(fixture->path, &authority, &failure));
    if (strstr(failure.text, reason) == NULL) {
        fail_msg("\"%s\" is not in: %s", reason, failure.text);
    }
}

static void expect_no_making(const struct fixture *fixture, const char *reason)
{
    struct failure failure;
    assert_false(authority_make(fixture->path, NOW_S, &failure));
    if (strstr(failure.text, reason) == NULL) {
        fail_msg("\"%s\" is not in: %s", reason, failure.text);
    }
}

/* The path of a file of the authority; valid until the next call. */
static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", fixture->path, name);
    return path;
}

static struct issued issue(struct authority *authority, const char *list)
{
    struct agency_set agencies;
    struct issued issued;
    struct failure failure;
    assert_true(agency_set_parse(list, "list", &agencies, &failure));
    const struct certificate_order order = {
        .kind = CERTIFICATE_AGENCY, .agencies = &agencies, .now_s = NOW_S};
    if (!authority_issue(authority, &order, &issued, &failure)) {
        fail_msg("%s", failure.text);
    }
    return issued;
}

static struct issued_list read_list(const struct authority *authority)
{
    struct issued_list list;
    struct failure failure;
    if (!issued_read(&authority->issued, authority->certificate, authority->revoked, &list,
                     &failure)) {
        fail_msg("%s", failure.text);
    }
    return list;
}

static void an_authority_is_made_once(void **state)
{
    const struct fixture *fixture = *state;
    struct stat status;
    umask(0);
    make(fixture);
    umask(022);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    expect_no_making(fixture, "ca.pem is there");
    struct authority authority = open_authority(fixture);
    authority_close(&authority);
    assert_int_equal(unlink(path_of(fixture, "ca.pem")), 0);
    expect_no_making(fixture, "ca.key is there");
    expect_no_opening(fixture, "holds no authority");
}

static void a_making_that_was_cut_off_is_made_anew(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    assert_int_equal(mkdir(path_of(fixture, "issued"), 0700), 0);
    scratch_write(&fixture->scratch, "pki/crl.pem", "old", 3);
    assert_int_equal(chmod(path_of(fixture, "crl.pem"), 0600), 0);
    expect_no_opening(fixture, "`lottery-admin pki init` makes one");
    make(fixture);
    struct authority authority = open_authority(fixture);
    authority_close(&authority);
}

static void certificates_without_their_authority_are_not_mixed_with_a_new_one(void **state)
{
    const struct fixture *fixture = *state;
    make(fixture);
    struct authority authority = open_authority(fixture);
    (void)issue(&authority, "17");
    authority_close(&authority);
    assert_int_equal(unlink(path_of(fixture, "ca.pem")), 0);
    assert_int_equal(unlink(path_of(fixture, "ca.key")), 0);
    expect_no_making(fixture, "an authority that is not there any more");
}

static void others_rights_and_links_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    make(fixture);
    assert_int_equal(chmod(fixture->path, 0750), 0);
    expect_no_opening(fixture, "chmod");
    assert_int_equal(chmod(fixture->path, 0700), 0);
    assert_int_equal(chmod(path_of(fixture, "crl.pem"), 0644), 0);
    expect_no_opening(fixture, "chmod");
    assert_int_equal(unlink(path_of(fixture, "crl.pem")), 0);
    assert_int_equal(symlink("ca.pem", path_of(fixture, "crl.pem")), 0);
    expect_no_opening(fixture, "symbolic link");
}

static void a_directory_that_is_a_link_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(symlink(fixture->scratch.path, fixture->path), 0);
    expect_no_making(fixture, "a link is none");
    expect_no_opening(fixture, "a link is none");
}

static void a_lost_revocation_list_is_no_empty_one(void **state)
{
    const struct fixture *fixture = *state;
    make(fixture);
    assert_int_equal(unlink(path_of(fixture, "crl.pem")), 0);
    expect_no_opening(fixture, "copy it back");
}

static void what_is_issued_is_listed_and_what_is_revoked_stays_so(void **state)
{
    const struct fixture *fixture = *state;
    struct failure failure;
    make(fixture);
    struct authority authority = open_authority(fixture);
    const struct issued first = issue(&authority, "17");
    const struct issued second = issue(&authority, "17");
    assert_string_not_equal(first.serial, second.serial);
    struct issued_list list = read_list(&authority);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.entries[2].kind, CERTIFICATE_AUTHORITY); /* it ends last */
    const struct issued *found = issued_find(&list, first.serial);
    assert_non_null(found);
    assert_string_equal(found->who, "agency 17");
    assert_false(found->is_revoked);
    STACK_OF(X509) *certificates = sk_X509_new_null();
    assert_int_equal(sk_X509_push(certificates, found->certificate), 1);
    assert_true(authority_revoke(&authority, certificates, NOW_S, &failure));
    sk_X509_free(certificates);
    issued_close(&list);
    authority_close(&authority);
    authority = open_authority(fixture);
    list = read_list(&authority);
    assert_true(issued_find(&list, first.serial)->is_revoked);
    assert_false(issued_find(&list, second.serial)->is_revoked);
    issued_close(&list);
    authority_close(&authority);
}

static void serials_are_found_however_they_are_written(void **state)
{
    const struct fixture *fixture = *state;
    char written[2 * TLS_SERIAL_BYTES] = "";
    make(fixture);
    struct authority authority = open_authority(fixture);
    const struct issued issued = issue(&authority, "1-5");
    struct issued_list list = read_list(&authority);
    for (size_t i = 0; issued.serial[i] != '\0'; i += 2) { /* as `openssl x509 -text` writes it */
        size_t used = strlen(written);
        (void)snprintf(written + used, sizeof written - used, "%s%.2s", i == 0 ? "" : ":",
                       issued.serial + i);
    }
    assert_non_null(issued_find(&list, written));
    assert_string_equal(issued_find(&list, written)->who, "gateway 1-5");
    written[strlen(written) - 1] = '\0';
    assert_null(issued_find(&list, written));
    assert_null(issued_find(&list, ""));
    issued_close(&list);
    authority_close(&authority);
}

static void files_that_are_no_certificates_are_counted(void **state)
{
    const struct fixture *fixture = *state;
    make(fixture);
    scratch_write(&fixture->scratch, "pki/issued/AB.pem", "rubbish", 7);
    scratch_write(&fixture->scratch, "pki/issued/CD.pem.tmp", "torn", 4);
    assert_int_equal(chmod(path_of(fixture, "issued/AB.pem"), 0600), 0);
    struct authority authority = open_authority(fixture);
    struct issued_list list = read_list(&authority);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.unread, 1);
    assert_non_null(strstr(list.first_unread.text, "AB.pem holds no certificate"));
    issued_close(&list);
    authority_close(&authority);
}

static void another_authority_s_files_are_told_apart(void **state)
{
    const struct fixture *fixture = *state;
    struct fixture other = *fixture;
    (void)snprintf(other.path, sizeof other.path, "%s/other", fixture->scratch.path);
    make(fixture);
    make(&other);
    struct authority authority = open_authority(&other);
    const struct issued issued = issue(&authority, "17");
    authority_close(&authority);
    char from[3 * PATH_BYTES];
    char into[3 * PATH_BYTES];
    (void)snprintf(from, sizeof from, "%s/issued/%s.pem", other.path, issued.serial);
    (void)snprintf(into, sizeof into, "%s/issued/%s.pem", fixture->path, issued.serial);
    assert_int_equal(rename(from, into), 0);
    authority = open_authority(fixture);
    struct issued_list list = read_list(&authority);
    assert_int_equal(list.unread, 1);
    assert_non_null(strstr(list.first_unread.text, "another authority"));
    issued_close(&list);
    authority_close(&authority);
    (void)snprintf(from, sizeof from, "%s/crl.pem", other.path);
    assert_int_equal(rename(from, path_of(fixture, "crl.pem")), 0);
    expect_no_opening(fixture, "crl.pem was signed by another authority");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_authority_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_making_that_was_cut_off_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            certificates_without_their_authority_are_not_mixed_with_a_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_rights_and_links_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_a_link_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_revocation_list_is_no_empty_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_issued_is_listed_and_what_is_revoked_stays_so,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(serials_are_found_however_they_are_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(files_that_are_no_certificates_are_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_authority_s_files_are_told_apart, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
