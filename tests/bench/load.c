/*
 * load.c - see load.h.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROW_BYTES_MAX = 64, HEADER_BYTES_MAX = 24, WINDOW_MAX = 4096, ANSWER_TIMEOUT_MS = 30000 };

/* What the server's certificate has to be for. */
#define SERVER_NAME "127.0.0.1"

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS     UINT64_C(1000000)

static const char ack[] = "server:0\r\n";
enum { ACK_BYTES = sizeof ack - 1 };

uint64_t load_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------- messages ---- */

/* A row like the real ones, 45 bytes on average. */
static int write_row(char *out, unsigned serial)
{
    static const char *const names[] = {"Santiago Lionel", "Agustina",     "Tiago Nicolás", "Ciro",
                                        "Valentina",       "Martina Pilar"};
    static const char *const surnames[] = {"Lorca", "Zambrano", "Fernorón", "Hernández", "Saldaña"};
    return snprintf(out, ROW_BYTES_MAX, "%s,%s,%u,%04u-%02u-%02u,%u\n", names[serial % 6],
                    surnames[serial % 5], 20000000 + serial % 20000000, 1950 + serial % 60,
                    1 + serial % 12, 1 + serial % 28, serial % 7574);
}

bool load_make_messages(struct load_messages *messages, unsigned agency, unsigned batch_bets,
                        size_t bytes_wanted)
{
    size_t message_bytes_max = HEADER_BYTES_MAX + (size_t)batch_bets * ROW_BYTES_MAX;
    size_t count = bytes_wanted / (HEADER_BYTES_MAX + (size_t)batch_bets * 45) + 1;
    messages->bytes = malloc(count * message_bytes_max);
    messages->offsets = calloc(count + 1, sizeof *messages->offsets);
    if (messages->bytes == NULL || messages->offsets == NULL) {
        return false;
    }
    size_t used = 0;
    unsigned serial = agency * 7919;
    for (messages->count = 0; messages->count < count; messages->count++) {
        messages->offsets[messages->count] = used;
        used += (size_t)sprintf(messages->bytes + used, "%u:4:", agency);
        for (unsigned i = 0; i < batch_bets; i++) {
            used += (size_t)write_row(messages->bytes + used, serial++);
        }
        used += (size_t)sprintf(messages->bytes + used, "\r\n");
    }
    messages->offsets[count] = used;
    return true;
}

void load_free_messages(struct load_messages *messages)
{
    free(messages->bytes);
    free(messages->offsets);
}

int load_connect(const struct sockaddr_in *server)
{
    const int on = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 &&
        connect(descriptor, (const struct sockaddr *)server, sizeof *server) != 0) {
        (void)close(descriptor);
        return -1;
    }
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

/* ------------------------------------------------------------ connections ---- */

static bool await(const struct load_connection *connection, short events)
{
    struct pollfd watched = {.fd = connection->socket, .events = events};
    return poll(&watched, 1, ANSWER_TIMEOUT_MS) > 0;
}

/* Waits for what a call of the stream has asked for. False where there is nothing to wait for. */
static bool await_stream(const struct load_connection *connection, enum tls_result result)
{
    return (result == TLS_WANTS_READ && await(connection, POLLIN)) ||
           (result == TLS_WANTS_WRITE && await(connection, POLLOUT));
}

static bool shake_hands(struct load_connection *connection, const struct load_plan *plan,
                        SSL_SESSION **session)
{
    struct failure failure = {.text = "the socket can't be made not to block"};
    enum tls_result result = TLS_FAILED;
    if (fcntl(connection->socket, F_SETFL, O_NONBLOCK) == 0 &&
        tls_stream_open_client(&connection->stream, plan->tls, connection->socket, SERVER_NAME,
                               &failure)) {
        if (*session != NULL) {
            tls_stream_offer(&connection->stream, *session);
            SSL_SESSION_free(*session);
            *session = NULL;
        }
        do {
            result = tls_stream_handshake(&connection->stream, &failure);
        } while (await_stream(connection, result));
    }
    if (result != TLS_DONE) {
        (void)fprintf(stderr, "lottery-bench: TLS: %s\n", failure.text);
    }
    return result == TLS_DONE;
}

bool load_open(struct load_connection *connection, const struct load_plan *plan,
               SSL_SESSION **session)
{
    *connection = (struct load_connection){.socket = load_connect(&plan->server)};
    if (connection->socket >= 0 && (plan->tls == NULL || shake_hands(connection, plan, session))) {
        return true;
    }
    load_close(connection, session);
    return false;
}

