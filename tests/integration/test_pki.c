/*
 * test_pki.c - `lottery-admin pki ...`, judged by the openssl program.
 */
#include "pki/authority.h"
#include "tests/harness/files.h"
#include "tests/harness/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    STATUS_WELL = 0,
    STATUS_FAILED = 1,
    STATUS_WRONG_USAGE = 2,
    SERIAL_DIGITS = 32,
    DAY_S = 24 * 60 * 60
};

/* ------------------------------------------------------------- running it ---- */

static struct program *run(struct stage *stage, const char *name, const char *const *arguments,
                           int status)
{
    struct program_end end;
    struct program *program =
        program_run(stage, &(struct program_plan){.name = name, .arguments = arguments}, &end);
    if (end.status != status) {
        program_show(program);
    }
    assert_int_equal(end.status, status);
    return program;
}

#define PKI(stage, status, ...) run(stage, "lottery-admin", ARGUMENTS("pki", __VA_ARGS__), status)

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("\"%s\" is in:\n%s", part, text);
    }
}

/* The serial in what openssl prints of a certificate; the stage's. */
static const char *serial_of(struct stage *stage, const char *certificate)
{
    struct program *openssl = run(
        stage, "openssl", ARGUMENTS("x509", "-in", certificate, "-noout", "-serial"), STATUS_WELL);
    const char *text = program_log(openssl);
    assert_has(text, "serial=");
    return stage_text(stage, "%.*s", SERIAL_DIGITS, text + strlen("serial="));
}

/* As a server judges that has ca.pem and crl.pem. */
static void expect_verdict(struct stage *stage, const char *certificate, const char *purpose,
                           const char *verdict)
{
    struct program_end end;
    struct program *openssl = program_run(
        stage,
        &(struct program_plan){.name = "openssl",
                               .arguments = ARGUMENTS("verify", "-x509_strict", "-crl_check",
                                                      "-purpose", purpose, "-CAfile", "pki/ca.pem",
                                                      "-CRLfile", "pki/crl.pem", certificate)},
        &end);
    assert_has(stage_text(stage, "%s%s", program_log(openssl), program_errors(openssl)), verdict);
    assert_int_equal(end.status == 0, strcmp(verdict, "OK") == 0);
}

static void expect_text(struct stage *stage, const char *certificate, const char *part)
{
    assert_has(
        program_log(run(stage, "openssl", ARGUMENTS("x509", "-in", certificate, "-noout", "-text"),
                        STATUS_WELL)),
        part);
}

static void expect_line(struct stage *stage, const char *serial, const char *part)
{
    const char *text = program_log(PKI(stage, STATUS_WELL, "list"));
    assert_has(text, serial);
    const char *line = strstr(text, serial);
    assert_has(stage_text(stage, "%.*s", (int)strcspn(line, "\n"), line), part);
}

/* -------------------------------------------------------------- the tests ---- */

static void init_gives_a_set_that_openssl_accepts(void **state)
{
    struct stage *stage = *state;
    const char *said = program_log(PKI(stage, STATUS_WELL, "init"));
    assert_has(said, "pki/ca.pem: the authority");
    assert_has_not(said, "BEGIN");
    expect_verdict(stage, "pki/server.pem", "sslserver", "OK");
    expect_verdict(stage, "pki/server.pem", "sslclient", "purpose");
    expect_text(stage, "pki/server.pem",
                "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect_text(stage, "pki/server.pem", "ecdsa-with-SHA256");
    expect_text(stage, "pki/ca.pem", "CA:TRUE, pathlen:0");
    expect_text(stage, "pki/ca.pem", "NIST CURVE: P-256");
    struct program *crl =
        run(stage, "openssl",
            ARGUMENTS("crl", "-in", "pki/crl.pem", "-CAfile", "pki/ca.pem", "-noout", "-text"),
            STATUS_WELL);
    assert_has(program_log(crl), "No Revoked Certificates");
    const char *again = program_errors(PKI(stage, STATUS_FAILED, "init"));
    assert_has(again, "there is an authority already");
    expect_verdict(stage, "pki/server.pem", "sslserver", "OK");
}

static void agencies_and_gateways_get_certificates_for_clients(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init", "lottery.example", "--directory", "pki");
    expect_text(stage, "pki/server.pem", "DNS:lottery.example\n");
    (void)PKI(stage, STATUS_WELL, "agency", "17", "18", "1-3,7");
    expect_text(stage, "pki/agency-17.pem", "URI:urn:lottery:agency:17\n");
    expect_text(stage, "pki/agency-18.pem", "URI:urn:lottery:agency:18\n");
    expect_text(stage, "pki/agency-1-3,7.pem", "URI:urn:lottery:agency:1-3,7\n");
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "OK");
    expect_verdict(stage, "pki/agency-1-3,7.pem", "sslclient", "OK");
    expect_verdict(stage, "pki/agency-17.pem", "sslserver", "purpose");
}

