/*
 * agency.c - see agency.h.
 */
#include "tests/bench/agency.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTS_MAX = 256,           /* of one send: 128 messages */
    ANSWERS_BYTES = 64 * 1024, /* taken at a time */
    RECORD_BYTES = 16 * 1024   /* of TLS */
};

/* What the server's certificate has to be for. */
#define SERVER_NAME "127.0.0.1"

#define NS_PER_SECOND UINT64_C(1000000000)

static const char ack[] = "server:0\r\n";
_Static_assert(sizeof ack - 1 == AGENCY_ACK_BYTES, "the length of an ACK");

uint64_t agency_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------ connecting ---- */

bool agency_connect(struct agency *agency, const struct agency_setting *setting)
{
    const int on = 1;
    agency->began_ns = agency_clock_ns();
    agency->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (agency->socket < 0) {
        return false;
    }
    (void)setsockopt(agency->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    agency->stage = AGENCY_CONNECTING;
    if (connect(agency->socket, (const struct sockaddr *)&setting->server,
                sizeof setting->server) != 0 &&
        errno != EINPROGRESS) {
        agency_close(agency);
        return false;
    }
    return true;
}

/* Goes on where connect(2) has ended. */
static bool finish_connecting(struct agency *agency, const struct agency_setting *setting)
{
    struct failure failure;
    struct sockaddr_in peer;
    socklen_t peer_bytes = sizeof peer;
    int error = 0;
    socklen_t error_bytes = sizeof error;
    if (getsockopt(agency->socket, SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0 || error != 0) {
        return false;
    }
    if (getpeername(agency->socket, (struct sockaddr *)&peer, &peer_bytes) != 0) {
        return errno == ENOTCONN; /* not yet */
    }
    agency->stage = setting->tls == NULL ? AGENCY_CONNECTED : AGENCY_SHAKING;
    if (setting->tls == NULL) {
        return true;
    }
    if (!tls_stream_open_client(&agency->stream, setting->tls, agency->socket, SERVER_NAME,
                                &failure)) {
        (void)fprintf(stderr, "lottery-bench: TLS: %s\n", failure.text);
        return false;
    }
    if (agency->session != NULL) {
        tls_stream_offer(&agency->stream, agency->session);
        SSL_SESSION_free(agency->session);
        agency->session = NULL;
    }
    return true;
}

static bool shake_hands(struct agency *agency)
{
    struct failure failure;
    enum tls_result result = tls_stream_handshake(&agency->stream, &failure);
    if (result == TLS_DONE) {
        agency->stage = AGENCY_CONNECTED;
    } else if (result == TLS_FAILED) {
        (void)fprintf(stderr, "lottery-bench: TLS: %s\n", failure.text);
    }
    return result != TLS_FAILED;
}

void agency_close(struct agency *agency)
{
    if (agency->stream.ssl != NULL) {
        SSL_SESSION_free(agency->session);
        agency->session = tls_stream_session(&agency->stream);
        tls_stream_end(&agency->stream);
        tls_stream_close(&agency->stream);
    }
    if (agency->socket >= 0) {
        (void)close(agency->socket);
    }
    agency->socket = -1;
    agency->stage = AGENCY_AWAY;
    agency->cursor.part = 0;
    agency->is_blocked = false;
    agency->sent = agency->answered;
    agency->answer_bytes = 0;
}

/* ---------------------------------------------------------------- sending ---- */

static uint64_t messages_to_send(const struct agency *agency, const struct agency_setting *setting)
{
    uint64_t to_window = setting->window - (agency->sent - agency->answered);
    uint64_t to_end = agency->send_to - agency->sent;
    return to_window < to_end ? to_window : to_end;
}

bool agency_is_done(const struct agency *agency)
{
    return agency->stage == AGENCY_CONNECTED && agency->sent == agency->send_to &&
           agency->answered == agency->sent;
}

void agency_stop(struct agency *agency, const struct agency_setting *setting)
{
    bool has_begun_one = agency->cursor.part > 0;
    bool has_begun_record = setting->tls != NULL && agency->is_blocked;
    agency->send_to = agency->sent + (has_begun_record ? messages_to_send(agency, setting)
                                                       : (has_begun_one ? 1 : 0));
}

/* Notes that bytes have left. */
static void note_sent(struct agency *agency, const struct agency_setting *setting, size_t bytes)
{
    uint64_t now_ns = setting->counts_connecting ? agency->began_ns : agency_clock_ns();
    size_t whole = messages_advance(setting->messages, &agency->header, &agency->cursor, bytes);
    for (; whole > 0; whole--) {
        agency->sent_ns[agency->sent++ % setting->window] = now_ns;
    }
}

static bool send_plain(struct agency *agency, const struct agency_setting *setting)
{
    struct iovec parts[PARTS_MAX];
    for (uint64_t count = 0; (count = messages_to_send(agency, setting)) > 0;) {
        struct msghdr message = {.msg_iov = parts};
        size_t wanted = 0;
        message.msg_iovlen = messages_list(setting->messages, &agency->header, &agency->cursor,
                                           count, parts, PARTS_MAX);
        for (size_t i = 0; i < message.msg_iovlen; i++) {
            wanted += parts[i].iov_len;
        }
        ssize_t sent = sendmsg(agency->socket, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            agency->is_blocked = errno == EAGAIN;
            return errno == EAGAIN || errno == EINTR;
        }
        note_sent(agency, setting, (size_t)sent);
        agency->is_blocked = (size_t)sent < wanted;
        if (agency->is_blocked) {
            return true; /* the kernel tells when there is room again */
        }
    }
    return true;
}

/* Copies the next bytes to send, at most a record. They are the same ones when they are tried again. */
static size_t copy_record(const struct agency *agency, const struct agency_setting *setting,
                          uint64_t messages, char record[RECORD_BYTES])
{
    struct iovec parts[PARTS_MAX];
    size_t used = 0;
    size_t count = messages_list(setting->messages, &agency->header, &agency->cursor, messages,
                                 parts, PARTS_MAX);
    for (size_t i = 0; i < count && used < RECORD_BYTES; i++) {
        size_t room = RECORD_BYTES - used;
        size_t part = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(record + used, parts[i].iov_base, part);
        used += part;
    }
    return used;
}

static bool send_encrypted(struct agency *agency, const struct agency_setting *setting)
{
    char record[RECORD_BYTES];
    struct failure failure;
    for (uint64_t count = 0; (count = messages_to_send(agency, setting)) > 0;) {
        size_t sent = 0;
        size_t bytes = copy_record(agency, setting, count, record);
        enum tls_result result = tls_stream_write(&agency->stream, record, bytes, &sent, &failure);
        agency->is_blocked = result == TLS_WANTS_READ || result == TLS_WANTS_WRITE;
        if (result != TLS_DONE) {
            return agency->is_blocked;
        }
        note_sent(agency, setting, sent);
    }
    return true;
}

/* ---------------------------------------------------------------- answers ---- */

static void take_answer(struct agency *agency, const struct agency_setting *setting,
                        uint64_t now_ns)
{
    uint64_t took_ns = now_ns - agency->sent_ns[agency->answered++ % setting->window];
    histogram_add(&agency->latency, took_ns, 1);
    if (took_ns > agency->longest_ns) {
        agency->longest_ns = took_ns;
    }
}

/* Takes answers. An answer may come in two pieces, so each byte is compared with its own of an ACK. */
static void take_answers(struct agency *agency, const struct agency_setting *setting,
                         const char *bytes, size_t count)
{
    uint64_t now_ns = agency_clock_ns();
    for (size_t i = 0; i < count;) {
        size_t left = AGENCY_ACK_BYTES - agency->answer_bytes;
        size_t part = count - i < left ? count - i : left;
        bool is_ack = memcmp(bytes + i, ack + agency->answer_bytes, part) == 0;
        if (!is_ack || agency->answered == agency->sent) {
            agency->errors++;
            return;
        }
        i += part;
        agency->answer_bytes = (agency->answer_bytes + part) % AGENCY_ACK_BYTES;
        if (agency->answer_bytes == 0) {
            take_answer(agency, setting, now_ns);
        }
    }
}

/* Takes the answers that are there. False when the connection failed, or an answer was no ACK. */
static bool receive_answers(struct agency *agency, const struct agency_setting *setting)
{
    static char bytes[ANSWERS_BYTES];
    struct failure failure;
    enum tls_result result = TLS_DONE;
    while (result == TLS_DONE && agency->errors == 0) {
        size_t got = 0;
        if (agency->stream.ssl == NULL) {
            ssize_t came = recv(agency->socket, bytes, sizeof bytes, 0);
            bool is_empty = came < 0 && (errno == EAGAIN || errno == EINTR);
            result = came > 0 ? TLS_DONE : is_empty ? TLS_WANTS_READ : TLS_FAILED;
            got = came > 0 ? (size_t)came : 0;
        } else {
            result = tls_stream_read(&agency->stream, bytes, sizeof bytes, &got, &failure);
        }
        take_answers(agency, setting, bytes, got);
        if (agency->stream.ssl == NULL && got > 0 && got < sizeof bytes) {
            break; /* the socket is empty; the next bytes are another edge */
        }
    }
    return agency->errors == 0 && result != TLS_ENDED && result != TLS_FAILED;
}

bool agency_go_on(struct agency *agency, const struct agency_setting *setting)
{
    if (agency->stage == AGENCY_CONNECTING && !finish_connecting(agency, setting)) {
        return false;
    }
    if (agency->stage == AGENCY_SHAKING && !shake_hands(agency)) {
        return false;
    }
    if (agency->stage != AGENCY_CONNECTED) {
        return true;
    }
    if (agency->sent > agency->answered && !receive_answers(agency, setting)) {
        return false;
    }
    return setting->tls == NULL ? send_plain(agency, setting) : send_encrypted(agency, setting);
}
