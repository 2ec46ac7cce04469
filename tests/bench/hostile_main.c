/*
 * hostile_main.c - lottery-hostile: a peer that means the server no good, one scene at a time.
 *
 * It keeps a number of connections open from an address of its own, and opens those again that the
 * server has closed, so many a second at most. What it sends is bounded by the scene, not by what
 * the machine can do. It only talks to 127.0.0.1, and ends by itself. One process, one loop of
 * TICK_MS. Prints one line of figures, `name=value ...`.
 *
 * With -t, the scenes in which it sends messages show its certificate. Those in which it sends bytes
 * have no certificate, and the bytes are of a TLS handshake.
 */
#include "tests/bench/tls_option.h"
#include "tls/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)

enum {
    TICK_MS = 5,
    TICKS_A_SECOND = 1000 / TICK_MS,
    EVENTS_MAX = 512,
    PIECE_BYTES = 16 * 1024,
    READ_BYTES = 64 * 1024,
    DEAF_BUFFER_BYTES = 4096,
    HANDSHAKE_MS = 1000, /* it waits for an answer at most */
    FOREIGN_A_SECOND = 10000
};

static const char usage[] =
    "usage: lottery-hostile -p PORT -c SCENE [-a ADDRESS] [-s SECONDS] [-n CONNECTIONS]\n"
    "                       [-t CERTIFICATE,KEY,CA]\n"
    "  -a ADDRESS   of its own (127.0.0.2)\n"
    "  -s SECONDS   how long (5)\n"
    "  -n COUNT     connections that it wants to keep open (the scene's)\n"
    "  -t CERTIFICATE,KEY,CA  by TLS, with these PEM files\n"
    "scenes: silent drip endless probes rubbish hellos deaf foreign outlaw\n";

struct connection {
    int socket;               /* -1: closed */
    struct tls_stream stream; /* not open in plain text */
    size_t sent;              /* bytes */
    unsigned opened;          /* at this tick */
};

struct hostile;

struct scene {
    const char *name;
    unsigned connections;    /* kept open */
    unsigned opens_a_second; /* at most */
    bool reads;              /* what the server says */
    bool sends_once;         /* and closes when it is answered, or after a second */
    bool certified;          /* shows its certificate, where it has one */
    size_t begin_bytes;      /* of the piece, sent first */
    /* What it sends at a tick; NULL: nothing. */
    void (*tick)(struct hostile *hostile, struct connection *connection);
};

struct hostile {
    const struct scene *scene;
    struct sockaddr_in server, own;
    struct connection *connections;
    unsigned count, next, ticks;
    int epoll;
    char *tls_files[TLS_OPTION_FILES]; /* certificate, key, CA; NULL: plain text */
    struct tls_context tls;            /* open where there are files */
    double may_open;
    char piece[PIECE_BYTES]; /* what the scene repeats */
    size_t piece_bytes;
    uint64_t opened, closed, failed, bytes;
};

static uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void close_connection(struct hostile *hostile, struct connection *connection)
{
    tls_stream_close(&connection->stream);
    (void)close(connection->socket);
    connection->socket = -1;
    hostile->closed++;
}

/* Encrypts a record, and sends it, as far as that goes at once. As send(2). */
static ssize_t send_encrypted(struct connection *connection, const char *bytes, size_t count)
{
    struct failure failure;
    size_t sent = 0;
    enum tls_result result = tls_stream_write(&connection->stream, bytes, count, &sent, &failure);
    errno = result == TLS_WANTS_READ || result == TLS_WANTS_WRITE ? EAGAIN : EPIPE;
    return result == TLS_DONE ? (ssize_t)sent : -1;
}

/* As recv(2), but at the end of TLS nothing says more than "failed". */
static ssize_t receive_encrypted(struct connection *connection, char *bytes, size_t capacity)
{
    struct failure failure;
    size_t got = 0;
    enum tls_result result = tls_stream_read(&connection->stream, bytes, capacity, &got, &failure);
    errno = result == TLS_WANTS_READ || result == TLS_WANTS_WRITE ? EAGAIN : EPIPE;
    return result == TLS_DONE ? (ssize_t)got : -1;
}

/* Sends what the socket takes at once. False where nothing more goes now. */
static bool send_bytes(struct hostile *hostile, struct connection *connection, const char *bytes,
                       size_t count)
{
    ssize_t sent = connection->stream.ssl != NULL
                       ? send_encrypted(connection, bytes, count)
                       : send(connection->socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        connection->sent += (size_t)sent;
        hostile->bytes += (uint64_t)sent;
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        close_connection(hostile, connection);
        return false;
    }
    return sent == (ssize_t)count;
}

