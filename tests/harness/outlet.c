/*
 * outlet.c - see outlet.h.
 */
#include "tests/harness/outlet.h"

#include "tests/harness/deadline.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = 512, FIFO_MODE = 0600 };

/* -------------------------------------------------------------- opening ---- */

static void take_ends(struct outlet *outlet, const int ends[2])
{
    outlet->reader = ends[0];
    outlet->writer = ends[1];
}

static void open_pipe(struct outlet *outlet)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    take_ends(outlet, ends);
}

static void open_sockets(struct outlet *outlet)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    take_ends(outlet, ends);
}

static void open_fifo(struct outlet *outlet, const char *directory)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/outlet", directory);
    assert_int_equal(mkfifo(path, FIFO_MODE), 0);
    outlet->reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    outlet->writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(outlet->reader >= 0 && outlet->writer >= 0);
    assert_int_equal(fcntl(outlet->reader, F_SETFL, 0), 0);
    assert_int_equal(unlink(path), 0);
}

static void open_terminal(struct outlet *outlet)
{
    struct termios mode;
    outlet->reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outlet->reader >= 0);
    assert_int_equal(grantpt(outlet->reader), 0);
    assert_int_equal(unlockpt(outlet->reader), 0);
    outlet->writer = open(ptsname(outlet->reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outlet->writer >= 0);
    assert_int_equal(tcgetattr(outlet->writer, &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(outlet->writer, TCSANOW, &mode), 0);
}

void outlet_open(struct outlet *outlet, enum outlet_kind kind, const char *directory)
{
    outlet->reader = -1;
    outlet->writer = -1;
    outlet->bytes = 0;
    outlet->text[0] = '\0';
    switch (kind) {
    case OUTLET_FIFO:
        open_fifo(outlet, directory);
        break;
    case OUTLET_TERMINAL:
        open_terminal(outlet);
        break;
    case OUTLET_SOCKETS:
        open_sockets(outlet);
        break;
    case OUTLET_PIPE:
    case OUTLET_KINDS:
        open_pipe(outlet);
        break;
    }
}

/* -------------------------------------------------------------- closing ---- */

static void close_end(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
    }
    *descriptor = -1;
}

void outlet_close_writer(struct outlet *outlet)
{
    close_end(&outlet->writer);
}

void outlet_close(struct outlet *outlet)
{
    close_end(&outlet->writer);
    close_end(&outlet->reader);
}

/* -------------------------------------------------------------- reading ---- */

/* Reads what there is, or comes within so many ms; false when nothing does, or at the end. */
static bool read_more(struct outlet *outlet, int patience_ms)
{
    struct pollfd news = {.fd = outlet->reader, .events = POLLIN};
    size_t room = sizeof outlet->text - 1 - outlet->bytes;
    assert_true(room > 0);
    if (poll(&news, 1, patience_ms) <= 0) {
        return false;
    }
    ssize_t got = read(outlet->reader, outlet->text + outlet->bytes, room);
    if (got <= 0) {
        return false; /* a terminal whose other side has gone says EIO */
    }
    outlet->bytes += (size_t)got;
    outlet->text[outlet->bytes] = '\0';
    return true;
}

static bool has_line_with(const struct outlet *outlet, const char *text)
{
    const char *found = strstr(outlet->text, text);
    return found != NULL && strchr(found, '\n') != NULL;
}

void outlet_await(struct outlet *outlet, const char *text)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!has_line_with(outlet, text)) {
        if (!read_more(outlet, deadline_left_ms(deadline))) {
            fail_msg("\"%s\" did not come, but:\n%s", text, outlet->text);
        }
    }
}

void outlet_drain(struct outlet *outlet)
{
    while (read_more(outlet, 0)) {
    }
}
