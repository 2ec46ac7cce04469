/*
 * eavesdropper.c - see eavesdropper.h.
 */
#include "tests/harness/eavesdropper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { UP, DOWN, DIRECTIONS, HEARD_BYTES_MAX = 1 << 20, READ_BYTES = 1 << 14 };

/* What was heard in one direction. */
struct heard {
    size_t bytes;
    char text[HEARD_BYTES_MAX];
};

struct recording {
    struct heard ways[DIRECTIONS];
};

static struct sockaddr_in at_port(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* ------------------------------------------------------------- its process ---- */

/* Notes what has come, and passes it on. False at the end of this direction. */
static bool pass_on(int from, int to, struct heard *heard)
{
    char bytes[READ_BYTES];
    ssize_t got = recv(from, bytes, sizeof bytes, 0);
    if (got <= 0 || (size_t)got > sizeof heard->text - heard->bytes) {
        (void)shutdown(to, SHUT_WR);
        return false;
    }
    memcpy(heard->text + heard->bytes, bytes, (size_t)got);
    heard->bytes += (size_t)got;
    for (ssize_t sent = 0; sent < got;) {
        ssize_t part = send(to, bytes + sent, (size_t)(got - sent), MSG_NOSIGNAL);
        if (part < 0) {
            return false;
        }
        sent += part;
    }
    return true;
}

static void relay(int agency, int server, struct recording *recording)
{
    struct pollfd watched[DIRECTIONS] = {
        [UP] = {.fd = agency, .events = POLLIN}, [DOWN] = {.fd = server, .events = POLLIN}};
    while (watched[UP].fd >= 0 || watched[DOWN].fd >= 0) {
        if (poll(watched, DIRECTIONS, -1) < 0) {
            return;
        }
        for (int way = UP; way < DIRECTIONS; way++) {
            int to = way == UP ? server : agency;
            if (watched[way].revents != 0 && !pass_on(watched[way].fd, to, &recording->ways[way])) {
                watched[way].fd = -1; /* poll ignores it */
            }
        }
    }
}

static _Noreturn void listen_on_the_way(int listener, unsigned server_port,
                                        struct recording *recording)
{
    const struct sockaddr_in address = at_port(server_port);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int agency = accept(listener, NULL, NULL);
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (agency < 0 || server < 0) {
            _exit(EXIT_FAILURE);
        }
        if (connect(server, (const struct sockaddr *)&address, sizeof address) == 0) {
            relay(agency, server, recording);
        }
        (void)close(server);
        (void)close(agency);
    }
}

/* -------------------------------------------------------- the test's process ---- */

static bool release(void *thing)
{
    struct eavesdropper *eavesdropper = thing;
    eavesdropper_stop(eavesdropper);
    (void)munmap(eavesdropper->recording, sizeof *eavesdropper->recording);
    return true;
}

struct eavesdropper *eavesdropper_start(const struct server *server)
{
    struct eavesdropper *eavesdropper = stage_allocate(server->stage, sizeof *eavesdropper);
    struct sockaddr_in address = at_port(0);
    socklen_t bytes = sizeof address;
    eavesdropper->recording = mmap(NULL, sizeof *eavesdropper->recording, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(eavesdropper->recording != MAP_FAILED);
    eavesdropper->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(eavesdropper->listener >= 0);
    assert_int_equal(bind(eavesdropper->listener, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(eavesdropper->listener, SOMAXCONN), 0);
    assert_int_equal(getsockname(eavesdropper->listener, (struct sockaddr *)&address, &bytes), 0);
    eavesdropper->port = ntohs(address.sin_port);
    eavesdropper->pid = fork();
    assert_true(eavesdropper->pid >= 0);
    if (eavesdropper->pid == 0) {
        listen_on_the_way(eavesdropper->listener, server->port, eavesdropper->recording);
    }
    stage_own(server->stage, eavesdropper, release);
    return eavesdropper;
}

void eavesdropper_stop(struct eavesdropper *eavesdropper)
{
    if (eavesdropper->pid == 0) {
        return;
    }
    (void)kill(eavesdropper->pid, SIGKILL);
    while (waitpid(eavesdropper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    eavesdropper->pid = 0;
    (void)close(eavesdropper->listener);
    for (int way = UP; way < DIRECTIONS; way++) {
        eavesdropper->bytes += eavesdropper->recording->ways[way].bytes;
    }
}

bool eavesdropper_has_heard(const struct eavesdropper *eavesdropper, const char *text)
{
    bool has_heard = false;
    for (int way = UP; way < DIRECTIONS; way++) {
        const struct heard *heard = &eavesdropper->recording->ways[way];
        has_heard = has_heard || memmem(heard->text, heard->bytes, text, strlen(text)) != NULL;
    }
    return has_heard;
}
