/*
 * test_agency_tls.c - the real lottery-agency by TLS: a server that plays its part, each fault of
 * certificates in words, and the servers of two other programs as peers.
 */
#include "lib/program.h"
#include "tests/harness/deadline.h"
#include "tests/harness/program.h"
#include "tests/harness/rig_tls.h"
#include "tls/tls_credential.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { EXIT_UNTRUSTED = 5, WINNERS = 3000 };

#define DAY_S INT64_C(86400)

static const char open_state[] = "server:8:0,open\r\n";

/* Starts an agency of `rows` rows that shows its own certificate. */
static void begin(struct rig *rig, unsigned rows, const char *setting)
{
    rig_begin(rig, rows, rig_tls_settings(rig->tls, &rig->tls->agency, ENVIRONMENT(setting)));
}

/* Accepts, and leaves the handshake to the test. */
static void accept_plainly(struct rig *rig)
{
    struct rig_tls *tls = rig->tls;
    rig->tls = NULL;
    rig_accept(rig);
    rig->tls = tls;
}

/* The agency ends because of it, after a single connection. */
static void expect_untrusted(struct rig *rig, const char *text)
{
    rig_expect_exit(rig, EXIT_UNTRUSTED);
    rig_expect_printed(rig, "ERROR    action: connect | result: fail | server: 127.0.0.1:");
    rig_expect_printed(rig, text);
    rig_expect_printed(rig, "action: agency_exit | result: fail");
    assert_false(rig_is_readable(rig->listener));
    rig_forget(rig);
}

/* ------------------------------------------------------------- conversations ---- */

/* Four rows, and a winner. */
static void hold_conversation(struct rig *rig)
{
    rig_accept_and_tell(rig, open_state);
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:2,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 1");
}

static void bets_and_winners_go_by_tls_and_the_agency_is_its_certificate(void **state)
{
    struct rig *rig = *state;
    begin(rig, 4, NULL);
    rig_accept(rig);
    struct tls_credential credential;
    struct failure failure;
    assert_true(tls_credential_of(rig->tls->stream.ssl, &credential, &failure));
    assert_int_equal(strtol(credential.serial, NULL, 16), rig->tls->agency.serial);
    assert_string_equal(SSL_get_version(rig->tls->stream.ssl), "TLSv1.3");
    rig_expect_status(rig, "*");
    rig_answer(rig, open_state);
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "| tls: TLSv1.3 | resumed: no");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 0);
}

static void version_1_2_is_spoken_where_it_is_allowed(void **state)
{
    struct rig *rig = *state;
    rig->tls->only_tls_1_2 = true;
    rig_tls_be(rig->tls, &rig->tls->server, "");
    begin(rig, 4, "CLI_TLS_MINIMUM=1.2");
    hold_conversation(rig);
    rig_expect_printed(rig, "| tls: TLSv1.2 |");
    rig_forget(rig);
    begin(rig, 4, NULL);
    accept_plainly(rig);
    rig_tls_greet_in_vain(rig->tls, rig->connection);
    expect_untrusted(rig, "the two ends have no version of TLS in common (tls.minimum)");
}

static void a_record_for_each_byte_is_read_like_any_other(void **state)
{
    struct rig *rig = *state;
    rig->tls->record_bytes = 1;
    begin(rig, 4, NULL);
    hold_conversation(rig);
}

/* More than the agency takes at a time stands in a record, and nothing comes after it. */
static void what_stands_in_the_stream_does_not_wait_for_the_socket(void **state)
{
    static const char row[] = "2,Ana,Sosa,20000000,1990-01-01,7\n";
    struct rig *rig = *state;
    char *winners = calloc(1, sizeof "server:3:\r\n" + WINNERS * sizeof row);
    assert_non_null(winners);
    char *end = stpcpy(winners, "server:3:");
    for (int i = 0; i < WINNERS; i++) {
        end = stpcpy(end, row);
    }
    (void)stpcpy(end, "\r\n");
    begin(rig, 1, "CLI_LOOP_LAPSE=30s");
    rig_accept_and_tell(rig, "server:8:1,open\r\n");
    rig_acknowledge_done(rig);
    rig_answer(rig, winners);
    free(winners);
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "cant_ganadores: 3000");
    rig_expect_closed(rig);
}