/* ----------------------------------------------------------------- scenes ---- */

/* A byte of the piece a second, each connection at a tick of its own. */
static void drip(struct hostile *hostile, struct connection *connection)
{
    unsigned index = (unsigned)(connection - hostile->connections);
    if (hostile->ticks % TICKS_A_SECOND == index % TICKS_A_SECOND) {
        size_t at = connection->sent % hostile->piece_bytes;
        (void)send_bytes(hostile, connection, hostile->piece + at, 1);
    }
}

/* The piece, once a tick: some 3 MB a second and connection. */
static void send_piece(struct hostile *hostile, struct connection *connection)
{
    size_t at = connection->sent % hostile->piece_bytes;
    (void)send_bytes(hostile, connection, hostile->piece + at, hostile->piece_bytes - at);
}

/* The piece, once, and nothing after it. */
static void send_piece_once(struct hostile *hostile, struct connection *connection)
{
    if (connection->sent < hostile->piece_bytes) {
        send_piece(hostile, connection);
    }
}

static const struct scene scenes[] = {
    {.name = "silent", .connections = 10000, .opens_a_second = 4000, .reads = true},
    {.name = "drip",
     .connections = 2000,
     .opens_a_second = 4000,
     .reads = true,
     .begin_bytes = 4,
     .tick = drip},
    {.name = "endless",
     .connections = 4,
     .opens_a_second = 100,
     .reads = true,
     .certified = true,
     .tick = send_piece},
    {.name = "probes",
     .connections = 4,
     .opens_a_second = 100,
     .reads = true,
     .certified = true,
     .tick = send_piece},
    {.name = "rubbish",
     .connections = 500,
     .opens_a_second = 500,
     .reads = true,
     .sends_once = true,
     .tick = send_piece},
    {.name = "hellos",
     .connections = 2000,
     .opens_a_second = 500,
     .reads = true,
     .tick = send_piece_once},
    {.name = "deaf",
     .connections = 8,
     .opens_a_second = 100,
     .certified = true,
     .tick = send_piece},
    {.name = "foreign",
     .connections = 1,
     .opens_a_second = 100,
     .reads = true,
     .certified = true,
     .tick = send_piece},
    {.name = "outlaw",
     .connections = 1,
     .opens_a_second = 100,
     .reads = true,
     .certified = true,
     .tick = send_piece},
};

/* Makes the piece of `line`, repeated as often as it has room for, or `times`. */
static void repeat(struct hostile *hostile, const char *line, size_t times)
{
    size_t bytes = strlen(line);
    while (times-- > 0 && hostile->piece_bytes + bytes <= PIECE_BYTES) {
        memcpy(hostile->piece + hostile->piece_bytes, line, bytes);
        hostile->piece_bytes += bytes;
    }
}

/* Knuth's generator (MMIX), so that each run is the same. */
static uint32_t draw_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* The begin of a handshake that could succeed: the bytes of OpenSSL's ClientHello. */
static bool make_hello(struct hostile *hostile)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context == NULL ? NULL : SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    int bytes = 0;
    if (ssl != NULL && in != NULL && out != NULL) {
        SSL_set_bio(ssl, in, out); /* owns them from now on */
        (void)SSL_connect(ssl);    /* waits for the answer */
        bytes = BIO_read(out, hostile->piece, PIECE_BYTES);
    }
    hostile->piece_bytes = bytes > 0 ? (size_t)bytes : 0;
    SSL_free(ssl);
    SSL_CTX_free(context);
    return bytes > 0;
}

/* It begins as a handshake does. */
static void make_rubbish(struct hostile *hostile)
{
    enum { RUBBISH_BYTES = 256 };
    uint64_t random = 1;
    hostile->piece_bytes = RUBBISH_BYTES;
    for (size_t i = 0; i < RUBBISH_BYTES; i++) {
        hostile->piece[i] = (char)draw_number(&random);
    }
    memcpy(hostile->piece, "\x16\x03\x01", 3);
}

static bool make_piece(struct hostile *hostile)
{
    static const size_t batches = FOREIGN_A_SECOND / TICKS_A_SECOND;
    const char *name = hostile->scene->name;
    bool by_tls = hostile->tls_files[0] != NULL;
    if (strcmp(name, "hellos") == 0 || (strcmp(name, "drip") == 0 && by_tls)) {
        return make_hello(hostile);
    }
    if (strcmp(name, "probes") == 0) {
        repeat(hostile, "are you there, are you there, are you there, are you there\n", SIZE_MAX);
    } else if (strcmp(name, "deaf") == 0) {
        repeat(hostile, "6:7\r\n", SIZE_MAX);
    } else if (strcmp(name, "foreign") == 0 && by_tls) { /* the certificate is of agency 6 */
        repeat(hostile, "1:4:Ana,Lorca,30904465,1999-03-17,7574\n\r\n", batches);
    } else if (strcmp(name, "foreign") == 0 || strcmp(name, "outlaw") == 0) {
        repeat(hostile, "77:4:Ana,Lorca,30904465,1999-03-17,7574\n\r\n", batches);
    } else if (strcmp(name, "rubbish") == 0) {
        make_rubbish(hostile);
    } else {
        repeat(hostile, "1:4:", 1);
        repeat(hostile, "a", SIZE_MAX);
    }
    return true;
}