static void a_renewed_certificate_and_the_one_before_are_both_valid(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    const char *first = serial_of(stage, "pki/agency-17.pem");
    const char *said = program_log(PKI(stage, STATUS_WELL, "agency", "17"));
    assert_has(said, stage_text(stage, "%s of agency 17, from before, stays valid", first));
    const char *before = stage_text(stage, "pki/issued/%s.pem", first);
    expect_verdict(stage, before, "sslclient", "OK");
    (void)PKI(stage, STATUS_WELL, "revoke", "--serial", first);
    expect_verdict(stage, before, "sslclient", "certificate revoked");
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "OK");
    expect_line(stage, first, "  revoked ");
    expect_line(stage, serial_of(stage, "pki/agency-17.pem"), "  valid ");
    assert_has(program_log(PKI(stage, STATUS_WELL, "revoke", "--serial", first)),
               "is revoked already");
}

static void a_revoked_agency_is_refused_and_stays_so(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17", "18");
    const char *said = program_log(PKI(stage, STATUS_WELL, "revoke", "17"));
    assert_has(said, "revoked: ");
    assert_has(said, "kill -HUP");
    said = program_log(PKI(stage, STATUS_WELL, "revoke", "17"));
    assert_has(said, "revoked or have expired already");
    assert_has_not(said, "kill -HUP");
    (void)PKI(stage, STATUS_WELL, "revoke", "18");
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "certificate revoked");
    expect_verdict(stage, "pki/agency-18.pem", "sslclient", "certificate revoked");
    expect_verdict(stage, "pki/server.pem", "sslserver", "OK");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "OK");
}

static void a_gateway_is_not_revoked_for_one_of_its_agencies(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17", "16-18");
    const char *said = program_errors(PKI(stage, STATUS_FAILED, "revoke", "17"));
    assert_has(said, "of gateway 16-18 names 17 among others");
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "certificate revoked");
    expect_verdict(stage, "pki/agency-16-18.pem", "sslclient", "OK");
    (void)PKI(stage, STATUS_WELL, "revoke", "--serial", serial_of(stage, "pki/agency-16-18.pem"));
    expect_verdict(stage, "pki/agency-16-18.pem", "sslclient", "certificate revoked");
    assert_has(program_errors(PKI(stage, STATUS_FAILED, "revoke", "3")),
               "no certificate of this authority names 3");
}

static void the_list_is_an_object_for_programs_as_well(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    struct program *json = PKI(stage, STATUS_WELL, "list", "--json");
    (void)run(stage, "python3",
              ARGUMENTS("-c",
                        "import json,sys\n"
                        "d = json.load(open(sys.argv[1]))\n"
                        "c = d['certificates']\n"
                        "assert d['directory'] == 'pki' and len(c) == 3, d\n"
                        "assert sorted(x['kind'] for x in c) == ['agency', 'authority', 'server']\n"
                        "assert c[2]['kind'] == 'authority' and c[2]['state'] == 'valid', d\n"
                        "assert c == sorted(c, key=lambda x: x['until']), d\n",
                        json->log_path),
              STATUS_WELL);
}

/* Issued so many days ago, which lottery-admin itself can't do. */
static void issue_days_ago(struct stage *stage, const char *list, int days)
{
    struct authority authority;
    struct agency_set agencies;
    struct issued issued;
    struct failure failure;
    assert_true(agency_set_parse(list, "list", &agencies, &failure));
    const struct certificate_order order = {.kind = CERTIFICATE_AGENCY,
                                            .agencies = &agencies,
                                            .now_s = time(NULL) - (int64_t)days * DAY_S};
    assert_true(authority_open(stage_path(stage, "pki"), &authority, &failure));
    assert_true(authority_issue(&authority, &order, &issued, &failure));
    authority_close(&authority);
}

static void the_list_warns_of_what_expires_and_has_it_first(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    issue_days_ago(stage, "19", CERTIFICATE_DAYS - 60);
    issue_days_ago(stage, "17", CERTIFICATE_DAYS - 18);
    issue_days_ago(stage, "18", CERTIFICATE_DAYS + 1);
    expect_line(stage, serial_of(stage, "pki/agency-18.pem"), "  expired ");
    expect_line(stage, serial_of(stage, "pki/agency-17.pem"), "  expires in 17 days ");
    expect_line(stage, serial_of(stage, "pki/agency-19.pem"), "  valid ");
    const char *text = program_log(PKI(stage, STATUS_WELL, "list"));
    assert_true(strstr(text, "agency 18") < strstr(text, "agency 17"));
    assert_true(strstr(text, "agency 17") < strstr(text, "agency 19"));
    assert_true(strstr(text, "agency 19") < strstr(text, "authority"));
    assert_has(program_log(PKI(stage, STATUS_WELL, "revoke", "18")),
               "revoked or have expired already");
}