/* So much is on its way that the agency waits for room, and reads answers meanwhile. */
static void many_batches_leave_in_parts(void **state)
{
    enum { ROWS = 100000, READ_BYTES = 1 << 14, WINDOW_BYTES = 4096 };
    static const int window_bytes = WINDOW_BYTES;
    static char bytes[READ_BYTES];
    struct rig *rig = *state;
    unsigned rows = 0;
    (void)setsockopt(rig->listener, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof window_bytes);
    rig_begin(rig, ROWS,
              rig_tls_settings(rig->tls, &rig->tls->agency,
                               ENVIRONMENT("CLI_BATCH_INFLIGHT=1024", "CLI_BATCH_MAXAMOUNT=50",
                                           "CLI_LOG_LEVEL=INFO")));
    rig_accept_and_tell(rig, open_state);
    while (rows < ROWS) {
        ssize_t got = rig_tls_receive(rig->tls, bytes, sizeof bytes);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++) {
            rows += bytes[i] == '\n';
            if (bytes[i] == '\r') {
                rows--; /* the batch's own end */
                rig_answer(rig, RIG_ACK);
            }
        }
    }
    rig_end_without_winners(rig);
}

static void the_next_connection_resumes_the_session(void **state)
{
    struct rig *rig = *state;
    begin(rig, 2, NULL);
    rig_accept_and_tell(rig, open_state);
    assert_false(tls_stream_is_resumed(&rig->tls->stream));
    rig_expect_batch(rig, 1, 2);
    rig_hang_up(rig);
    for (int i = 0; i < 2; i++) {
        rig_accept_and_tell(rig, open_state);
        assert_true(tls_stream_is_resumed(&rig->tls->stream));
        rig_expect_batch(rig, 1, 2);
        rig_hang_up(rig);
    }
    rig_tls_be(rig->tls, &rig->tls->server, ""); /* other keys of tickets: started again */
    rig_accept_and_tell(rig, open_state);
    assert_false(tls_stream_is_resumed(&rig->tls->stream));
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    assert_int_equal(rig_count_printed(rig, "| resumed: yes"), 2);
}

/* The server of exercise 6 takes a message a connection; the agency sees that it has closed. */
static void a_server_that_closes_after_each_answer_is_gone_on_with_at_once(void **state)
{
    struct rig *rig = *state;
    static const enum message_type types[] = {MESSAGE_BET, MESSAGE_BET, MESSAGE_DONE};
    begin(rig, 4, "CLI_RESUME=off");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        rig_accept(rig);
        (void)rig_expect_message(rig, types[i]);
        rig_answer(rig, RIG_ACK);
        rig_hang_up(rig);
    }
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_REQUEST);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "cant_ganadores: 0");
}

static void probes_go_by_tls(void **state)
{
    static const char line[] = "[CLIENT 2] Message N°1\n";
    struct rig *rig = *state;
    rig_listen(rig);
    rig_write_bets(rig, 4, 0);
    rig_start(rig, rig_tls_settings(rig->tls, &rig->tls->agency, ENVIRONMENT("CLI_LOOP_AMOUNT=1")));
    rig_accept(rig);
    while (rig->received_bytes < strlen(line)) {
        rig_receive_more(rig);
    }
    rig_answer(rig, line);
    hold_conversation(rig);
    rig_expect_printed(rig, "action: loop_finished | result: success");
}

/* ------------------------------------------------------- faults of certificates ---- */

/* A server with this certificate, and what an agency with this setting says of it. */
static void refuse_server(struct rig *rig, const struct identity *server, const char *setting,
                          const char *text)
{
    rig_tls_be(rig->tls, server, "");
    begin(rig, 1, setting);
    accept_plainly(rig);
    rig_tls_greet_in_vain(rig->tls, rig->connection);
    expect_untrusted(rig, text);
}

