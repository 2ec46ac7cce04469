/*
 * predecessor.c - see predecessor.h.
 */
#include "server/predecessor.h"

#include "lib/clock.h"
#include "lib/descriptor_message.h"
#include "lib/log.h"
#include "server/admin_request.h"
#include "server/admin_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CGROUP_BYTES = 1024, PATH_BYTES = 64, DECIMAL = 10 };

static void leave(struct predecessor *predecessor)
{
    if (predecessor->connection >= 0) {
        (void)close(predecessor->connection);
    }
    predecessor->connection = -1;
    listeners_close(&predecessor->listeners);
}

/* ------------------------------------------------------------- connecting ---- */

static int connect_to(const char *path, struct failure *failure)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        (void)failure_set_errno(failure, "open %s", path);
        return -1;
    }
    int connection = admin_socket_connect(directory);
    if (connection < 0) {
        (void)failure_set_errno(failure,
                                "a server runs in %s, and can't be asked for its sockets: connect "
                                "to %s/" ADMIN_SOCKET_FILE,
                                path, path);
    }
    (void)close(directory);
    return connection;
}

/* Reads the control group of a process; "" where it can't be read. */
static void read_cgroup(pid_t pid, char text[CGROUP_BYTES])
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, CGROUP_BYTES - 1);
    text[got > 0 ? got : 0] = '\0';
    if (file >= 0) {
        (void)close(file);
    }
}

/*
 * The service manager would take the end of a unit's main process for the end of the service, and would
 * neither know this process nor end it.
 */
static bool is_of_our_unit(const struct predecessor *predecessor, struct failure *failure)
{
    char theirs[CGROUP_BYTES] = "";
    char ours[CGROUP_BYTES] = "";
    if (predecessor->pid == 0) {
        return true;
    }
    read_cgroup(predecessor->pid, theirs);
    read_cgroup(getpid(), ours);
    theirs[strcspn(theirs, "\n")] = '\0';
    ours[strcspn(ours, "\n")] = '\0';
    const char *slash = strrchr(theirs, '/'); /* "0::/system.slice/lottery-server.service" */
    const char *unit = slash == NULL ? theirs : slash + 1;
    return strcmp(theirs, ours) == 0 || strstr(theirs, ".service") == NULL ||
           failure_set(failure,
                       "the running server (pid %d) is of a unit of the service manager, which "
                       "would end with that server, because this process is not in it. To replace "
                       "it, and refuse no connection: systemctl restart %.200s",
                       (int)predecessor->pid, unit);
}

static bool find_peer(struct predecessor *predecessor, struct failure *failure)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(predecessor->connection, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
        return failure_set_errno(failure, "ask who the running server is");
    }
    predecessor->pid = peer.pid;
    return true;
}

/* -------------------------------------------------------------- receiving ---- */