/* ------------------------------------------------------------ connections ---- */

/* Shakes hands, and waits for it. */
static bool shake_hands(struct hostile *hostile, struct connection *connection)
{
    struct failure failure;
    struct pollfd watched = {.fd = connection->socket};
    bool waits = fcntl(connection->socket, F_SETFL, O_NONBLOCK) == 0 &&
                 tls_stream_open_client(&connection->stream, &hostile->tls, connection->socket,
                                        "127.0.0.1", &failure);
    enum tls_result result = TLS_FAILED;
    while (waits) {
        result = tls_stream_handshake(&connection->stream, &failure);
        watched.events = result == TLS_WANTS_READ ? POLLIN : POLLOUT;
        waits = (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE) &&
                poll(&watched, 1, HANDSHAKE_MS) > 0;
    }
    return result == TLS_DONE;
}

static void open_connection(struct hostile *hostile, struct connection *connection)
{
    const int deaf_bytes = DEAF_BUFFER_BYTES;
    const struct linger reset = {.l_onoff = 1};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        hostile->failed++;
        return;
    }
    /* No port of ours stays in TIME_WAIT. */
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (!hostile->scene->reads) {
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &deaf_bytes, sizeof deaf_bytes);
    }
    if (bind(descriptor, (const struct sockaddr *)&hostile->own, sizeof hostile->own) != 0 ||
        connect(descriptor, (const struct sockaddr *)&hostile->server, sizeof hostile->server) !=
            0) {
        (void)close(descriptor);
        hostile->failed++;
        return;
    }
    *connection = (struct connection){.socket = descriptor, .opened = hostile->ticks};
    hostile->opened++;
    if (hostile->scene->certified && hostile->tls.ssl != NULL &&
        !shake_hands(hostile, connection)) {
        hostile->failed++;
        close_connection(hostile, connection);
        return;
    }
    unsigned index = (unsigned)(connection - hostile->connections);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = index};
    (void)epoll_ctl(hostile->epoll, EPOLL_CTL_ADD, descriptor, &event);
    if (hostile->scene->begin_bytes > 0) {
        (void)send_bytes(hostile, connection, hostile->piece, hostile->scene->begin_bytes);
    }
}

/* Opens those that are closed, as many as may be opened by now. */
static void open_some(struct hostile *hostile)
{
    hostile->may_open += (double)hostile->scene->opens_a_second / TICKS_A_SECOND;
    if (hostile->may_open > hostile->scene->opens_a_second) {
        hostile->may_open = hostile->scene->opens_a_second;
    }
    for (unsigned i = 0; i < hostile->count && hostile->may_open >= 1; i++) {
        struct connection *connection = &hostile->connections[hostile->next];
        hostile->next = (hostile->next + 1) % hostile->count;
        if (connection->socket < 0) {
            hostile->may_open--;
            open_connection(hostile, connection);
        }
    }
}

static void take_event(struct hostile *hostile, const struct epoll_event *event)
{
    struct connection *connection = &hostile->connections[event->data.u32];
    if (connection->socket < 0) {
        return;
    }
    bool gone = (event->events & (EPOLLHUP | EPOLLERR)) != 0;
    if (hostile->scene->reads) {
        static char unread[READ_BYTES];
        ssize_t got = connection->stream.ssl != NULL
                          ? receive_encrypted(connection, unread, sizeof unread)
                          : recv(connection->socket, unread, sizeof unread, MSG_DONTWAIT);
        gone = gone || got == 0 || (got < 0 && errno != EAGAIN) ||
               (got > 0 && hostile->scene->sends_once);
    } else if (!gone) { /* it is told once, and reads nothing */
        struct epoll_event silence = {.events = 0, .data.u32 = event->data.u32};
        (void)epoll_ctl(hostile->epoll, EPOLL_CTL_MOD, connection->socket, &silence);
    }
    if (gone) {
        close_connection(hostile, connection);
    }
}