static void each_fault_of_the_servers_certificate_is_told_and_final(void **state)
{
    struct rig *rig = *state;
    struct rig_tls *tls = rig->tls;
    struct issuer *stranger = issuer_open(tls->stage, "stranger");
    const struct certificate_wish late = {.names = "IP:127.0.0.1", .expires_in_s = -60};
    const struct certificate_wish early = {.names = "IP:127.0.0.1", .begins_in_s = 3600};
    const struct certificate_wish other = {.names = "DNS:lottery.example"};
    const struct identity expired = issuer_issue(tls->authority, "expired", &late);
    const struct identity future = issuer_issue(tls->authority, "future", &early);
    const struct identity named = issuer_issue(tls->authority, "named", &other);
    const char *crl = issuer_revoke(tls->authority, "ca", &tls->server.serial, 1, 3600);
    const char *old_crl = issuer_revoke(tls->authority, "old", NULL, 0, -60);
    refuse_server(rig, &expired, NULL,
                  ": the server's certificate, or that of its CA, has expired");
    refuse_server(rig, &future, NULL, "certificate is not yet valid");
    refuse_server(rig, &named, NULL,
                  "certificate is for another name than the one it was looked for by "
                  "(tls.server_name)");
    refuse_server(rig, &tls->server, "CLI_TLS_SERVER_NAME=lottery.example", "for another name");
    refuse_server(rig, &tls->server, stage_text(tls->stage, "CLI_TLS_CA=%s", stranger->path),
                  "certificate was not signed by an authority that is known here (tls.ca)");
    refuse_server(rig, &tls->server, stage_text(tls->stage, "CLI_TLS_CRL=%s", crl),
                  ": the server's certificate has been revoked");
    refuse_server(rig, &tls->server, stage_text(tls->stage, "CLI_TLS_CRL=%s", old_crl),
                  ": the revocation list has expired: make a new one (tls.crl)");
    rig_tls_be(tls, &named, "");
    begin(rig, 4, "CLI_TLS_SERVER_NAME=lottery.example");
    hold_conversation(rig);
    issuer_close(stranger);
}

/* An agency with this certificate (NULL: none) is refused, and what it says of that. */
static void refuse_agency(struct rig *rig, const struct identity *agency, const char *text)
{
    rig_begin(rig, 1, rig_tls_settings(rig->tls, agency, ENVIRONMENT("CLI_TLS_MINIMUM=1.2")));
    accept_plainly(rig);
    rig_tls_greet_in_vain(rig->tls, rig->connection);
    rig_hang_up(rig);
    expect_untrusted(rig, text);
}

/* In TLS 1.3 the agency's handshake is over before the server has seen its certificate. */
static void each_fault_of_the_agencys_certificate_is_told_and_final(void **state)
{
    struct rig *rig = *state;
    struct rig_tls *tls = rig->tls;
    const struct certificate_wish wish = {.names = "URI:urn:lottery:agency:2"};
    struct issuer *stranger = issuer_open(tls->stage, "stranger");
    const struct identity foreign = issuer_issue(stranger, "foreign", &wish);
    const char *crl = issuer_revoke(tls->authority, "ca", &tls->agency.serial, 1, 3600);
    for (int only_1_2 = 0; only_1_2 < 2; only_1_2++) {
        tls->only_tls_1_2 = only_1_2 != 0;
        rig_tls_be(tls, &tls->server, crl);
        refuse_agency(rig, &tls->agency, ": the peer says that our certificate has been revoked");
        refuse_agency(rig, &foreign, ": the peer does not know the CA of our certificate");
        refuse_agency(rig, NULL,
                      only_1_2 != 0 ? ": the peer finds nothing in common with us"
                                    : ": the peer wants a certificate, and none was shown "
                                      "(tls.certificate, tls.key)");
    }
    issuer_close(stranger);
}

