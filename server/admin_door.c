/*
 * admin_door.c - see admin_door.h.
 */
#include "server/admin_door.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/admin_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_PATIENCE_MS = 5000, ACCEPT_PAUSE_MS = 100, BACKLOG = 16, ROOT_UID = 0 };

/* ------------------------------------------------------------------ life ---- */

bool admin_door_open(struct admin_door *door, const struct data_directory *directory,
                     struct failure *failure)
{
    struct sockaddr_un address;
    *door = (struct admin_door){.listener = -1, .client = -1};
    admin_socket_write_address(directory->descriptor, &address);
    if (unlinkat(directory->descriptor, ADMIN_SOCKET_FILE, 0) != 0 && errno != ENOENT) {
        return failure_set_errno(failure, "remove %s/" ADMIN_SOCKET_FILE, directory->path);
    }
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) {
        return failure_set_errno(failure, "make a Unix socket");
    }
    mode_t before = umask(S_IRWXG | S_IRWXO);
    bool bound = bind(listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                 listen(listener, BACKLOG) == 0;
    (void)umask(before);
    if (!bound) {
        (void)failure_set_errno(failure, "bind a Unix socket to %s/" ADMIN_SOCKET_FILE,
                                directory->path);
        (void)close(listener);
        return false;
    }
    door->listener = listener;
    return true;
}

static void dismiss(struct admin_door *door)
{
    if (door->client >= 0) {
        (void)close(door->client);
    }
    door->client = -1;
    door->state = ADMIN_DOOR_FREE;
    door->deadline_ms = 0;
}

