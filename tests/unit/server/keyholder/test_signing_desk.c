/*
 * test_signing_desk.c - what handlers ask for comes back signed, or is refused, and nothing that
 * they send does harm.
 *
 * A child plays the keyholder, with the desk alone, where libssl has to wait for it. Rubbish is
 * sent and taken within the test's process.
 */
#include "server/keyholder/signing_desk.h"

#include "lib/log.h"
#include "server/keyholder/private_key.h"
#include "tests/harness/certificates.h"
#include "tests/harness/handshakes.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { MODE = 0600, PATH_BYTES = 128, INPUT_BYTES = 130, DESCRIPTORS_LOOKED_AT = 256, MANY = 1000 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct key_channel channel;
    struct held_key held;
    EVP_PKEY *private_key;
    X509 *certificate;
    char certificate_path[PATH_BYTES], key_path[PATH_BYTES];
    struct shared_keyholder *figures;
    bool dies; /* the child that plays the keyholder dies over its first request */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dies = false};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    fixture.figures = mmap(NULL, sizeof *fixture.figures, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fixture.figures, MAP_FAILED);
    (void)snprintf(fixture.certificate_path, PATH_BYTES, "%s/cert.pem", fixture.scratch.path);
    (void)snprintf(fixture.key_path, PATH_BYTES, "%s/key.pem", fixture.scratch.path);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    held_key_close(&fixture->held);
    key_channel_close(&fixture->channel);
    X509_free(fixture->certificate);
    EVP_PKEY_free(fixture->private_key);
    (void)munmap(fixture->figures, sizeof *fixture->figures);
    scratch_close(&fixture->scratch);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* A key, its files, and the channel. */