/* A server whose certificates are changed while the agency is at work: for a while a wrong one. */
static void what_is_wrong_after_an_answer_is_tried_again(void **state)
{
    struct rig *rig = *state;
    const struct certificate_wish other = {.names = "DNS:lottery.example"};
    const struct identity named = issuer_issue(rig->tls->authority, "named", &other);
    begin(rig, 2, NULL);
    rig_accept_and_tell(rig, open_state);
    rig_expect_batch(rig, 1, 2);
    rig_hang_up(rig);
    rig_tls_be(rig->tls, &named, "");
    accept_plainly(rig);
    rig_tls_greet_in_vain(rig->tls, rig->connection);
    rig_await_output(rig, "WARNING  action: connection_lost | result: fail | server: 127.0.0.1");
    rig_await_output(rig, "for another name");
    rig_tls_be(rig->tls, &rig->tls->server, "");
    rig_accept_and_tell(rig, open_state);
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
}

/* Whatever comes first: a connection, in which the handshake fails, or what the agency prints. */
static void refuse_until_the_agency_ends(struct rig *rig)
{
    bool runs = true;
    while (runs) {
        struct pollfd watched[] = {{.fd = rig->listener, .events = POLLIN},
                                   {.fd = rig->output, .events = POLLIN}};
        assert_true(poll(watched, 2, DEADLINE_MS) > 0);
        if (watched[0].revents != 0) {
            accept_plainly(rig);
            rig_tls_greet_in_vain(rig->tls, rig->connection);
        }
        runs = watched[1].revents == 0 || rig_read_output(rig);
    }
}

static void what_stays_wrong_for_a_lapse_ends_with_the_same_status(void **state)
{
    struct rig *rig = *state;
    const struct certificate_wish other = {.names = "DNS:lottery.example"};
    const struct identity named = issuer_issue(rig->tls->authority, "named", &other);
    begin(rig, 2, "CLI_LOOP_LAPSE=500ms");
    rig_accept_and_tell(rig, open_state);
    rig_expect_batch(rig, 1, 2);
    rig_hang_up(rig);
    rig_tls_be(rig->tls, &named, "");
    refuse_until_the_agency_ends(rig);
    rig_expect_exit(rig, EXIT_UNTRUSTED);
    rig_expect_printed(rig, "for another name than the one it was looked for by "
                            "(tls.server_name) | gave_up_after_ms: 500");
}

/* ----------------------------------------------------------- only one speaks TLS ---- */

/* A plain agency, to which the server says this. */
static void meet_tls_server(struct rig *rig, const char *bytes, size_t count)
{
    struct rig_tls *tls = rig->tls;
    rig->tls = NULL;
    rig_begin(rig, 1, NULL);
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    assert_int_equal(send(rig->connection, bytes, count, MSG_NOSIGNAL), count);
    expect_untrusted(rig, "reason: the server speaks TLS: set tls.mode to required | pid: ");
    rig->tls = tls;
}

static void a_plain_agency_is_told_that_the_server_speaks_tls(void **state)
{
    static const char alert[] = {0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46};
    static const char by_code[] =
        "server:1:" MESSAGE_SPEAKS_TLS " alone: set tls.mode to required\r\n";
    static const char by_name[] = "server:ERROR:" MESSAGE_SPEAKS_TLS " only\r\n";
    meet_tls_server(*state, alert, sizeof alert);
    meet_tls_server(*state, by_code, sizeof by_code - 1);
    meet_tls_server(*state, by_name, sizeof by_name - 1);
}

static void a_plain_servers_answer_is_no_tls(void **state)
{
    static const char *const answers[] = {"server:1\r\n", "server:ERROR:a message that is none\r\n",
                                          "HTTP/1.1 400 Bad Request\r\n\r\n"};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        begin(rig, 1, NULL);
        accept_plainly(rig);
        rig_await_readable(rig->connection, "the agency's first record");
        assert_true(send(rig->connection, answers[i], strlen(answers[i]), MSG_NOSIGNAL) > 0);
        expect_untrusted(rig, " does not speak TLS: set tls.mode to required there");
    }
}