void load_close(struct load_connection *connection, SSL_SESSION **session)
{
    if (connection->stream.ssl != NULL) {
        SSL_SESSION_free(*session);
        *session = tls_stream_session(&connection->stream);
        tls_stream_end(&connection->stream);
        tls_stream_close(&connection->stream);
    }
    if (connection->socket >= 0) {
        (void)close(connection->socket);
    }
    connection->socket = -1;
}

/* Sends what goes without waiting. Returns the bytes, maybe 0; -1: it failed. */
static ssize_t send_some(struct load_connection *connection, const char *bytes, size_t count)
{
    struct failure failure;
    enum tls_result result = TLS_DONE;
    size_t sent = 0;
    if (connection->stream.ssl == NULL) {
        ssize_t moved = send(connection->socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        return moved >= 0 ? moved : errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    while (sent < count && result == TLS_DONE) { /* a record each time */
        size_t part = 0;
        result = tls_stream_write(&connection->stream, bytes + sent, count - sent, &part, &failure);
        sent += result == TLS_DONE ? part : 0;
    }
    return result == TLS_ENDED || result == TLS_FAILED ? -1 : (ssize_t)sent;
}

/* Receives what is there. Returns the bytes, maybe 0; -1: it failed, or the server has closed. */
static ssize_t receive_some(struct load_connection *connection, char *bytes, size_t capacity)
{
    struct failure failure;
    size_t got = 0;
    if (connection->stream.ssl == NULL) {
        ssize_t moved = recv(connection->socket, bytes, capacity, MSG_DONTWAIT);
        return moved > 0 ? moved : moved < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    enum tls_result result = tls_stream_read(&connection->stream, bytes, capacity, &got, &failure);
    connection->has_pending = result == TLS_DONE && tls_stream_has_pending(&connection->stream);
    return result == TLS_DONE                                      ? (ssize_t)got
           : result == TLS_WANTS_READ || result == TLS_WANTS_WRITE ? 0
                                                                   : -1;
}

/* ---------------------------------------------------------------- window ---- */

/* The state of one connection: which message is next, and when the unanswered ones left. */
struct sender {
    struct load_connection *connection;
    const struct load_plan *plan;
    const struct load_messages *messages;
    struct load_result *result;
    size_t next;                  /* message to send next */
    size_t part_sent;             /* bytes of it that have left already */
    uint64_t sent_ns[WINDOW_MAX]; /* of the unanswered messages, a ring */
    uint64_t sent, answered;      /* messages */
    char answers[ACK_BYTES * WINDOW_MAX];
    size_t answer_bytes;
};

/* As many messages as the window takes and as stand in a row in memory, in one send. */
static bool send_window(struct sender *sender)
{
    const struct load_messages *messages = sender->messages;
    uint64_t room = sender->plan->window - (sender->sent - sender->answered);
    size_t to = sender->next + room < messages->count ? sender->next + room : messages->count;
    if (to == sender->next) {
        return true;
    }
    size_t from_byte = messages->offsets[sender->next] + sender->part_sent;
    ssize_t sent = send_some(sender->connection, messages->bytes + from_byte,
                             messages->offsets[to] - from_byte);
    if (sent <= 0) {
        return sent == 0;
    }
    uint64_t now = load_clock_ns();
    size_t end = from_byte + (size_t)sent;
    while (sender->next < to && messages->offsets[sender->next + 1] <= end) {
        sender->sent_ns[sender->sent++ % WINDOW_MAX] = now;
        sender->next++;
    }
    sender->part_sent = end - messages->offsets[sender->next];
    if (sender->next == messages->count) {
        sender->next = 0;
    }
    return true;
}

static void take_answers(struct sender *sender)
{
    uint64_t now = load_clock_ns();
    size_t whole = sender->answer_bytes / ACK_BYTES;
    for (size_t i = 0; i < whole; i++) {
        if (memcmp(sender->answers + i * ACK_BYTES, ack, ACK_BYTES) != 0) {
            sender->result->errors++;
        }
        uint64_t left_ns = sender->sent_ns[sender->answered++ % WINDOW_MAX];
        histogram_add(&sender->result->latency, now - left_ns, 1);
    }
    sender->answer_bytes -= whole * ACK_BYTES;
    memmove(sender->answers, sender->answers + whole * ACK_BYTES, sender->answer_bytes);
}

static bool receive_answers(struct sender *sender)
{
    ssize_t got = receive_some(sender->connection, sender->answers + sender->answer_bytes,
                               sizeof sender->answers - sender->answer_bytes);
    if (got > 0) {
        sender->answer_bytes += (size_t)got;
        take_answers(sender);
    }
    return got >= 0;
}

static bool wait_for_socket(const struct sender *sender, bool to_send)
{
    return sender->connection->has_pending ||
           await(sender->connection, (short)(POLLIN | (to_send ? POLLOUT : 0)));
}

/* A message of which a part has left has to be finished. */
static bool may_send(const struct sender *sender, uint64_t deadline_ns)
{
    bool room = sender->sent - sender->answered < sender->plan->window;
    return room && (sender->part_sent > 0 || load_clock_ns() < deadline_ns);
}

void load_bet(struct load_connection *connection, const struct load_plan *plan,
              const struct load_messages *messages, struct load_result *result)
{
    struct sender sender = {
        .connection = connection, .plan = plan, .messages = messages, .result = result};
    uint64_t deadline_ns = load_clock_ns() + plan->duration_ms * NS_PER_MS;
    for (;;) {
        bool sending = may_send(&sender, deadline_ns);
        if (!sending && sender.answered == sender.sent) {
            break;
        }
        bool alive = (!sending || send_window(&sender)) &&
                     wait_for_socket(&sender, may_send(&sender, deadline_ns)) &&
                     receive_answers(&sender);
        if (!alive) {
            result->errors++;
            break;
        }
    }
    result->batches = sender.answered;
    result->bytes = sender.answered * (messages->offsets[messages->count] / messages->count);
}

/* --------------------------------------------------------- single messages ---- */

static bool send_whole(struct load_connection *connection, const char *bytes, size_t count)
{
    ssize_t sent = send_some(connection, bytes, count);
    while (sent >= 0 && (size_t)sent < count && await(connection, POLLOUT)) {
        bytes += sent;
        count -= (size_t)sent;
        sent = send_some(connection, bytes, count);
    }
    return sent >= 0 && (size_t)sent == count;
}

static bool take_ack(struct load_connection *connection)
{
    char answer[ACK_BYTES] = "";
    size_t came = 0;
    while (came < sizeof answer) {
        ssize_t got = connection->has_pending || await(connection, POLLIN)
                          ? receive_some(connection, answer + came, sizeof answer - came)
                          : -1;
        if (got < 0) {
            return false;
        }
        came += (size_t)got;
    }
    return memcmp(answer, ack, sizeof answer) == 0;
}

/* Plain text blocks in recv alone, which is one call less than poll and recv. */
static bool send_and_take_ack(struct load_connection *connection,
                              const struct load_messages *messages, size_t index)
{
    char answer[ACK_BYTES];
    const char *message = messages->bytes + messages->offsets[index];
    size_t bytes = messages->offsets[index + 1] - messages->offsets[index];
    if (connection->stream.ssl != NULL) {
        return send_whole(connection, message, bytes) && take_ack(connection);
    }
    return send(connection->socket, message, bytes, MSG_NOSIGNAL) == (ssize_t)bytes &&
           recv(connection->socket, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer &&
           memcmp(answer, ack, sizeof answer) == 0;
}

bool load_say_hello(struct load_connection *connection, const struct load_messages *messages)
{
    return send_and_take_ack(connection, messages, 0);
}

static bool churn_once(const struct load_plan *plan, const struct load_messages *messages,
                       size_t index, SSL_SESSION **session)
{
    struct load_connection connection;
    if (!load_open(&connection, plan, session)) {
        return false;
    }
    bool answered = send_and_take_ack(&connection, messages, index);
    load_close(&connection, session);
    if (plan->whole_handshakes) {
        SSL_SESSION_free(*session);
        *session = NULL;
    }
    return answered;
}

void load_churn(const struct load_plan *plan, const struct load_messages *messages,
                struct load_result *result)
{
    SSL_SESSION *session = NULL;
    uint64_t deadline_ns = load_clock_ns() + plan->duration_ms * NS_PER_MS;
    for (size_t i = 0; load_clock_ns() < deadline_ns; i++) {
        uint64_t began_ns = load_clock_ns();
        if (churn_once(plan, messages, i % messages->count, &session)) {
            result->batches++;
            histogram_add(&result->latency, load_clock_ns() - began_ns, 1);
        } else {
            result->errors++;
        }
    }
    SSL_SESSION_free(session);
}