static void open_all(struct fixture *fixture, const char *kind)
{
    struct failure failure = {.text = ""};
    fixture->private_key = self_signed_key(kind);
    fixture->certificate = self_signed_certificate(fixture->private_key);
    self_signed_write_key(fixture->private_key, fixture->key_path, MODE, NULL);
    self_signed_write_certificate(fixture->private_key, fixture->certificate_path);
    if (!key_channel_open(&fixture->channel, &failure) ||
        !held_key_open(&fixture->held, &fixture->channel, fixture->certificate_path,
                       fixture->key_path, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void close_all(struct fixture *fixture)
{
    held_key_close(&fixture->held);
    key_channel_close(&fixture->channel);
    X509_free(fixture->certificate);
    EVP_PKEY_free(fixture->private_key);
    fixture->certificate = NULL;
    fixture->private_key = NULL;
}

static struct signing_desk desk_of(const struct fixture *fixture)
{
    return (struct signing_desk){.take = fixture->channel.take,
                                 .allows_tls12 = fixture->held.allows_tls12,
                                 .key = fixture->private_key,
                                 .figures = fixture->figures};
}

/* ------------------------------------------------------------- a keyholder ---- */

/* A child: reads the key from its file, as a keyholder does, and serves until it is killed. */
static int hold_key(void *context)
{
    struct fixture *fixture = context;
    struct failure failure;
    EVP_PKEY *key = private_key_read(&fixture->held, &failure);
    if (key == NULL) {
        return 1;
    }
    struct signing_desk desk = desk_of(fixture);
    desk.key = key;
    for (;;) {
        struct pollfd poll_end = {.fd = desk.take, .events = POLLIN};
        (void)poll(&poll_end, 1, -1);
        if (fixture->dies) {
            char byte = 0;
            (void)recv(desk.take, &byte, 1, 0); /* and closes what came with it */
            return 0;
        }
        if (signing_desk_serve(&desk) == DESK_SHUT) {
            return 0;
        }
    }
}

static uint64_t figure(const _Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

static void a_handshake_is_signed_by_another_process(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA", "ED25519"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        open_all(fixture, kinds[i]);
        fixture->held.allows_tls12 = true;
        pid_t pid = processes_start(&fixture->processes, hold_key, fixture);
        uint64_t before = figure(&fixture->figures->signatures);
        EVP_PKEY *key = fixture->held.remote.key;
        assert_true(handshakes_verify(fixture->certificate, key, TLS1_3_VERSION, NULL));
        assert_true(handshakes_verify(fixture->certificate, key, TLS1_2_VERSION, NULL));
        assert_int_equal(figure(&fixture->figures->signatures), before + 2);
        (void)processes_kill(&fixture->processes, pid);
        close_all(fixture);
    }
    assert_int_equal(figure(&fixture->figures->refused), 0);
}

static void tls_1_2_is_signed_only_where_it_is_allowed(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    (void)processes_start(&fixture->processes, hold_key, fixture);
    EVP_PKEY *key = fixture->held.remote.key;
    assert_false(handshakes_verify(fixture->certificate, key, TLS1_2_VERSION, NULL));
    assert_int_equal(figure(&fixture->figures->refused), 1);
    assert_true(handshakes_verify(fixture->certificate, key, TLS1_3_VERSION, NULL));
}

/* Handlers that ask while there is no keyholder are answered by the next one. */
static int verify_a_handshake(void *context)
{
    struct fixture *fixture = context;
    return handshakes_verify(fixture->certificate, fixture->held.remote.key, TLS1_3_VERSION, NULL)
               ? 0
               : 1;
}

static void what_waits_is_signed_by_the_next_keyholder(void **state)
{
    enum { HANDLERS = 20 };
    struct fixture *fixture = *state;
    pid_t handlers[HANDLERS];
    open_all(fixture, "P-256");
    for (int i = 0; i < HANDLERS; i++) {
        handlers[i] = processes_start(&fixture->processes, verify_a_handshake, fixture);
    }
    fixture->dies = true; /* over the first request, whose handler asks again */
    pid_t first = processes_start(&fixture->processes, hold_key, fixture);
    processes_expect_exit(&fixture->processes, first, 0);
    fixture->dies = false;
    (void)processes_start(&fixture->processes, hold_key, fixture);
    for (int i = 0; i < HANDLERS; i++) {
        processes_expect_exit(&fixture->processes, handlers[i], 0);
    }
    assert_int_equal(figure(&fixture->figures->signatures), HANDLERS);
}

/* Nobody takes the request: the handler gives up in time. */
static void nobody_waits_for_ever(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    int64_t began_ms = processes_now_ms();
    EVP_PKEY *key = fixture->held.remote.key;
    assert_false(handshakes_verify(fixture->certificate, key, TLS1_3_VERSION, NULL));
    int64_t took_ms = processes_now_ms() - began_ms;
    assert_in_range(took_ms, KEY_CHANNEL_PATIENCE_MS, 2 * KEY_CHANNEL_PATIENCE_MS);
    /* its request is found without anybody who waits for it */
    const struct signing_desk desk = desk_of(fixture);
    assert_int_equal(signing_desk_serve(&desk), DESK_SERVED);
    assert_int_equal(signing_desk_serve(&desk), DESK_EMPTY);
    assert_int_equal(figure(&fixture->figures->abandoned), 1);
    assert_int_equal(figure(&fixture->figures->signatures), 0);
}

/* ----------------------------------------------------------------- rubbish ---- */

/* Sends bytes with so many copies of a descriptor. */
static void send_raw(const struct fixture *fixture, const void *bytes, size_t count, int descriptor,
                     size_t copies)
{
    enum { COPIES_MAX = 8 };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * COPIES_MAX)];
    } control = {.bytes = ""};
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (copies > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * copies);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * copies);
        for (size_t i = 0; i < copies; i++) {
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &descriptor, sizeof descriptor);
        }
    }
    assert_int_equal(sendmsg(fixture->channel.ask, &message, MSG_DONTWAIT), (ssize_t)count);
}

/* A request that is signed. */
static struct key_request good_request(void)
{
    static const char context[] = "TLS 1.3, server CertificateVerify";
    struct key_request request = {.scheme = SIGNING_ECDSA_SHA256, .input_bytes = INPUT_BYTES};
    memset(request.input, ' ', 64);
    memcpy(request.input + 64, context, sizeof context);
    return request;
}

static size_t bytes_of(const struct key_request *request)
{
    return offsetof(struct key_request, input) + request->input_bytes;
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    for (int i = 0; i < DESCRIPTORS_LOOKED_AT; i++) {
        count += fcntl(i, F_GETFD) >= 0;
    }
    return count;
}