/* --------------------------------------------------------- handshakes that fail ---- */

static void a_handshake_that_stalls_is_given_up(void **state)
{
    struct rig *rig = *state;
    begin(rig, 1, "CLI_LOOP_LAPSE=200ms");
    accept_plainly(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    rig_expect_printed(rig, ": no answer to the handshake");
    assert_int_equal(rig_count_printed(rig, " ERROR "), 1);
}

static void a_signal_ends_the_agency_within_the_handshake(void **state)
{
    struct rig *rig = *state;
    begin(rig, 1, NULL);
    accept_plainly(rig);
    rig_await_readable(rig->connection, "the agency's first record");
    rig_expect_graceful_stop(rig);
}

static void a_connection_that_is_lost_in_the_handshake_is_followed_by_another(void **state)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct rig *rig = *state;
    begin(rig, 4, NULL);
    accept_plainly(rig);
    rig_await_readable(rig->connection, "the agency's first record");
    (void)setsockopt(rig->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(rig->connection);
    accept_plainly(rig);
    (void)shutdown(rig->connection, SHUT_WR);
    hold_conversation(rig);
    assert_int_equal(rig_count_printed(rig, "action: connection_lost"), 2);
    rig_expect_printed(rig, ": Connection reset by peer");
    rig_expect_printed(rig, ": the peer has closed the connection");
}

/* -------------------------------------------------------------------- the start ---- */

/* The agency does not start with this identity, and connects to nobody. */
static void expect_no_start(struct rig *rig, const struct identity *agency, const char *setting,
                            const char *text)
{
    rig_start(rig, rig_tls_settings(rig->tls, agency, ENVIRONMENT(setting)));
    rig_expect_exit(rig, PROGRAM_EXIT_CONFIG);
    assert_int_equal(strncmp(rig->printed, "lottery-agency: tls.", 20), 0);
    rig_expect_printed(rig, text);
    assert_int_equal(rig_count_printed(rig, "\n"), 1);
    assert_false(rig_is_readable(rig->listener));
    rig_forget(rig);
}

/* The agency's key under a password, which nobody is there to type. */
static void lock_key(const struct rig_tls *tls, struct identity *locked)
{
    struct program_end end;
    locked->key = stage_path(tls->stage, "locked.key");
    const struct program_plan plan = {.name = "openssl",
                                      .arguments =
                                          ARGUMENTS("ec", "-aes128", "-passout", "pass:x", "-in",
                                                    tls->agency.key, "-out", locked->key)};
    (void)program_run(tls->stage, &plan, &end);
    assert_int_equal(end.status, 0);
    assert_int_equal(chmod(locked->key, 0600), 0);
}

static void what_is_wrong_with_the_files_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    struct rig_tls *tls = rig->tls;
    const struct certificate_wish late = {.names = "URI:urn:lottery:agency:2", .expires_in_s = -60};
    const struct certificate_wish early = {.names = "URI:urn:lottery:agency:2",
                                           .begins_in_s = 3600};
    const struct certificate_wish others = {.names = "URI:urn:lottery:agency:3-5"};
    const struct identity expired = issuer_issue(tls->authority, "expired", &late);
    const struct identity future = issuer_issue(tls->authority, "future", &early);
    const struct identity other = issuer_issue(tls->authority, "other", &others);
    const struct identity mixed = {.certificate = tls->agency.certificate, .key = other.key};
    struct identity locked = {.certificate = tls->agency.certificate};
    const char *pipe_path = stage_path(tls->stage, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    rig_listen(rig);
    static const char *const names[] = {"CERTIFICATE", "KEY", "CA", "CRL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        expect_no_start(rig, &tls->agency,
                        stage_text(tls->stage, "CLI_TLS_%s=%s", names[i], pipe_path),
                        "it is a pipe, and no regular file");
    }
    expect_no_start(rig, &tls->agency, "CLI_TLS_CERTIFICATE=/nowhere/a.pem",
                    "certificate /nowhere/a.pem: No such file or directory");
    expect_no_start(rig, &tls->agency, "CLI_TLS_KEY=/nowhere/a.key", "key /nowhere/a.key: No such");
    expect_no_start(rig, &tls->agency, "CLI_TLS_CA=/nowhere/ca.pem", "CA /nowhere/ca.pem: No such");
    expect_no_start(rig, &tls->agency, "CLI_TLS_CRL=/nowhere/crl.pem",
                    "revocation list /nowhere/crl.pem: No such");
    expect_no_start(rig, &mixed, NULL, "it does not belong to the certificate");
    expect_no_start(rig, &expired, NULL, "expired.pem has expired, at 20");
    expect_no_start(rig, &future, NULL, "future.pem is not valid before 20");
    expect_no_start(rig, &other, NULL,
                    "other.pem is that of agency 3-5, and this is agency 2 (id)");
    rig_start_with(rig, rig_tls_settings(tls, &other, NULL), "-t");
    rig_expect_exit(rig, PROGRAM_EXIT_CONFIG);
    rig_forget(rig);
    lock_key(tls, &locked);
    expect_no_start(rig, &locked, NULL, "(one with a password can't be used)");
    assert_int_equal(chmod(tls->agency.key, 0640), 0);
    expect_no_start(rig, &tls->agency, NULL, "its mode is 0640, so that others may read it: chmod");
}

