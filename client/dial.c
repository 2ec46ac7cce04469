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
#include <stdio.h>
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

/* How an attempt at one server ended. */
enum attempt_end {
    ATTEMPT_CONNECTED,
    ATTEMPT_FAILED,
    ATTEMPT_LATE, /* the deadline came before any reason was known; the failure says just that */
    ATTEMPT_STOPPED
};

/* How long an attempt may take. */
struct limits {
    int64_t deadline_ms; /* of the whole patience */
    int64_t lookup_ms;   /* of looking the name up */
    int64_t address_ms;  /* of one address */
};

/* When so much time will have passed, or the deadline, where that comes first. */
static int64_t limit_in_ms(int64_t ms, const struct limits *limits)
{
    int64_t limit_ms = clock_monotonic_ms() + ms;
    return limit_ms < limits->deadline_ms ? limit_ms : limits->deadline_ms;
}

/* Tries the addresses, one after the other. */
static enum attempt_end connect_any(struct interrupt *interrupt, const struct resolver_name *server,
                                    const struct resolver_answer *answer,
                                    const struct limits *limits, int *fd, struct failure *failure)
{
    bool explained = false; /* by more than that an address is out of reach */
    failure_set(failure, "connecting to %s port %s: no answer in time", server->host, server->port);
    for (size_t i = 0; i < answer->count; i++) {
        enum dial_end end = connect_address(interrupt, &answer->addresses[i],
                                            limit_in_ms(limits->address_ms, limits), fd);
        if (end != DIAL_FAILED) {
            return end == DIAL_CONNECTED ? ATTEMPT_CONNECTED : ATTEMPT_STOPPED;
        }
        if (errno == ETIMEDOUT && clock_monotonic_ms() >= limits->deadline_ms) {
            return explained ? ATTEMPT_FAILED : ATTEMPT_LATE;
        }
        if (!explained || !is_out_of_reach(errno)) {
            explained = !is_out_of_reach(errno);
            const char *hint = errno == ECONNREFUSED ? " (is the server running there?)" : "";
            failure_set(failure, "connecting to %s port %s: %s%s", server->host, server->port,
                        strerror(errno), hint);
        }
    }
    return ATTEMPT_FAILED;
}

/* Makes one attempt at one server. */
static enum attempt_end dial_server(struct interrupt *interrupt, const struct resolver_name *server,
                                    const struct limits *limits, int *fd, struct failure *failure)
{
    struct resolver_answer answer;
    int64_t lookup_end_ms = limit_in_ms(limits->lookup_ms, limits);
    switch (resolver_find(interrupt, server, lookup_end_ms, &answer, failure)) {
    case RESOLVER_FOUND:
        break;
    case RESOLVER_FAILED:
        return ATTEMPT_FAILED;
    case RESOLVER_LATE:
        return lookup_end_ms < limits->deadline_ms ? ATTEMPT_FAILED : ATTEMPT_LATE;
    case RESOLVER_STOPPED:
        return ATTEMPT_STOPPED;
    }
    return connect_any(interrupt, server, &answer, limits, fd, failure);
}

/* The failures of those that were tried, in the order of the list. */
static void join(const struct failure whys[SERVERS_MAX], size_t count, struct failure *failure)
{
    size_t used = 0;
    failure->text[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof failure->text; i++) {
        if (whys[i].text[0] != '\0') {
            used += (size_t)snprintf(failure->text + used, sizeof failure->text - used, "%s%s",
                                     used > 0 ? "; " : "", whys[i].text);
        }
    }
}

/*
 * Makes one attempt at each server. Where all of them have failed it is the same one's turn again.
 * `failure` holds why those failed that did; "": none has.
 */
static enum attempt_end dial_round(struct interrupt *interrupt, struct servers *servers,
                                   int64_t deadline_ms, int *fd, struct failure *failure)
{
    bool several = servers_are_several(servers);
    const struct limits limits = {
        .deadline_ms = deadline_ms,
        .lookup_ms = several ? DIAL_LOOKUP_OF_SEVERAL_MS : deadline_ms, /* no limit of its own */
        .address_ms = several ? DIAL_ATTEMPT_OF_SEVERAL_MS : DIAL_ATTEMPT_MS};
    struct failure whys[SERVERS_MAX] = {0};
    enum attempt_end end = ATTEMPT_FAILED;
    size_t failed = 0;
    while (failed < servers->count) {
        struct failure *why = &whys[servers->current];
        end = dial_server(interrupt, &servers_current(servers)->name, &limits, fd, why);
        if (end == ATTEMPT_CONNECTED) {
            why->text[0] = '\0';
        }
        if (end != ATTEMPT_FAILED) {
            break;
        }
        failed++;
        servers_turn(servers);
    }
    join(whys, servers->count, failure);
    return end == ATTEMPT_LATE && failed > 0 ? ATTEMPT_FAILED : end;
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

/* Logs the reason, and the time of day, rounded up to a second, until which it is tried again. */
static void tell_failure(const struct failure *failure, const struct patience *patience)
{
    int64_t left_ms = patience_deadline_ms(patience) - clock_monotonic_ms();
    time_t end = (time_t)((clock_wall_ms() + left_ms + MS_PER_SECOND - 1) / MS_PER_SECOND);
    struct tm broken_down;
    char until[TIME_BYTES];
    localtime_r(&end, &broken_down);
    strftime(until, sizeof until, "%H:%M:%S", &broken_down);
    log_warning(LOG_SERVER_AWAITED, "result: in_progress | reason: %s | trying_again_until: %s",
                failure->text, until);
}

enum dial_end dial_persistently(struct interrupt *interrupt, struct servers *servers,
                                struct patience *patience, int *fd, struct failure *failure)
{
    bool told = false;
    while (true) {
        struct failure why;
        enum attempt_end end =
            dial_round(interrupt, servers, patience_deadline_ms(patience), fd, &why);
        if (end == ATTEMPT_STOPPED) {
            return DIAL_STOPPED;
        }
        bool is_news = why.text[0] != '\0' &&
                       (!told || (end != ATTEMPT_LATE && strcmp(why.text, failure->text) != 0));
        if (is_news) {
            *failure = why;
        }
        if (end == ATTEMPT_CONNECTED) {
            patience_connected(patience);
            return DIAL_CONNECTED;
        }
        if (end == ATTEMPT_LATE) {
            return DIAL_FAILED;
        }
        if (is_news) {
            tell_failure(failure, patience);
            told = true;
        }
        log_debug(LOG_SERVER_TRIED, "result: fail | reason: %s", why.text);
        if (!dial_pause(interrupt, patience)) {
            return interrupt->signal != 0 ? DIAL_STOPPED : DIAL_FAILED;
        }
    }
}
