/*
 * signals.c - see signals.h.
 */
#include "server/signals.h"

#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t terminate_requested;
static volatile sig_atomic_t child_news;
static sem_t *post_on_terminate;
static sigset_t ours;
static sigset_t sleep_mask;

static void on_terminate(int signal_number)
{
    (void)signal_number;
    terminate_requested = 1;
    if (post_on_terminate != NULL) {
        (void)sem_post(post_on_terminate);
    }
}

static void on_child(int signal_number)
{
    (void)signal_number;
    child_news = 1;
}

static void set_action(int signal_number, void (*action)(int))
{
    struct sigaction request = {.sa_handler = action};
    (void)sigemptyset(&request.sa_mask);
    int result = sigaction(signal_number, &request, NULL);
    invariant(result == 0, "sigaction %d: %s", signal_number, strerror(errno));
}

void signals_prepare_supervisor(void)
{
    const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    (void)sigemptyset(&ours);
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
        (void)sigaddset(&ours, handled[i]);
        set_action(handled[i], handled[i] == SIGCHLD ? on_child : on_terminate);
    }
    set_action(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &ours, &sleep_mask);
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
        (void)sigdelset(&sleep_mask, handled[i]); /* whatever mask we were started with */
    }
}

bool signals_prepare_child(pid_t supervisor_pid)
{
    terminate_requested = 0; /* ours are blocked: one that is meant for the child comes later */
    set_action(SIGINT, SIG_IGN);
    set_action(SIGHUP, SIG_IGN);
    set_action(SIGCHLD, SIG_DFL);
    int result = prctl(PR_SET_PDEATHSIG, SIGTERM);
    invariant(result == 0, "prctl PR_SET_PDEATHSIG: %s", strerror(errno));
    return getppid() == supervisor_pid; /* it may have died before the prctl */
}

void signals_post_on_terminate(sem_t *semaphore)
{
    post_on_terminate = semaphore;
}

bool signals_terminate_requested(void)
{
    return terminate_requested != 0;
}

bool signals_take_child_news(void)
{
    bool news = child_news != 0;
    child_news = 0;
    return news;
}

const sigset_t *signals_sleep_mask(void)
{
    return &sleep_mask;
}

void signals_unblock(void)
{
    (void)sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

void signals_block(void)
{
    (void)sigprocmask(SIG_BLOCK, &ours, NULL);
}

void signals_let_in(void)
{
    signals_unblock();
    signals_block();
}
