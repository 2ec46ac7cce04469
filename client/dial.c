/*
 * dial.c - see dial.h.
 */
#include "client/dial.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What became of a connect that was on its way: 0, or an errno. */
static int connect_result(int fd)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) {
        return errno;
    }
    return error;
}

/* Connects one socket. errno tells why it failed. */
static enum dial_end connect_socket(struct interrupt *interrupt, int fd,
                                    const struct resolver_address *address, int64_t deadline_ms)
{
    const struct sockaddr *where = (const struct sockaddr *)&address->address;
    if (connect(fd, where, address->bytes) == 0) {
        return DIAL_CONNECTED;
    }
    if (errno != EINPROGRESS) {
        return DIAL_FAILED;
    }
    switch (interrupt_wait(interrupt, fd, POLLOUT, deadline_ms)) {
    case INTERRUPT_STOPPED:
        return DIAL_STOPPED;
    case INTERRUPT_LAPSED:
        errno = ETIMEDOUT;
        return DIAL_FAILED;
    case INTERRUPT_READY:
        break;
    }
    errno = connect_result(fd);
    return errno == 0 ? DIAL_CONNECTED : DIAL_FAILED;
}

static enum dial_end connect_address(struct interrupt *interrupt,
                                     const struct resolver_address *address, int64_t deadline_ms,
                                     int *fd)
{
    const int on = 1;
    *fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        return DIAL_FAILED;
    }
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* slower without, not wrong */
    enum dial_end end = connect_socket(interrupt, *fd, address, deadline_ms);
    if (end != DIAL_CONNECTED) {
        int saved_errno = errno;
        (void)close(*fd);
        *fd = -1;
        errno = saved_errno;
    }
    return end;
}

enum dial_end dial_once(struct interrupt *interrupt, const struct resolver_name *server,
                        int64_t deadline_ms, int *fd, struct failure *failure)
{
    struct resolver_answer answer;
    enum resolver_end found = resolver_find(interrupt, server, deadline_ms, &answer, failure);
    if (found != RESOLVER_FOUND) {
        return found == RESOLVER_STOPPED ? DIAL_STOPPED : DIAL_FAILED;
    }
    for (size_t i = 0; i < answer.count; i++) {
        int64_t limit_ms = clock_monotonic_ms() + DIAL_ATTEMPT_MS;
        enum dial_end end = connect_address(interrupt, &answer.addresses[i],
                                            limit_ms < deadline_ms ? limit_ms : deadline_ms, fd);
        if (end != DIAL_FAILED) {
            return end;
        }
        (void)failure_set_errno(failure, "connecting to %s port %s", server->host, server->port);
    }
    return DIAL_FAILED;
}

bool dial_pause(struct interrupt *interrupt, struct patience *patience)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) {
        random = (uint32_t)getpid(); /* at least not the same for all agencies */
    }
    int64_t now_ms = clock_monotonic_ms();
    int64_t deadline_ms = patience_deadline_ms(patience);
    int64_t until_ms = now_ms + patience_next_pause_ms(patience, random);
    if (now_ms >= deadline_ms) {
        return false;
    }
    return interrupt_wait(interrupt, -1, 0, until_ms < deadline_ms ? until_ms : deadline_ms) ==
           INTERRUPT_LAPSED;
}

enum dial_end dial_persistently(struct interrupt *interrupt, const struct resolver_name *server,
                                struct patience *patience, int *fd, struct failure *failure)
{
    while (true) {
        enum dial_end end =
            dial_once(interrupt, server, patience_deadline_ms(patience), fd, failure);
        if (end == DIAL_CONNECTED) {
            patience_connected(patience);
        }
        if (end != DIAL_FAILED) {
            return end;
        }
        log_debug("action: connect | result: fail | reason: %s", failure->text);
        if (!dial_pause(interrupt, patience)) {
            return interrupt->signal != 0 ? DIAL_STOPPED : DIAL_FAILED;
        }
    }
}
