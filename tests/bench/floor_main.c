/*
 * floor_main.c - lottery-floor: what the kernel and the disk cost a plain server.
 *
 * The same shape as the lottery's server and nothing of its work: a process a
 * connection frames messages at their CRLF and copies them, as they came, into
 * shared memory; one storer writes all of it with one pwrite and one
 * fdatasync; then every message is answered. Nothing is parsed, checked,
 * converted or counted, and nobody may die: there is no recovery of any kind.
 *
 *     lottery-floor FILE [-a] [-x] [-e SERVERS]
 *       -a  allocate blocks of the file ahead, as the lottery's storer does
 *       -x  answer at once, store nothing: a server that only accepts, forks, answers and exits
 *       -e SERVERS  the storer writes no file: it appends to the stream FLOOR of this engine, one
 *           message at a time with all that has gathered, and answers what a quorum has
 *
 * Prints the port that it listens on. SIGTERM ends it.
 */
#include "engine/engine.h"
#include "engine/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RING_BYTES = 8 * 1024 * 1024, /* the lottery's default */
    RECEIVE_BYTES = 256 * 1024,
    SLOTS = 4096,
    ANSWERS_A_SEND = 1024,
    BACKLOG = 128,
    FILE_MODE = 0644,
    CHUNK_BYTES_MAX = 1024 * 1024,
    ENGINE_TIMEOUT_MS = 20000,
    REPLICAS = 3
};

static const char stream[] = "FLOOR";
static const char subject[] = "floor";

#define ALLOCATE_BYTES (UINT64_C(64) * 1024 * 1024)

static const char ack[] = "server:0\r\n";
enum { ACK_BYTES = sizeof ack - 1 };

struct waiter {
    sem_t wakeup;
    _Atomic uint64_t awaited; /* 0: does not wait */
};

struct floor_shared {
    pthread_mutex_t mutex;
    sem_t storer;
    _Atomic uint32_t storer_sleeps;
    _Atomic uint64_t head, written, durable;
    struct waiter waiters[SLOTS];
    char data[RING_BYTES];
};

struct floor_server {
    struct floor_shared *shared;
    int listener, file;
    bool allocate, only_answer;
    const char *engine_servers; /* NULL: none */
};

static volatile sig_atomic_t terminated;

static void on_terminate(int signal_number)
{
    (void)signal_number;
    terminated = 1;
}

static void on_child(int signal_number)
{
    (void)signal_number;
    int saved_errno = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    errno = saved_errno;
}

/* --------------------------------------------------------------- storer ---- */

static void write_wrapped(const struct floor_server *server, uint64_t from, uint64_t to)
{
    while (from < to) {
        size_t at = from % RING_BYTES;
        size_t left = to - from;
        size_t part = left < RING_BYTES - at ? left : RING_BYTES - at;
        ssize_t written = pwrite(server->file, server->shared->data + at, part, (off_t)from);
        if (written < 0) {
            perror("lottery-floor: pwrite");
            abort();
        }
        from += (uint64_t)written;
    }
}

static void wake(struct floor_shared *shared, uint64_t reached)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t awaited = atomic_load(&shared->waiters[i].awaited);
        if (awaited != 0 && awaited <= reached &&
            atomic_compare_exchange_strong(&shared->waiters[i].awaited, &awaited, 0)) {
            (void)sem_post(&shared->waiters[i].wakeup);
        }
    }
}

static int run_storer(const struct floor_server *server)
{
    struct floor_shared *shared = server->shared;
    uint64_t done = 0;
    uint64_t allocated = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        atomic_store(&shared->storer_sleeps, 1);
        uint64_t head = atomic_load(&shared->head);
        if (head == done) {
            (void)sem_wait(&shared->storer);
            continue;
        }
        atomic_store(&shared->storer_sleeps, 0);
        if (server->allocate && head > allocated) {
            (void)fallocate(server->file, FALLOC_FL_KEEP_SIZE, (off_t)head, (off_t)ALLOCATE_BYTES);
            allocated = head + ALLOCATE_BYTES;
        }
        write_wrapped(server, done, head);
        atomic_store(&shared->written, head);
        if (fdatasync(server->file) != 0) {
            perror("lottery-floor: fdatasync");
            return EXIT_FAILURE;
        }
        done = head;
        atomic_store(&shared->durable, head);
        wake(shared, head);
    }
}