static void certificates_that_are_rarely_meant_are_a_warning(void **state)
{
    struct rig *rig = *state;
    struct rig_tls *tls = rig->tls;
    const struct certificate_wish soon = {.names = "URI:urn:lottery:agency:2",
                                          .expires_in_s = 29 * DAY_S - 60};
    const struct certificate_wish nobody = {.names = "DNS:agency-2", .expires_in_s = 90 * DAY_S};
    const struct identity ends = issuer_issue(tls->authority, "ends", &soon);
    const struct identity names_none = issuer_issue(tls->authority, "nobody", &nobody);
    rig_begin(rig, 4, rig_tls_settings(tls, &ends, NULL));
    hold_conversation(rig);
    rig_expect_printed(rig, "in 28 days: ask for the next one");
    assert_int_equal(rig_count_printed(rig, " WARNING  action: certificate "), 1);
    rig_forget(rig);
    rig_begin(rig, 4, rig_tls_settings(tls, &names_none, NULL));
    hold_conversation(rig);
    rig_expect_printed(rig, "nobody.pem | reason: it names no agency");
    rig_forget(rig);
    rig->tls = NULL;
    rig_begin(rig, 4, rig_tls_settings(tls, &tls->agency, ENVIRONMENT("CLI_TLS_MODE=off")));
    hold_conversation(rig);
    rig->tls = tls;
    rig_expect_printed(rig, "tls.mode is off");
}

/* ------------------------------------------------------------ other people's TLS ---- */

/* The rig's port is left to another program. */
static const char *leave_port(struct rig *rig)
{
    (void)close(rig->listener);
    rig->listener = -1;
    return strchr(rig->address, ':') + 1;
}

/* What it sends back is the line reversed: the handshakes work, and the probe does not. */
static void openssl_s_server_is_a_peer(void **state)
{
    struct rig *rig = *state;
    const struct rig_tls *tls = rig->tls;
    const struct program_plan plan = {
        .name = "openssl",
        .arguments = ARGUMENTS("s_server", "-accept", rig->address, "-rev", "-Verify", "1",
                               "-verify_return_error", "-cert", tls->server.certificate, "-key",
                               tls->server.key, "-CAfile", tls->authority->path)};
    (void)leave_port(rig);
    struct program *server = program_start(tls->stage, &plan);
    rig_write_bets(rig, 1, 0);
    rig_start(rig, rig_tls_settings(tls, &tls->agency, ENVIRONMENT("CLI_LOOP_AMOUNT=1")));
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "| tls: TLSv1.3 | resumed: no");
    rig_expect_printed(rig, "another line came back: 1");
    rig_expect_printed(rig, "N egasseM ]2 TNEILC[");
    rig_forget(rig);
    rig_start(rig, rig_tls_settings(tls, NULL, NULL));
    rig_expect_exit(rig, EXIT_UNTRUSTED);
    rig_expect_printed(rig, ": the peer wants a certificate, and none was shown");
    (void)program_stop(server, SIGTERM);
}

