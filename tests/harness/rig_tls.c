/*
 * rig_tls.c - see rig_tls.h.
 */
#include "tests/harness/rig_tls.h"

#include "tests/harness/deadline.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SETTINGS_MAX = 8 };

#define DAY_S INT64_C(86400)

/* -------------------------------------------------------------- the fixture ---- */

int rig_tls_set_up(void **state)
{
    static const struct certificate_wish server_wish = {.names = "DNS:localhost,IP:127.0.0.1"};
    static const struct certificate_wish agency_wish = {.names = "URI:urn:lottery:agency:2",
                                                        .expires_in_s = 90 * DAY_S};
    void *stage = NULL;
    (void)signal(SIGPIPE, SIG_IGN); /* a send to an agency that has gone fails, and no more */
    if (stage_set_up(&stage) != 0 || rig_set_up(state) != 0) {
        return -1;
    }
    struct rig *rig = *state;
    rig->tls = stage_allocate(stage, sizeof *rig->tls);
    rig->tls->stage = stage;
    rig->tls->authority = issuer_open(stage, "ca");
    rig->tls->server = issuer_issue(rig->tls->authority, "server", &server_wish);
    rig->tls->agency = issuer_issue(rig->tls->authority, "agency", &agency_wish);
    rig_tls_be(rig->tls, &rig->tls->server, "");
    return 0;
}

int rig_tls_tear_down(void **state)
{
    struct rig *rig = *state;
    struct rig_tls *tls = rig->tls;
    void *stage = tls->stage;
    tls_stream_close(&tls->stream);
    tls_context_close(&tls->context);
    issuer_close(tls->authority);
    int down = rig_tear_down(state);
    return stage_tear_down(&stage) == 0 ? down : -1;
}

void rig_tls_be(struct rig_tls *tls, const struct identity *server, const char *crl)
{
    const struct tls_files files = {.certificate = server->certificate,
                                    .ca = tls->authority->path,
                                    .crl = crl,
                                    .minimum = TLS_MINIMUM_1_2};
    FILE *file = fopen(server->key, "re");
    assert_non_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    tls_context_close(&tls->context);
    if (!tls_server_context_open(&tls->context, &files, key, true, &tls->failure)) {
        fail_msg("%s", tls->failure.text);
    }
    EVP_PKEY_free(key);
    if (tls->only_tls_1_2) {
        assert_int_equal(SSL_CTX_set_max_proto_version(tls->context.ssl, TLS1_2_VERSION), 1);
    }
}

const char *const *rig_tls_settings(const struct rig_tls *tls, const struct identity *identity,
                                    const char *const *more)
{
    const char **settings = stage_allocate(tls->stage, (SETTINGS_MAX + 1) * sizeof *settings);
    size_t count = 0;
    settings[count++] = "CLI_TLS_MODE=required";
    settings[count++] = stage_text(tls->stage, "CLI_TLS_CA=%s", tls->authority->path);
    if (identity != NULL) {
        settings[count++] = stage_text(tls->stage, "CLI_TLS_CERTIFICATE=%s", identity->certificate);
        settings[count++] = stage_text(tls->stage, "CLI_TLS_KEY=%s", identity->key);
    }
    while (more != NULL && *more != NULL && count < SETTINGS_MAX) {
        settings[count++] = *more++;
    }
    return settings;
}

/* ---------------------------------------------------------------- the server ---- */

/* True where the call that said so has to be made again. */
static bool is_to_be_repeated(const struct rig_tls *tls, enum tls_result result)
{
    struct pollfd watched = {.fd = SSL_get_fd(tls->stream.ssl),
                             .events = result == TLS_WANTS_READ ? POLLIN : POLLOUT};
    if (result != TLS_WANTS_READ && result != TLS_WANTS_WRITE) {
        return false;
    }
    if (poll(&watched, 1, DEADLINE_MS) != 1) {
        fail_msg("waited for the agency's TLS in vain");
    }
    return true;
}

static enum tls_result shake_hands(struct rig_tls *tls, int connection)
{
    enum tls_result result = TLS_WANTS_READ;
    tls_stream_close(&tls->stream);
    assert_int_equal(fcntl(connection, F_SETFL, O_NONBLOCK), 0);
    assert_true(tls_stream_open_server(&tls->stream, &tls->context, connection, &tls->failure));
    do {
        result = tls_stream_handshake(&tls->stream, &tls->failure);
    } while (is_to_be_repeated(tls, result));
    return result;
}

void rig_tls_greet(struct rig_tls *tls, int connection)
{
    if (shake_hands(tls, connection) != TLS_DONE) {
        fail_msg("the handshake with the agency failed: %s", tls->failure.text);
    }
}

/*
 * Waits until the agency has closed, as the real server does: if what it sends meanwhile were
 * unread, the kernel would reset the connection, and the agency might not get the alert.
 */
static void await_hang_up(int connection)
{
    enum { UNREAD_BYTES = 4096 };
    char unread[UNREAD_BYTES];
    struct pollfd watched = {.fd = connection, .events = POLLIN};
    (void)shutdown(connection, SHUT_WR);
    while (poll(&watched, 1, DEADLINE_MS) == 1 &&
           recv(connection, unread, sizeof unread, MSG_DONTWAIT) > 0) {
    }
}

void rig_tls_greet_in_vain(struct rig_tls *tls, int connection)
{
    char byte = 0;
    if (shake_hands(tls, connection) == TLS_DONE) {
        assert_true(rig_tls_receive(tls, &byte, 1) < 0);
    }
    await_hang_up(connection);
}

ssize_t rig_tls_receive(struct rig_tls *tls, char *bytes, size_t capacity)
{
    size_t got = 0;
    enum tls_result result = TLS_WANTS_READ;
    do {
        result = tls_stream_read(&tls->stream, bytes, capacity, &got, &tls->failure);
    } while (is_to_be_repeated(tls, result));
    return result == TLS_DONE ? (ssize_t)got : result == TLS_ENDED ? 0 : -1;
}

void rig_tls_send(struct rig_tls *tls, const char *bytes, size_t count)
{
    while (count > 0) {
        size_t part =
            tls->record_bytes > 0 && tls->record_bytes < count ? tls->record_bytes : count;
        size_t written = 0;
        enum tls_result result =
            tls_stream_write(&tls->stream, bytes, part, &written, &tls->failure);
        if (result == TLS_DONE) {
            bytes += written;
            count -= written;
        } else if (!is_to_be_repeated(tls, result)) {
            fail_msg("sending to the agency: %s", tls->failure.text);
        }
    }
}

void rig_tls_end(struct rig_tls *tls)
{
    tls_stream_end(&tls->stream);
    tls_stream_close(&tls->stream);
}