static void wrong_calls_are_complained_of_and_change_nothing(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *words[4];
        const char *complaint;
    } calls[] = {
        {{NULL}, "pki needs one more word"},
        {{"foo"}, "there is no command pki foo"},
        {{"server"}, "the command is pki server NAME..."},
        {{"agency"}, "the command is pki agency AGENCY..."},
        {{"agency", "any"}, "names no agencies"},
        {{"agency", "17", "x"}, "AGENCY"},
        {{"agency", "17", "--serial", "AB"}, "takes no option --serial"},
        {{"server", "*.example"}, "neither a DNS name"},
        {{"revoke"}, "needs agencies, or else --serial"},
        {{"revoke", "17", "--serial", "AB"}, "needs agencies, or else --serial"},
        {{"list", "17"}, "without operands"},
        {{"init", "a,DNS:b"}, "neither a DNS name"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const char *const *words = calls[i].words;
        struct program *admin =
            run(stage, "lottery-admin", ARGUMENTS("pki", words[0], words[1], words[2], words[3]),
                STATUS_WRONG_USAGE);
        assert_has(program_errors(admin), calls[i].complaint);
    }
    assert_false(files_exist(stage_path(stage, "pki")));
    assert_has(program_errors(PKI(stage, STATUS_FAILED, "list")), "`lottery-admin pki init`");
    assert_has(program_errors(PKI(stage, STATUS_FAILED, "init", "--directory", "a/b/c")), "a/b/c");
}

/* `ulimit -f 0`: no file may get a byte, as on a full disk; what is said goes through a pipe. */
static void without_room_all_stays_as_it_was(void **state)
{
    struct stage *stage = *state;
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    const char *before = serial_of(stage, "pki/agency-17.pem");
    const char *bin = getenv("LOTTERY_BIN");
    char *program =
        realpath(stage_text(stage, "%s/lottery-admin", bin == NULL ? "bin" : bin), NULL);
    assert_non_null(stage_keep(stage, program));
    static const char *const commands[] = {"agency 17", "server localhost", "revoke 17",
                                           "init --directory other"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const char *script =
            stage_text(stage, "(ulimit -f 0; exec %s pki %s) 2>&1 | grep 'File too large'", program,
                       commands[i]);
        (void)run(stage, "sh", ARGUMENTS("-c", script), STATUS_WELL);
    }
    assert_string_equal(serial_of(stage, "pki/agency-17.pem"), before);
    expect_verdict(stage, "pki/agency-17.pem", "sslclient", "OK");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    (void)PKI(stage, STATUS_WELL, "init", "--directory", "other");
}

static void keys_and_directories_are_the_owner_s_whatever_the_umask_is(void **state)
{
    struct stage *stage = *state;
    static const char *const files[] = {"ca.key", "server.key", "agency-17.key", "crl.pem"};
    struct stat status;
    mode_t before = umask(0);
    (void)PKI(stage, STATUS_WELL, "init");
    (void)PKI(stage, STATUS_WELL, "agency", "17");
    (void)umask(before);
    assert_int_equal(stat(stage_path(stage, "pki"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_int_equal(stat(stage_path(stage, "pki/%s", files[i]), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
    }
    assert_int_equal(chmod(stage_path(stage, "pki/ca.key"), 0640), 0);
    assert_has(program_errors(PKI(stage, STATUS_FAILED, "agency", "18")), "chmod");
    assert_false(files_exist(stage_path(stage, "pki/agency-18.key")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(init_gives_a_set_that_openssl_accepts),
        STAGE_TEST(agencies_and_gateways_get_certificates_for_clients),
        STAGE_TEST(a_renewed_certificate_and_the_one_before_are_both_valid),
        STAGE_TEST(a_revoked_agency_is_refused_and_stays_so),
        STAGE_TEST(a_gateway_is_not_revoked_for_one_of_its_agencies),
        STAGE_TEST(the_list_is_an_object_for_programs_as_well),
        STAGE_TEST(the_list_warns_of_what_expires_and_has_it_first),
        STAGE_TEST(wrong_calls_are_complained_of_and_change_nothing),
        STAGE_TEST(without_room_all_stays_as_it_was),
        STAGE_TEST(keys_and_directories_are_the_owner_s_whatever_the_umask_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