static void take_events(struct hostile *hostile, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        uint64_t now_ns = clock_ns();
        if (now_ns >= until_ns) {
            return;
        }
        int left_ms = (int)((until_ns - now_ns + 999999) / 1000000);
        int count = epoll_wait(hostile->epoll, events, EVENTS_MAX, left_ms);
        for (int i = 0; i < count; i++) {
            take_event(hostile, &events[i]);
        }
    }
}

static void run(struct hostile *hostile, double seconds)
{
    const struct scene *scene = hostile->scene;
    uint64_t began_ns = clock_ns();
    uint64_t tick_ns = NS_PER_SECOND / TICKS_A_SECOND;
    uint64_t ends_ns = began_ns + (uint64_t)(seconds * (double)NS_PER_SECOND);
    while (clock_ns() < ends_ns) {
        open_some(hostile);
        for (unsigned i = 0; scene->tick != NULL && i < hostile->count; i++) {
            struct connection *connection = &hostile->connections[i];
            bool has_said = scene->sends_once && connection->sent >= hostile->piece_bytes;
            if (connection->socket >= 0 && !has_said) {
                scene->tick(hostile, connection);
            } else if (connection->socket >= 0 &&
                       hostile->ticks - connection->opened >= TICKS_A_SECOND) {
                close_connection(hostile, connection);
            }
        }
        hostile->ticks++;
        uint64_t until_ns = clock_ns() + tick_ns;
        take_events(hostile, until_ns < ends_ns ? until_ns : ends_ns);
    }
}

/* ------------------------------------------------------------------- main ---- */

static const struct scene *find_scene(const char *name)
{
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        if (strcmp(scenes[i].name, name) == 0) {
            return &scenes[i];
        }
    }
    return NULL;
}

static bool open_tls(struct hostile *hostile)
{
    const struct tls_files files = {.certificate = hostile->tls_files[0],
                                    .key = hostile->tls_files[1],
                                    .ca = hostile->tls_files[2],
                                    .crl = ""};
    struct failure failure;
    (void)signal(SIGPIPE, SIG_IGN); /* libssl writes without MSG_NOSIGNAL */
    if (files.certificate != NULL && !tls_client_context_open(&hostile->tls, &files, &failure)) {
        (void)fprintf(stderr, "lottery-hostile: %s\n", failure.text);
        return false;
    }
    return true;
}

static bool read_options(int argc, char **argv, struct hostile *hostile, double *seconds)
{
    int option = 0;
    unsigned count = 0;
    hostile->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    hostile->own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    hostile->server.sin_family = hostile->own.sin_family = AF_INET;
    while ((option = getopt(argc, argv, "p:c:a:s:n:t:")) != -1) {
        switch (option) {
        case 'p':
            hostile->server.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
            break;
        case 'c':
            hostile->scene = find_scene(optarg);
            break;
        case 'a':
            if (inet_pton(AF_INET, optarg, &hostile->own.sin_addr) != 1) {
                return false;
            }
            break;
        case 's':
            *seconds = strtod(optarg, NULL);
            break;
        case 'n':
            count = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            if (!tls_option_read(optarg, hostile->tls_files)) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
    if (hostile->scene == NULL || hostile->server.sin_port == 0 || optind != argc) {
        return false;
    }
    hostile->count = count != 0 ? count : hostile->scene->connections;
    return true;
}

int main(int argc, char **argv)
{
    static struct hostile hostile;
    double seconds = 5;
    if (!read_options(argc, argv, &hostile, &seconds)) {
        (void)fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    hostile.connections = calloc(hostile.count, sizeof *hostile.connections);
    hostile.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (hostile.connections == NULL || hostile.epoll < 0) {
        perror("lottery-hostile");
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < hostile.count; i++) {
        hostile.connections[i].socket = -1;
    }
    if (!open_tls(&hostile) || !make_piece(&hostile)) {
        return EXIT_FAILURE;
    }
    run(&hostile, seconds);
    unsigned open = 0;
    for (unsigned i = 0; i < hostile.count; i++) {
        open += hostile.connections[i].socket >= 0 ? 1 : 0;
    }
    tls_context_close(&hostile.tls);
    struct rusage usage_of_self;
    (void)getrusage(RUSAGE_SELF, &usage_of_self);
    double cpu_s = (double)(usage_of_self.ru_utime.tv_sec + usage_of_self.ru_stime.tv_sec) +
                   (double)(usage_of_self.ru_utime.tv_usec + usage_of_self.ru_stime.tv_usec) / 1e6;
    printf("opened=%llu closed=%llu failed=%llu open=%u bytes=%llu cpu_s=%.2f\n",
           (unsigned long long)hostile.opened, (unsigned long long)hostile.closed,
           (unsigned long long)hostile.failed, open, (unsigned long long)hostile.bytes, cpu_s);
    return EXIT_SUCCESS;
}
