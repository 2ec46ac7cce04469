/*
 * stop_signal.c - see stop_signal.h.
 */
#include "shipper/stop_signal.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t has_come;
static sem_t *to_wake;

static void on_terminate(int signal_number)
{
    (void)signal_number;
    has_come = 1;
    if (to_wake != NULL) {
        sem_post(to_wake);
    }
}

void stop_signal_block(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGSYS); /* a forbidden system call ends the process at once */
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void stop_signal_let_in(sem_t *wakeup)
{
    struct sigaction action = {.sa_handler = on_terminate};
    sigset_t terminate;
    to_wake = wakeup;
    (void)sigfillset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigemptyset(&terminate);
    (void)sigaddset(&terminate, SIGTERM);
    (void)pthread_sigmask(SIG_UNBLOCK, &terminate, NULL);
}

bool stop_signal_has_come(void)
{
    return has_come != 0;
}
