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
#include <time.h>
#include <unistd.h>

enum { TIME_BYTES = sizeof "23:59:59", MS_PER_SECOND = 1000 };

/* Connects one socket. DIAL_FAILED: errno tells why. */
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
    int error = 0;
    socklen_t bytes = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) {
        return DIAL_FAILED;
    }
    errno = error;
    return error == 0 ? DIAL_CONNECTED : DIAL_FAILED;
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
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* slower without, not wrong */
    enum dial_end end = connect_socket(interrupt, *fd, address, deadline_ms);
    if (end != DIAL_CONNECTED) {
        int saved_errno = errno;
        close(*fd);
        *fd = -1;
        errno = saved_errno;
    }
    return end;
}

/* True when this machine has no route to the address. That tells nothing about the server. */
static bool is_out_of_reach(int error)
{
    return error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

/* Tries the addresses, one after the other. */
static enum dial_end connect_any(struct interrupt *interrupt, const struct resolver_name *server,
                                 const struct resolver_answer *answer, int64_t deadline_ms, int *fd,
                                 struct failure *failure)
{
    bool explained = false; /* by more than that an address is out of reach */
    failure_set(failure, "connecting to %s port %s: no answer in time", server->host, server->port);
    for (size_t i = 0; i < answer->count; i++) {
        int64_t limit_ms = clock_monotonic_ms() + DIAL_ATTEMPT_MS;
        enum dial_end end = connect_address(interrupt, &answer->addresses[i],
                                            limit_ms < deadline_ms ? limit_ms : deadline_ms, fd);
        if (end != DIAL_FAILED) {
            return end;
        }
        if (errno == ETIMEDOUT && clock_monotonic_ms() >= deadline_ms) {
            return explained ? DIAL_FAILED : DIAL_LATE;
        }
        if (!explained || !is_out_of_reach(errno)) {
            explained = !is_out_of_reach(errno);
            const char *hint = errno == ECONNREFUSED ? " (is the server running there?)" : "";
            failure_set(failure, "connecting to %s port %s: %s%s", server->host, server->port,
                        strerror(errno), hint);
        }
    }
    return DIAL_FAILED;
}

enum dial_end dial_once(struct interrupt *interrupt, const struct resolver_name *server,
                        int64_t deadline_ms, int *fd, struct failure *failure)
{
    struct resolver_answer answer;
    switch (resolver_find(interrupt, server, deadline_ms, &answer, failure)) {
    case RESOLVER_FOUND:
        break;
    case RESOLVER_FAILED:
        return DIAL_FAILED;
    case RESOLVER_LATE:
        return DIAL_LATE;
    case RESOLVER_STOPPED:
        return DIAL_STOPPED;
    }
    return connect_any(interrupt, server, &answer, deadline_ms, fd, failure);
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
    if (until_ms < deadline_ms) {
        return interrupt_wait(interrupt, -1, 0, until_ms) == INTERRUPT_LAPSED;
    }
    interrupt_wait(interrupt, -1, 0, deadline_ms); /* there is no further attempt then */
    return false;
}

/* Logs the reason, and the time of day until which it will be tried again. */
static void tell_failure(const struct failure *failure, const struct patience *patience)
{
    int64_t left_ms = patience_deadline_ms(patience) - clock_monotonic_ms();
    time_t end = time(NULL) + (time_t)(left_ms / MS_PER_SECOND);
    struct tm broken_down;
    char until[TIME_BYTES];
    localtime_r(&end, &broken_down);
    strftime(until, sizeof until, "%H:%M:%S", &broken_down);
    log_warning("action: connect | result: in_progress | reason: %s | trying_again_until: %s",
                failure->text, until);
}

enum dial_end dial_persistently(struct interrupt *interrupt, const struct resolver_name *server,
                                struct patience *patience, int *fd, struct failure *failure)
{
    bool told = false;
    while (true) {
        struct failure why;
        enum dial_end end = dial_once(interrupt, server, patience_deadline_ms(patience), fd, &why);
        if (end == DIAL_CONNECTED) {
            patience_connected(patience);
        }
        if (end == DIAL_CONNECTED || end == DIAL_STOPPED) {
            return end;
        }
        bool is_news = !told || (end == DIAL_FAILED && strcmp(why.text, failure->text) != 0);
        if (is_news) {
            *failure = why;
        }
        if (end == DIAL_LATE) {
            return DIAL_FAILED;
        }
        if (is_news) {
            tell_failure(failure, patience);
            told = true;
        }
        log_debug("action: connect | result: fail | reason: %s", why.text);
        if (!dial_pause(interrupt, patience)) {
            return interrupt->signal != 0 ? DIAL_STOPPED : DIAL_FAILED;
        }
    }
}
