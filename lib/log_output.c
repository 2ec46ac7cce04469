/*
 * log_output.c - see log_output.h.
 */
#include "lib/log_output.h"

#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    PATH_BYTES = 32,
    NS_PER_MS = 1000000,
    CREDIT_MAX_NS = LOG_WAIT_MS * LOG_WAIT_PART * NS_PER_MS,
    NOT_BEGUN = -1,
    ALARM_PERIOD_US =
        10000 /* repeated, because the first one may come before the write has begun */
};

/* -------------------------------------------------------------- opening ---- */

/* The same file, with flags of our own; -1 when that can't be had. */
static int open_anew(int descriptor, const struct stat *given)
{
    char path[PATH_BYTES];
    struct stat opened;
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) {
        return -1;
    }
    if (fstat(own, &opened) != 0 || opened.st_dev != given->st_dev ||
        opened.st_ino != given->st_ino) {
        close(own);
        return -1;
    }
    return own;
}

static void set_up(struct log_output *output, int descriptor, enum log_output_kind kind)
{
    *output = (struct log_output){.descriptor = descriptor,
                                  .kind = kind,
                                  .credit_ns = CREDIT_MAX_NS,
                                  .credited_at_ns = clock_monotonic_ns()};
}

/* Does nothing: its arrival is what interrupts the write. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* A SIGALRM from another process must not end this one. */
static void catch_alarms(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    sigset_t alarms;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
}

void log_output_open_shared(struct log_output *output, int descriptor)
{
    catch_alarms();
    set_up(output, descriptor, LOG_OUTPUT_SHARED);
}

void log_output_open(struct log_output *output, int descriptor)
{
    int saved_errno = errno;
    struct stat status = {0};
    catch_alarms();
    fstat(descriptor, &status);
    bool is_stream = S_ISFIFO(status.st_mode) || isatty(descriptor) == 1;
    int own = is_stream ? open_anew(descriptor, &status) : -1;
    if (own >= 0) {
        set_up(output, own, LOG_OUTPUT_OWN);
    } else if (is_stream) {
        set_up(output, descriptor, LOG_OUTPUT_SHARED);
    } else {
        set_up(output, descriptor, S_ISSOCK(status.st_mode) ? LOG_OUTPUT_SOCKET : LOG_OUTPUT_FILE);
    }
    errno = saved_errno;
}

bool log_output_takes_escapes(int descriptor)
{
    int saved_errno = errno;
    const char *kind = getenv("TERM");
    bool takes =
        isatty(descriptor) == 1 && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
    errno = saved_errno;
    return takes;
}

bool log_output_takes_colours(int descriptor)
{
    const char *no_colour = getenv("NO_COLOR");
    return (no_colour == NULL || no_colour[0] == '\0') && log_output_takes_escapes(descriptor);
}

void log_output_close(struct log_output *output)
{
    if (output->kind == LOG_OUTPUT_OWN) {
        close(output->descriptor);
    }
    *output = (struct log_output){.descriptor = -1};
}

/* ------------------------------------------------------------- patience ---- */

/* The longest that a wait may take which begins now. Credit has grown since the latest one. */
static int64_t wait_limit_ns(struct log_output *output, enum log_patience patience, int64_t now_ns)
{
    int64_t earned_ns = now_ns - output->credited_at_ns;
    bool full = earned_ns >= CREDIT_MAX_NS - output->credit_ns;
    output->credit_ns = full ? CREDIT_MAX_NS : output->credit_ns + earned_ns;
    output->credited_at_ns = now_ns;
    switch (patience) {
    case LOG_PATIENCE_FAIR:
        return output->credit_ns / LOG_WAIT_PART;
    case LOG_PATIENCE_ONCE:
        return (int64_t)LOG_WAIT_MS * NS_PER_MS;
    case LOG_PATIENCE_LAST:
        return (int64_t)LOG_WAIT_LAST_MS * NS_PER_MS;
    case LOG_PATIENCE_NONE:
        break;
    }
    return 0;
}

/* The wait of one write, which begins when that finds no room for the first time. */
struct wait {
    int64_t began_ns, deadline_ns;
};

/* Waits for room; false when there is no time left for that. Room is not promised. */
static bool wait_for_room(struct log_output *output, enum log_patience patience, struct wait *wait)
{
    struct pollfd room = {.fd = output->descriptor, .events = POLLOUT};
    int64_t now_ns = clock_monotonic_ns();
    if (wait->began_ns == NOT_BEGUN) {
        wait->began_ns = now_ns;
        wait->deadline_ns = now_ns + wait_limit_ns(output, patience, now_ns);
    }
    if (now_ns >= wait->deadline_ns) {
        return false;
    }
    poll(&room, 1, (int)((wait->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS));
    return true;
}

/* The time that was waited costs credit. */
static void end_wait(struct log_output *output, const struct wait *wait)
{
    if (wait->began_ns != NOT_BEGUN) {
        int64_t cost_ns = (clock_monotonic_ns() - wait->began_ns) * LOG_WAIT_PART;
        output->credit_ns = cost_ns >= output->credit_ns ? 0 : output->credit_ns - cost_ns;
    }
}

/* -------------------------------------------------------------- writing ---- */

static void set_alarm(long period_us)
{
    const struct timeval period = {.tv_usec = period_us};
    const struct itimerval timer = {.it_interval = period, .it_value = period};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A blocking write: begun only where there is some room, interrupted where it is not enough. */
static ssize_t write_to_shared(int descriptor, const char *bytes, size_t count)
{
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    if (poll(&room, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    set_alarm(ALARM_PERIOD_US);
    ssize_t written = write(descriptor, bytes, count);
    int error = errno;
    set_alarm(0);
    errno = error == EINTR ? EAGAIN : error;
    return written;
}

static ssize_t write_now(const struct log_output *output, const char *bytes, size_t count)
{
    switch (output->kind) {
    case LOG_OUTPUT_SOCKET:
        return send(output->descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    case LOG_OUTPUT_SHARED:
        return write_to_shared(output->descriptor, bytes, count);
    case LOG_OUTPUT_FILE:
    case LOG_OUTPUT_OWN:
        break;
    }
    return write(output->descriptor, bytes, count);
}

size_t log_output_write(struct log_output *output, const char *bytes, size_t count,
                        enum log_patience patience)
{
    struct wait wait = {.began_ns = NOT_BEGUN};
    size_t done = 0;
    int error = 0;
    while (done < count && error == 0) {
        ssize_t written = write_now(output, bytes + done, count - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0) {
            error = EIO; /* a device that takes nothing, and does not say why */
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            error = wait_for_room(output, patience, &wait) ? 0 : EAGAIN;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    end_wait(output, &wait);
    errno = error;
    return done;
}