/* Sends the request, has it taken, and returns the verdict that came. */
static uint16_t ask(const struct fixture *fixture, const struct key_request *request)
{
    int ends[2];
    struct key_answer answer = {.verdict = UINT16_MAX};
    const struct signing_desk desk = desk_of(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    send_raw(fixture, request, bytes_of(request), ends[1], 1);
    (void)close(ends[1]);
    assert_int_equal(signing_desk_serve(&desk), DESK_SERVED);
    ssize_t got = recv(ends[0], &answer, sizeof answer, MSG_DONTWAIT);
    assert_int_equal(got, (ssize_t)offsetof(struct key_answer, signature) + answer.signature_bytes);
    (void)close(ends[0]);
    return answer.verdict;
}

static void a_message_that_is_no_request_is_dropped_and_counted(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    const struct key_request good = good_request();
    struct key_request lies = good;
    const struct signing_desk desk = desk_of(fixture);
    char big[4 * sizeof good] = "";
    int ends[2];
    uint64_t sent = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    unsigned before = count_descriptors();
    for (size_t cut = 0; cut < bytes_of(&good); cut++, sent++) {
        send_raw(fixture, &good, cut, ends[1], 1);
        assert_int_equal(signing_desk_serve(&desk), DESK_SERVED);
    }
    send_raw(fixture, "", 0, -1, 0); /* reads like the end */
    send_raw(fixture, &good, bytes_of(&good), -1, 0);
    send_raw(fixture, &good, bytes_of(&good) + 1, ends[1], 1);
    send_raw(fixture, &good, bytes_of(&good), ends[1], 2);
    send_raw(fixture, &good, bytes_of(&good), ends[1], 8);
    send_raw(fixture, big, sizeof big, ends[1], 1);
    lies.input_bytes = UINT16_MAX;
    send_raw(fixture, &lies, sizeof lies, ends[1], 1);
    for (int i = 0; i < 7; i++, sent++) {
        assert_int_equal(signing_desk_serve(&desk), DESK_SERVED);
    }
    assert_int_equal(signing_desk_serve(&desk), DESK_EMPTY);
    assert_int_equal(figure(&fixture->figures->malformed), sent);
    assert_int_equal(figure(&fixture->figures->signatures), 0);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(ask(fixture, &good), KEY_SIGNED);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void nothing_but_a_server_s_handshake_is_signed(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    struct key_request request = good_request();
    assert_int_equal(ask(fixture, &request), KEY_SIGNED);
    memcpy(request.input + 64, "TLS 1.3, client", strlen("TLS 1.3, client"));
    assert_int_equal(ask(fixture, &request), KEY_REFUSED);
    request = good_request();
    request.input_bytes--;
    assert_int_equal(ask(fixture, &request), KEY_REFUSED);
    request.input_bytes = 0;
    assert_int_equal(ask(fixture, &request), KEY_REFUSED);
    request = good_request();
    request.scheme = SIGNING_RSA_PKCS1_SHA256; /* TLS 1.3 has no such one */
    assert_int_equal(ask(fixture, &request), KEY_REFUSED);
    assert_int_equal(figure(&fixture->figures->refused), 4);
    static const uint16_t others[] = {SIGNING_RSA_PSS_SHA256, SIGNING_ED25519, 0, UINT16_MAX};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        request.scheme = others[i]; /* not with this key */
        assert_int_equal(ask(fixture, &request), KEY_FAILED);
    }
}

/* Answers that nobody takes, and descriptors that are no sockets, don't make it wait. */
static void it_never_waits_for_who_has_asked(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    const struct key_request good = good_request();
    const struct signing_desk desk = desk_of(fixture);
    int full[2];
    int fifo[2];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int file = open(fixture->key_path, O_RDONLY | O_CLOEXEC);
    const struct linger long_time = {.l_onoff = 1, .l_linger = 60};
    assert_true(listener >= 0 && file >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, full), 0);
    assert_int_equal(pipe2(fifo, O_CLOEXEC), 0);
    while (send(full[1], &good, sizeof good, MSG_DONTWAIT) > 0) {
    }
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time), 0);
    const int wrong[] = {full[1], fifo[0], fifo[1], listener, file, fixture->channel.ask};
    int64_t began_ms = processes_now_ms();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        send_raw(fixture, &good, bytes_of(&good), wrong[i], 1);
        assert_int_equal(signing_desk_serve(&desk), DESK_SERVED);
    }
    assert_true(processes_now_ms() - began_ms < KEY_CHANNEL_PATIENCE_MS);
    const int opened[] = {full[0], full[1], fifo[0], fifo[1], listener, file};
    for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++) {
        (void)close(opened[i]);
    }
    while (signing_desk_serve(&desk) == DESK_SERVED) { /* what it has sent to itself */
    }
    assert_int_equal(ask(fixture, &good), KEY_SIGNED);
}

