/*
 * notify_socket.c - see notify_socket.h.
 */
#include "tests/harness/notify_socket.h"

#include "tests/harness/deadline.h"

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static bool close_socket(void *thing)
{
    struct notify_socket *notify = thing;
    return close(notify->descriptor) == 0;
}

struct notify_socket *notify_socket_open(struct stage *stage, bool is_abstract)
{
    struct notify_socket *notify = stage_allocate(stage, sizeof *notify);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int length = is_abstract ? snprintf(notify->address, sizeof notify->address,
                                              "@lottery-test-%d-%p", (int)getpid(), (void *)notify)
                                   : snprintf(notify->address, sizeof notify->address,
                                              "%.90s/notify", stage->directory);
    assert_in_range(length, 1, sizeof notify->address - 1);
    memcpy(address.sun_path, notify->address, (size_t)length);
    if (is_abstract) {
        address.sun_path[0] = '\0';
    }
    notify->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(notify->descriptor >= 0);
    stage_own(stage, notify, close_socket);
    const socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
    assert_int_equal(bind(notify->descriptor, (struct sockaddr *)&address, bytes), 0);
    return notify;
}

/* True where one of the message's lines is like the pattern. */
static bool has_line(const char *message, const char *pattern)
{
    char text[NOTIFY_MESSAGE_BYTES];
    char *rest = NULL;
    (void)snprintf(text, sizeof text, "%s", message);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (fnmatch(pattern, line, 0) == 0) {
            return true;
        }
    }
    return false;
}

const char *notify_socket_await_at(struct notify_socket *notify, struct stage *stage,
                                   const char *line, const char *file, int number)
{
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    char *message = stage_allocate(stage, NOTIFY_MESSAGE_BYTES);
    struct pollfd poll_of = {.fd = notify->descriptor, .events = POLLIN};
    while (poll(&poll_of, 1, deadline_left_ms(deadline)) > 0) {
        const ssize_t got = recv(notify->descriptor, message, NOTIFY_MESSAGE_BYTES - 1, 0);
        assert_true(got >= 0);
        message[got] = '\0';
        if (has_line(message, line)) {
            return message;
        }
    }
    print_error("%s:%d: no message \"%s\" has come\n", file, number, line);
    _fail(file, number);
    return NULL;
}

void notify_socket_drain(struct notify_socket *notify)
{
    char message[NOTIFY_MESSAGE_BYTES];
    while (recv(notify->descriptor, message, sizeof message, MSG_DONTWAIT) >= 0) {
    }
    assert_int_equal(errno, EAGAIN);
}

bool notify_socket_is_silent(struct notify_socket *notify, int ms)
{
    struct pollfd poll_of = {.fd = notify->descriptor, .events = POLLIN};
    return poll(&poll_of, 1, ms) == 0;
}
