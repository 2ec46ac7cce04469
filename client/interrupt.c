/*
 * interrupt.c - see interrupt.h.
 */
#include "client/interrupt.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

bool interrupt_open(struct interrupt *interrupt, struct failure *failure)
{
    sigset_t signals;
    struct sigaction inherited;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    /* A shell ignores SIGINT for a background command. Blocking it would keep it pending. */
    if (sigaction(SIGINT, NULL, &inherited) < 0 || inherited.sa_handler != SIG_IGN) {
        sigaddset(&signals, SIGINT);
    }
    interrupt->signal = 0;
    interrupt->signal_fd = -1;
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
        return failure_set_errno(failure, "blocking SIGTERM and SIGINT");
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return failure_set_errno(failure, "ignoring SIGPIPE");
    }
    interrupt->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (interrupt->signal_fd < 0) {
        return failure_set_errno(failure, "opening a descriptor for signals");
    }
    return true;
}

void interrupt_close(struct interrupt *interrupt)
{
    if (interrupt->signal_fd >= 0) {
        close(interrupt->signal_fd);
        interrupt->signal_fd = -1;
    }
}

/* Takes the signal that has arrived and logs it. */
static void take_signal(struct interrupt *interrupt)
{
    struct signalfd_siginfo information;
    if (read(interrupt->signal_fd, &information, sizeof information) != sizeof information) {
        return;
    }
    interrupt->signal = (int)information.ssi_signo;
    log_info(LOG_AGENCY_STOPPING, "result: in_progress | signal: SIG%s",
             sigabbrev_np(interrupt->signal));
}

enum interrupt_wait_end interrupt_wait(struct interrupt *interrupt, int fd, short events,
                                       int64_t deadline_ms)
{
    while (interrupt->signal == 0) {
        struct pollfd watched[] = {
            {.fd = interrupt->signal_fd, .events = POLLIN},
            {.fd = fd, .events = events},
        };
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct timespec left = clock_interval(left_ms > 0 ? left_ms : 0);
        int ready = ppoll(watched, sizeof watched / sizeof watched[0], &left, NULL);
        invariant(ready >= 0 || errno == EINTR || errno == ENOMEM, "fd %d, %s", fd,
                  strerror(errno));
        if (ready == 0) {
            return INTERRUPT_LAPSED;
        }
        if (ready > 0 && watched[0].revents != 0) {
            take_signal(interrupt);
        } else if (ready > 0) {
            return INTERRUPT_READY;
        }
    }
    return INTERRUPT_STOPPED;
}

bool interrupt_is_pending(struct interrupt *interrupt)
{
    return interrupt_wait(interrupt, -1, 0, 0) == INTERRUPT_STOPPED;
}
