/*
 * resolver.c - see resolver.h.
 */
#include "client/resolver.h"

#include "lib/clock.h"
#include "lib/config_value.h"
#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BRACKETS = 2, SLOW_MS = 2000 };

_Static_assert(sizeof(struct resolver_answer) <= PIPE_BUF, "an answer is one write to a pipe");

/* --------------------------------------------------- how an address is written ---- */

/* A port to connect to, read into a uint32_t of its own. */
static const struct config_key port_key = {
    .kind = CONFIG_UINT32, .minimum = 1, .maximum = UINT16_MAX};

bool resolver_check_port(const char *port, const char *place, struct failure *failure)
{
    uint32_t number = 0;
    return config_value_parse(&port_key, port, strlen(port), place, &number, failure);
}

static bool copy_part(char *part, const char *text, size_t bytes)
{
    if (bytes == 0 || bytes >= RESOLVER_NAME_BYTES) {
        return false;
    }
    memcpy(part, text, bytes);
    part[bytes] = '\0';
    return true;
}

/*
 * Takes the host before the colon of "host:port" or "[host]:port". In brackets stands an IPv6
 * address, which may end in `%` and an interface.
 */
static bool take_host(const char *address, const char *colon, struct resolver_name *name)
{
    static const char never_in_a_host[] = " \t\r\n/[]:";
    size_t bytes = (size_t)(colon - address);
    if (address[0] != '[') {
        return strcspn(address, never_in_a_host) == bytes && copy_part(name->host, address, bytes);
    }
    if (bytes <= BRACKETS || colon[-1] != ']' ||
        !copy_part(name->host, address + 1, bytes - BRACKETS)) {
        return false;
    }
    char number[RESOLVER_NAME_BYTES];
    struct in6_addr parsed;
    snprintf(number, sizeof number, "%.*s", (int)strcspn(name->host, "%"), name->host);
    return inet_pton(AF_INET6, number, &parsed) == 1;
}

bool resolver_split(const char *address, const char *place, struct resolver_name *name,
                    struct failure *failure)
{
    char port_place[CONFIG_PLACE_BYTES + sizeof ": its port"];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || !take_host(address, colon, name)) {
        return failure_set(failure, "%s: \"%.60s\" is not host:port, like localhost:12345", place,
                           address);
    }
    snprintf(port_place, sizeof port_place, "%s: its port", place);
    return resolver_check_port(colon + 1, port_place, failure) &&
           copy_part(name->port, colon + 1, strlen(colon + 1));
}

/* ------------------------------------------------------------- looking it up ---- */

/* Asks the C library; `flags` as in addrinfo. */
static void look_up(const struct resolver_name *name, int flags, struct resolver_answer *answer)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    memset(answer, 0, sizeof *answer);
    bool is_loopback = strcasecmp(name->host, "localhost") == 0; /* so is an empty name */
    answer->code = getaddrinfo(is_loopback ? NULL : name->host, name->port, &hints, &found);
    answer->code_errno = errno;
    if (answer->code != 0) {
        return;
    }
    for (const struct addrinfo *one = found; one != NULL && answer->count < RESOLVER_ADDRESSES_MAX;
         one = one->ai_next) {
        struct resolver_address *address = &answer->addresses[answer->count++];
        address->family = one->ai_family;
        address->bytes = one->ai_addrlen;
        memcpy(&address->address, one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(found);
}

/* The child's whole life. */
static _Noreturn void answer_and_leave(int pipe_fd, const struct resolver_name *name)
{
    struct resolver_answer answer;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    look_up(name, 0, &answer);
    ssize_t written = write(pipe_fd, &answer, sizeof answer);
    _exit(written == (ssize_t)sizeof answer ? 0 : 1);
}

/* Forks the child. Returns its pid, or -1 with errno. Its answer comes from *answer_fd. */
static pid_t start_child(const struct resolver_name *name, int *answer_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        answer_and_leave(ends[1], name);
    }
    int fork_errno = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
    }
    *answer_fd = ends[0];
    errno = fork_errno;
    return child;
}

/* Says what an answer means, and why a name was not found. */
static enum resolver_end judge(const struct resolver_name *name,
                               const struct resolver_answer *answer, struct failure *failure)
{
    if (answer->code == 0 && answer->count > 0) {
        return RESOLVER_FOUND;
    }
    const char *why =
        answer->code == EAI_SYSTEM ? strerror(answer->code_errno) : gai_strerror(answer->code);
    const char *hint = answer->code == EAI_NONAME ? " (is server.address right?)" : "";
    failure_set(failure, "looking up %s port %s: %s%s", name->host, name->port, why, hint);
    return RESOLVER_FAILED;
}

/* Waits for the child's answer, and logs when that takes long. */
static enum resolver_end await_child(struct interrupt *interrupt, int answer_fd,
                                     int64_t deadline_ms, const struct resolver_name *name,
                                     struct resolver_answer *answer, struct failure *failure)
{
    int64_t slow_ms = clock_monotonic_ms() + SLOW_MS;
    bool may_be_slow = slow_ms < deadline_ms;
    enum interrupt_wait_end end =
        interrupt_wait(interrupt, answer_fd, POLLIN, may_be_slow ? slow_ms : deadline_ms);
    if (end == INTERRUPT_LAPSED && may_be_slow) {
        log_warning(LOG_NAME_SERVICE_SILENT,
                    "result: in_progress | reason: looking up %s: no answer from the name service "
                    "yet",
                    name->host);
        end = interrupt_wait(interrupt, answer_fd, POLLIN, deadline_ms);
    }
    if (end == INTERRUPT_STOPPED) {
        return RESOLVER_STOPPED;
    }
    if (end == INTERRUPT_LAPSED) {
        failure_set(failure, "looking up %s: no answer in time", name->host);
        return RESOLVER_LATE;
    }
    if (read(answer_fd, answer, sizeof *answer) != (ssize_t)sizeof *answer) {
        failure_set(failure, "looking up %s: the process that does it ended", name->host);
        return RESOLVER_FAILED;
    }
    return judge(name, answer, failure);
}

enum resolver_end resolver_find(struct interrupt *interrupt, const struct resolver_name *name,
                                int64_t deadline_ms, struct resolver_answer *answer,
                                struct failure *failure)
{
    look_up(name, AI_NUMERICHOST | AI_NUMERICSERV, answer);
    if (answer->code == 0) {
        return judge(name, answer, failure);
    }
    int answer_fd = -1;
    pid_t child = start_child(name, &answer_fd);
    if (child < 0) {
        failure_set_errno(failure, "starting a process to look up %s", name->host);
        return RESOLVER_FAILED;
    }
    enum resolver_end end = await_child(interrupt, answer_fd, deadline_ms, name, answer, failure);
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        /* no handler of ours interrupts; a debugger may */
    }
    close(answer_fd);
    return end;
}