/* ------------------------------------------------------- storer by an engine ---- */

static struct engine *open_stream(const char *servers, uint64_t *last)
{
    const struct engine_access access = {.servers = servers,
                                         .credentials = "",
                                         .ca = "",
                                         .certificate = "",
                                         .key = "",
                                         .name = "lottery-floor"};
    const char *subjects[] = {subject};
    struct failure failure;
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    struct engine *engine = engine_open_nats(&access, ENGINE_TIMEOUT_MS, &failure);
    if (engine == NULL ||
        engine_make_stream(engine, stream, subjects, 1, REPLICAS, ENGINE_TIMEOUT_MS, &failure) !=
            ENGINE_STORED ||
        engine_last_sequence(engine, stream, ENGINE_TIMEOUT_MS, last, &failure) != ENGINE_READ) {
        (void)fprintf(stderr, "lottery-floor: %s\n", failure.text);
        engine_close(engine);
        return NULL;
    }
    return engine;
}

static void copy_wrapped(const struct floor_shared *shared, uint64_t from, char *to, size_t count)
{
    const size_t at = from % RING_BYTES;
    const size_t first = count < RING_BYTES - at ? count : RING_BYTES - at;
    memcpy(to, shared->data + at, first);
    memcpy(to + first, shared->data, count - first);
}

static int run_engine_storer(const struct floor_server *server)
{
    static char chunk[CHUNK_BYTES_MAX];
    struct floor_shared *shared = server->shared;
    struct failure failure;
    uint64_t done = 0;
    uint64_t last = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct engine *engine = open_stream(server->engine_servers, &last);
    if (engine == NULL) {
        return EXIT_FAILURE;
    }
    const size_t max = engine_payload_max(engine) - RECORD_OVERHEAD_BYTES;
    for (;;) {
        atomic_store(&shared->storer_sleeps, 1);
        const uint64_t head = atomic_load(&shared->head);
        if (head == done) {
            (void)sem_wait(&shared->storer);
            continue;
        }
        atomic_store(&shared->storer_sleeps, 0);
        const size_t count = head - done < max ? head - done : max;
        copy_wrapped(shared, done, chunk, count);
        const struct engine_append append = {
            .stream = stream, .subject = subject, .expected = last, .bytes = chunk, .count = count};
        if (engine_append(engine, &append, ENGINE_TIMEOUT_MS, &last, &failure) != ENGINE_STORED) {
            (void)fprintf(stderr, "lottery-floor: %s\n", failure.text);
            return EXIT_FAILURE;
        }
        done += count;
        atomic_store(&shared->written, done);
        atomic_store(&shared->durable, done);
        wake(shared, done);
    }
}

/* -------------------------------------------------------------- handlers ---- */

static void wait_for(struct floor_shared *shared, unsigned slot, const _Atomic uint64_t *position,
                     uint64_t target)
{
    struct waiter *waiter = &shared->waiters[slot];
    while (atomic_load(position) < target) {
        atomic_store(&waiter->awaited, target);
        if (atomic_load(position) >= target) {
            break;
        }
        (void)sem_wait(&waiter->wakeup);
    }
    atomic_store(&waiter->awaited, 0);
}

static uint64_t append(struct floor_shared *shared, unsigned slot, const char *bytes, size_t count)
{
    (void)pthread_mutex_lock(&shared->mutex);
    uint64_t head = atomic_load(&shared->head);
    while (head + count > atomic_load(&shared->written) + RING_BYTES) {
        (void)pthread_mutex_unlock(&shared->mutex);
        wait_for(shared, slot, &shared->durable, head + count - RING_BYTES);
        (void)pthread_mutex_lock(&shared->mutex);
        head = atomic_load(&shared->head);
    }
    size_t at = head % RING_BYTES;
    size_t first = count < RING_BYTES - at ? count : RING_BYTES - at;
    memcpy(shared->data + at, bytes, first);
    memcpy(shared->data, bytes + first, count - first);
    atomic_store(&shared->head, head + count);
    (void)pthread_mutex_unlock(&shared->mutex);
    if (atomic_exchange(&shared->storer_sleeps, 0) != 0) {
        (void)sem_post(&shared->storer);
    }
    return head + count;
}