/* GnuTLS echoes: probes come back, one of them on a resumed connection. */
static void gnutls_serv_is_a_peer(void **state)
{
    struct rig *rig = *state;
    const struct rig_tls *tls = rig->tls;
    const char *const files[] = {
        stage_text(tls->stage, "--x509certfile=%s", tls->server.certificate),
        stage_text(tls->stage, "--x509keyfile=%s", tls->server.key),
        stage_text(tls->stage, "--x509cafile=%s", tls->authority->path)};
    const struct program_plan plan = {
        .name = "gnutls-serv",
        .arguments = ARGUMENTS("--echo", "--require-client-cert", "--verify-client-cert", "--port",
                               leave_port(rig), files[0], files[1], files[2])};
    struct program *server = program_start(tls->stage, &plan);
    rig_write_bets(rig, 1, 0);
    rig_start(rig, rig_tls_settings(tls, &tls->agency, ENVIRONMENT("CLI_LOOP_AMOUNT=2")));
    rig_await_output(rig, "action: loop_finished | result: success | client_id: 2");
    rig_expect_printed(rig, "| resumed: yes");
    rig_expect_graceful_stop(rig);
    rig_forget(rig);
    rig_start(rig, rig_tls_settings(tls, NULL, ENVIRONMENT("CLI_LOOP_AMOUNT=1")));
    rig_expect_exit(rig, EXIT_UNTRUSTED);
    rig_expect_printed(rig, "action: receive_message | result: fail | client_id: 2 | reason: TLS "
                            "with 127.0.0.1:");
    (void)program_stop(server, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TLS_TEST(bets_and_winners_go_by_tls_and_the_agency_is_its_certificate),
        RIG_TLS_TEST(version_1_2_is_spoken_where_it_is_allowed),
        RIG_TLS_TEST(a_record_for_each_byte_is_read_like_any_other),
        RIG_TLS_TEST(what_stands_in_the_stream_does_not_wait_for_the_socket),
        RIG_TLS_TEST(many_batches_leave_in_parts),
        RIG_TLS_TEST(the_next_connection_resumes_the_session),
        RIG_TLS_TEST(a_server_that_closes_after_each_answer_is_gone_on_with_at_once),
        RIG_TLS_TEST(probes_go_by_tls),
        RIG_TLS_TEST(each_fault_of_the_servers_certificate_is_told_and_final),
        RIG_TLS_TEST(each_fault_of_the_agencys_certificate_is_told_and_final),
        RIG_TLS_TEST(what_is_wrong_after_an_answer_is_tried_again),
        RIG_TLS_TEST(what_stays_wrong_for_a_lapse_ends_with_the_same_status),
        RIG_TLS_TEST(a_plain_agency_is_told_that_the_server_speaks_tls),
        RIG_TLS_TEST(a_plain_servers_answer_is_no_tls),
        RIG_TLS_TEST(a_handshake_that_stalls_is_given_up),
        RIG_TLS_TEST(a_signal_ends_the_agency_within_the_handshake),
        RIG_TLS_TEST(a_connection_that_is_lost_in_the_handshake_is_followed_by_another),
        RIG_TLS_TEST(what_is_wrong_with_the_files_is_one_line_and_no_connection),
        RIG_TLS_TEST(certificates_that_are_rarely_meant_are_a_warning),
        RIG_TLS_TEST(openssl_s_server_is_a_peer),
        RIG_TLS_TEST(gnutls_serv_is_a_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