void admin_door_tell(struct admin_door *door, const char *line)
{
    char text[ADMIN_ANSWER_BYTES_MAX];
    int bytes = snprintf(text, sizeof text, "%.*s\n", (int)sizeof text - 2, line);
    if (door->client >= 0) {
        (void)send(door->client, text, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

int admin_door_release(struct admin_door *door)
{
    int client = door->state == ADMIN_DOOR_WAITING ? door->client : -1;
    if (client >= 0) {
        door->client = -1;
        dismiss(door);
    }
    return client;
}

void admin_door_adopt(struct admin_door *door, int client)
{
    if (client >= 0) {
        door->client = client;
        door->state = ADMIN_DOOR_WAITING;
    }
}

void admin_door_close_in_child(struct admin_door *door)
{
    dismiss(door);
    if (door->listener >= 0) {
        (void)close(door->listener);
        door->listener = -1;
    }
}

void admin_door_close(struct admin_door *door, const struct data_directory *directory)
{
    if (door->listener >= 0) {
        (void)unlinkat(directory->descriptor, ADMIN_SOCKET_FILE, 0);
    }
    admin_door_close_in_child(door);
}

/* --------------------------------------------------------------- waiting ---- */

/* True for a moment after a client could not be let in. */
static bool is_pausing(const struct admin_door *door)
{
    return door->state == ADMIN_DOOR_FREE && door->deadline_ms > clock_monotonic_ms();
}

void admin_door_watch(const struct admin_door *door, struct pollfd *poll)
{
    *poll = (struct pollfd){.fd = -1};
    switch (door->state) {
    case ADMIN_DOOR_FREE:
        if (!is_pausing(door)) {
            *poll = (struct pollfd){.fd = door->listener, .events = POLLIN};
        }
        break;
    case ADMIN_DOOR_READING:
        *poll = (struct pollfd){.fd = door->client, .events = POLLIN};
        break;
    case ADMIN_DOOR_ANSWERING:
        *poll = (struct pollfd){.fd = door->client, .events = POLLOUT};
        break;
    case ADMIN_DOOR_WAITING: /* for its owner */
        break;
    }
}

int64_t admin_door_patience_ms(const struct admin_door *door)
{
    if (door->state == ADMIN_DOOR_WAITING ||
        (door->state == ADMIN_DOOR_FREE && !is_pausing(door))) {
        return -1;
    }
    int64_t left_ms = door->deadline_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* ------------------------------------------------------------- answering ---- */

static void send_answer(struct admin_door *door)
{
    ssize_t sent =
        send(door->client, door->text + door->sent, door->bytes - door->sent, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    door->sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 || door->sent == door->bytes) {
        dismiss(door);
    }
}

int admin_door_give_away(struct admin_door *door, pid_t *pid)
{
    struct ucred peer = {.pid = 0};
    socklen_t bytes = sizeof peer;
    (void)getsockopt(door->client, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
    *pid = peer.pid;
    return admin_door_release(door);
}

void admin_door_answer(struct admin_door *door, bool carried_out, const char *text)
{
    if (door->client < 0) {
        return;
    }
    int bytes = snprintf(door->text, sizeof door->text, "%s %.*s\n", carried_out ? "ok" : "fail",
                         ADMIN_ANSWER_BYTES_MAX - (int)sizeof "fail \n", text);
    door->bytes = (size_t)bytes;
    door->sent = 0;
    door->state = ADMIN_DOOR_ANSWERING;
    door->deadline_ms = clock_monotonic_ms() + CLIENT_PATIENCE_MS;
    send_answer(door);
}

static void refuse(struct admin_door *door, const char *reason)
{
    log_warning(LOG_ADMIN_CALLER_REFUSED, "result: fail | reason: %s", reason);
    admin_door_answer(door, false, reason);
}

/* --------------------------------------------------------------- reading ---- */

/* Takes the next client, if it may speak. */
static void let_in(struct admin_door *door)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    door->client = accept4(door->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (door->client < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            log_error(LOG_ADMIN_ACCEPT_FAILED, "result: fail | error: accept: %s", strerror(errno));
            door->deadline_ms = clock_monotonic_ms() + ACCEPT_PAUSE_MS;
        }
        return;
    }
    door->bytes = 0;
    door->state = ADMIN_DOOR_READING;
    door->deadline_ms = clock_monotonic_ms() + CLIENT_PATIENCE_MS;
    if (getsockopt(door->client, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 ||
        (peer.uid != geteuid() && peer.uid != ROOT_UID)) {
        refuse(door, "only the server's user, and root, may command the server");
    }
}

/* Reads what has come in. True when the request is whole, and well formed. */
static bool read_request(struct admin_door *door, struct admin_request *request)
{
    struct failure failure;
    ssize_t got =
        recv(door->client, door->text + door->bytes, ADMIN_REQUEST_BYTES_MAX - door->bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        dismiss(door);
        return false;
    }
    door->bytes += (size_t)got;
    if (admin_request_is_whole(door->text, door->bytes)) {
        if (admin_request_parse(door->text, door->bytes, request, &failure)) {
            door->state = ADMIN_DOOR_WAITING;
            return true;
        }
        refuse(door, failure.text);
    } else if (door->bytes == ADMIN_REQUEST_BYTES_MAX) {
        refuse(door, "the request is longer than any can be");
    }
    return false;
}

bool admin_door_go_on(struct admin_door *door, bool is_ready, struct admin_request *request)
{
    if (door->state != ADMIN_DOOR_FREE && admin_door_patience_ms(door) == 0) {
        log_warning(LOG_ADMIN_CALLER_SLOW,
                    "result: fail | reason: a client was at the door for %d ms, and neither "
                    "finished its request nor read its answer",
                    (int)CLIENT_PATIENCE_MS);
        dismiss(door);
        return false;
    }
    if (!is_ready) {
        return false;
    }
    if (door->state == ADMIN_DOOR_FREE && door->listener >= 0 && !is_pausing(door)) {
        let_in(door);
    }
    if (door->state == ADMIN_DOOR_ANSWERING) {
        send_answer(door);
    }
    return door->state == ADMIN_DOOR_READING && read_request(door, request);
}