/* Waits until there is something to read, or the stream has ended. */
static bool await_news(int connection, uint64_t patience_ms)
{
    const int64_t deadline_ms = clock_monotonic_ms() + (int64_t)patience_ms;
    struct pollfd ready = {.fd = connection, .events = POLLIN};
    int result = 0;
    do {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        result = poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (result < 0 && errno == EINTR);
    return result > 0;
}

/* Reads a line, a byte at a time, because what follows are bytes with sockets. */
static bool read_line(int connection, char line[ADMIN_ANSWER_BYTES_MAX])
{
    size_t used = 0;
    while (used < ADMIN_ANSWER_BYTES_MAX - 1 && await_news(connection, PREDECESSOR_TEST_MS) &&
           recv(connection, line + used, 1, 0) == 1) {
        if (line[used] == '\n') {
            line[used] = '\0';
            return true;
        }
        used++;
    }
    return false;
}

static bool take_sockets(const struct predecessor *predecessor, unsigned count,
                         struct listeners *given)
{
    for (unsigned i = 0; i < count && i < LISTENERS_MAX; i++) {
        char mark = 0;
        int flags = 0;
        int descriptor = DESCRIPTOR_MESSAGE_NONE;
        if (!await_news(predecessor->connection, PREDECESSOR_TEST_MS) ||
            descriptor_message_receive(predecessor->connection, &mark, 1, &descriptor, &flags) !=
                1 ||
            descriptor == DESCRIPTOR_MESSAGE_NONE) {
            return false;
        }
        given->descriptors[given->count++] = descriptor;
    }
    return given->count == count;
}

/* Asks, and takes what is given. */
static bool receive(struct predecessor *predecessor, struct listeners *given,
                    struct failure *failure)
{
    char text[ADMIN_REQUEST_BYTES_MAX];
    char line[ADMIN_ANSWER_BYTES_MAX];
    unsigned count = 0;
    const struct admin_request request = {.command = ADMIN_REPLACE};
    size_t bytes = admin_request_write(&request, text);
    if (send(predecessor->connection, text, bytes, MSG_NOSIGNAL) != (ssize_t)bytes ||
        !read_line(predecessor->connection, line)) {
        return failure_set(failure,
                           "the running server (pid %d) did not answer: it is stopping, or another "
                           "process replaces it just now; nothing was changed by this one",
                           (int)predecessor->pid);
    }
    if (strncmp(line, "fail ", sizeof "fail " - 1) == 0) {
        return failure_set(failure, "the running server (pid %d) refuses, and goes on: %s",
                           (int)predecessor->pid, line + sizeof "fail " - 1);
    }
    char *end = line + sizeof "ok " - 1;
    if (strncmp(line, "ok ", sizeof "ok " - 1) == 0) {
        predecessor->bound_ms = strtoull(end, &end, DECIMAL);
        count = (unsigned)strtoul(end, &end, DECIMAL);
    }
    return (*end == '\0' && count > 0 && take_sockets(predecessor, count, given)) ||
           failure_set(failure,
                       "the running server (pid %d) did not give its sockets, and goes on: is it "
                       "of another version? Stop it, and start this one",
                       (int)predecessor->pid);
}

/* ------------------------------------------------------------------- life ---- */

enum predecessor_answer predecessor_ask(struct predecessor *predecessor,
                                        const struct server_config *config, bool runs,
                                        struct failure *failure)
{
    struct listeners given = {0};
    *predecessor = (struct predecessor){.connection = -1};
    if (!runs) {
        return PREDECESSOR_NONE;
    }
    predecessor->connection = connect_to(config->data_directory, failure);
    bool has_all = predecessor->connection >= 0 && find_peer(predecessor, failure) &&
                   is_of_our_unit(predecessor, failure) && receive(predecessor, &given, failure) &&
                   listeners_open_beside(config, &given, &predecessor->listeners, failure);
    if (!has_all) {
        listeners_close(&given);
        leave(predecessor);
        return PREDECESSOR_REFUSES;
    }
    return PREDECESSOR_GIVES;
}

bool predecessor_await_end(struct predecessor *predecessor, struct failure *failure)
{
    const char word = PREDECESSOR_GO;
    char byte = 0;
    if (send(predecessor->connection, &word, 1, MSG_NOSIGNAL) != 1) {
        leave(predecessor);
        return failure_set(failure,
                           "the running server (pid %d) has ended by itself before it was "
                           "replaced: start this one without --replace",
                           (int)predecessor->pid);
    }
    log_info(LOG_REPLACE_AWAITS_END,
             "result: in_progress | pid: %d | sockets: %zu | reason: that server stops, and who "
             "connects meanwhile waits",
             (int)predecessor->pid, predecessor->listeners.count);
    if (!await_news(predecessor->connection, predecessor->bound_ms) ||
        recv(predecessor->connection, &byte, 1, 0) > 0) {
        leave(predecessor);
        return failure_set(
            failure,
            "the running server (pid %d) has not ended within %" PRIu64
            " ms: this process gives up. It has been told so: it serves again when its stop is "
            "done, with the sockets that it has; if it hangs, see its log",
            (int)predecessor->pid, predecessor->bound_ms);
    }
    (void)close(predecessor->connection);
    predecessor->connection = -1;
    return true;
}