/* Messages that end in these bytes; *end is set behind the last one. */
static size_t count_messages(const char *bytes, size_t count, size_t *end)
{
    size_t messages = 0;
    *end = 0;
    for (const char *at = bytes;
         (at = memchr(at, '\r', count - (size_t)(at - bytes))) != NULL && at + 1 < bytes + count;) {
        at += 2;
        messages++;
        *end = (size_t)(at - bytes);
    }
    return messages;
}

static bool answer(int socket, size_t messages)
{
    char answers[ACK_BYTES * ANSWERS_A_SEND];
    while (messages > 0) {
        size_t part = messages < ANSWERS_A_SEND ? messages : ANSWERS_A_SEND;
        for (char *at = answers; at < answers + part * ACK_BYTES; at += ACK_BYTES) {
            memcpy(at, ack, ACK_BYTES);
        }
        if (send(socket, answers, part * ACK_BYTES, MSG_NOSIGNAL) != (ssize_t)(part * ACK_BYTES)) {
            return false;
        }
        messages -= part;
    }
    return true;
}

static int run_handler(const struct floor_server *server, int socket, unsigned slot)
{
    char *buffer = malloc(RECEIVE_BYTES);
    size_t used = 0;
    ssize_t got = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (buffer != NULL && (got = recv(socket, buffer + used, RECEIVE_BYTES - used, 0)) > 0) {
        used += (size_t)got;
        size_t end = 0;
        size_t messages = count_messages(buffer, used, &end);
        if (messages == 0) {
            continue;
        }
        if (!server->only_answer) {
            uint64_t position = append(server->shared, slot, buffer, end);
            wait_for(server->shared, slot, &server->shared->durable, position);
        }
        if (!answer(socket, messages)) {
            break;
        }
        used -= end;
        memmove(buffer, buffer + end, used);
    }
    free(buffer);
    return EXIT_SUCCESS;
}

/* ------------------------------------------------------------ supervisor ---- */

static int listen_on_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        perror("lottery-floor: listen");
        return -1;
    }
    (void)printf("port=%u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return listener;
}

static bool prepare(struct floor_server *server, const char *path)
{
    pthread_mutexattr_t attributes;
    server->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    server->shared = mmap(NULL, sizeof *server->shared, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (server->file < 0 || server->shared == MAP_FAILED) {
        perror("lottery-floor");
        return false;
    }
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutex_init(&server->shared->mutex, &attributes);
    (void)sem_init(&server->shared->storer, 1, 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        (void)sem_init(&server->shared->waiters[i].wakeup, 1, 0);
    }
    server->listener = listen_on_free_port();
    return server->listener >= 0;
}

static int serve(const struct floor_server *server)
{
    const int on = 1;
    for (unsigned slot = 0; !terminated; slot = (slot + 1) % SLOTS) {
        int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket < 0) {
            continue;
        }
        (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fork() == 0) {
            (void)close(server->listener);
            return run_handler(server, socket, slot);
        }
        (void)close(socket);
    }
    return EXIT_SUCCESS;
}

static void set_action(int signal_number, void (*action)(int))
{
    struct sigaction request = {.sa_handler = action};
    (void)sigaction(signal_number, &request, NULL);
}

int main(int argc, char **argv)
{
    struct floor_server server = {0};
    if (argc < 2) {
        (void)fputs("usage: lottery-floor FILE [-a] [-x] [-e SERVERS]\n", stderr);
        return EXIT_FAILURE;
    }
    for (int i = 2; i < argc; i++) {
        server.allocate |= strcmp(argv[i], "-a") == 0;
        server.only_answer |= strcmp(argv[i], "-x") == 0;
        if (strcmp(argv[i], "-e") == 0 && i + 1 < argc) {
            server.engine_servers = argv[++i];
        }
    }
    set_action(SIGTERM, on_terminate);
    if (!prepare(&server, argv[1])) {
        return EXIT_FAILURE;
    }
    pid_t supervisor = getpid();
    pid_t storer = fork();
    if (storer == 0) {
        return server.engine_servers == NULL ? run_storer(&server) : run_engine_storer(&server);
    }
    set_action(SIGCHLD, on_child);
    int status = serve(&server);
    if (getpid() == supervisor) {
        (void)kill(storer, SIGKILL);
        while (wait(NULL) > 0 || errno == EINTR) {
        } /* all are reaped, so that their CPU time counts as ours */
    }
    return status;
}