static void a_channel_that_is_shut_down_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    open_all(fixture, "P-256");
    const struct key_request good = good_request();
    struct signing_desk desk = desk_of(fixture);
    assert_int_equal(shutdown(fixture->channel.ask, SHUT_RD), 0); /* does no harm */
    assert_int_equal(signing_desk_serve(&desk), DESK_EMPTY);
    assert_int_equal(ask(fixture, &good), KEY_SIGNED);
    assert_int_equal(shutdown(fixture->channel.ask, SHUT_RDWR), 0);
    assert_int_equal(signing_desk_serve(&desk), DESK_SHUT);
    assert_true(key_channel_renew(&fixture->channel, &failure));
    assert_int_equal(ask(fixture, &good), KEY_SIGNED);
}

/* ------------------------------------------------------------------ the key ---- */

static void expect_unreadable(struct fixture *fixture, const char *reason)
{
    struct failure failure = {.text = ""};
    EVP_PKEY *key = private_key_read(&fixture->held, &failure);
    if (key != NULL || strstr(failure.text, reason) == NULL) {
        fail_msg("\"%s\" is missing in: %s", reason, failure.text);
    }
    assert_non_null(strstr(failure.text, fixture->key_path));
}

static void a_key_that_can_not_be_used_is_told(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    EVP_PKEY *other = self_signed_key("P-256");
    EVP_PKEY *rsa = self_signed_key("RSA");
    self_signed_write_key(other, fixture->key_path, MODE, NULL);
    expect_unreadable(fixture, "is not the key of tls.certificate");
    self_signed_write_key(rsa, fixture->key_path, MODE, NULL);
    expect_unreadable(fixture, "is not the key of tls.certificate");
    self_signed_write_key(fixture->private_key, fixture->key_path, MODE, "password");
    expect_unreadable(fixture, "is encrypted");
    self_signed_write_certificate(fixture->private_key, fixture->key_path);
    expect_unreadable(fixture, "has no private key in PEM");
    scratch_write(&fixture->scratch, "key.pem", "", 0);
    expect_unreadable(fixture, "has no private key in PEM");
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
}

static void a_file_that_is_open_to_others_is_refused(void **state)
{
    static const mode_t open_modes[] = {0644, 0604, 0660, 0610, 0777, 0602};
    static const mode_t private_modes[] = {0600, 0400, 0700};
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    open_all(fixture, "P-256");
    held_key_close(&fixture->held);
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(chmod(fixture->key_path, open_modes[i]), 0);
        assert_false(held_key_open(&fixture->held, &fixture->channel, fixture->certificate_path,
                                   fixture->key_path, &failure));
        assert_non_null(strstr(failure.text, "is open to others"));
    }
    for (size_t i = 0; i < sizeof private_modes / sizeof private_modes[0]; i++) {
        assert_int_equal(chmod(fixture->key_path, private_modes[i]), 0);
        assert_true(held_key_open(&fixture->held, &fixture->channel, fixture->certificate_path,
                                  fixture->key_path, &failure));
        held_key_close(&fixture->held);
    }
    assert_int_equal(chmod(fixture->key_path, 0640), 0); /* a group reads root's file */
    assert_int_equal(held_key_open(&fixture->held, &fixture->channel, fixture->certificate_path,
                                   fixture->key_path, &failure),
                     geteuid() == 0);
}

/* More requests than the channel holds, from handlers that never read: memory does not grow. */
static void a_crowd_is_served_in_turn(void **state)
{
    struct fixture *fixture = *state;
    open_all(fixture, "P-256");
    const struct key_request good = good_request();
    const struct signing_desk desk = desk_of(fixture);
    unsigned before = count_descriptors();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ask(fixture, &good), KEY_SIGNED);
    }
    assert_int_equal(signing_desk_serve(&desk), DESK_EMPTY);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(figure(&fixture->figures->signatures), MANY);
}

#define DESK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_handshake_is_signed_by_another_process),
        DESK_TEST(tls_1_2_is_signed_only_where_it_is_allowed),
        DESK_TEST(what_waits_is_signed_by_the_next_keyholder),
        DESK_TEST(nobody_waits_for_ever),
        DESK_TEST(a_message_that_is_no_request_is_dropped_and_counted),
        DESK_TEST(nothing_but_a_server_s_handshake_is_signed),
        DESK_TEST(it_never_waits_for_who_has_asked),
        DESK_TEST(a_channel_that_is_shut_down_is_told),
        DESK_TEST(a_key_that_can_not_be_used_is_told),
        DESK_TEST(a_file_that_is_open_to_others_is_refused),
        DESK_TEST(a_crowd_is_served_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
