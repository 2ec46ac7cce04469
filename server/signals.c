/*
 * signals.c - see signals.h.
 */
#include "server/signals.h"

#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/* The first request to end. It is complete once `signal_number` is not 0. */
static volatile struct {
    _Atomic sig_atomic_t signal_number; /* written by a handler, read by any thread */
    pid_t sender;                       /* 0: it is outside our pid namespace */
    uid_t user;
    bool by_process; /* false: by the kernel */
} request;

static volatile sig_atomic_t child_news;
static volatile sig_atomic_t hangup;
static sem_t *post_on_terminate;
static sigset_t ours;
static sigset_t sleep_mask;

/* ------------------------------------------------------------- handlers ---- */

static void on_terminate(int signal_number, siginfo_t *information, void *context)
{
    (void)context;
    if (request.signal_number == 0) {
        /* kill(2), sigqueue(3), tgkill(2); what the kernel sends has no pid */
        request.by_process = information->si_code == SI_USER || information->si_code == SI_QUEUE ||
                             information->si_code == SI_TKILL;
        request.sender = information->si_pid;
        request.user = information->si_uid;
        request.signal_number = signal_number;
    }
    if (post_on_terminate != NULL) {
        sem_post(post_on_terminate);
    }
}

static void on_hangup(int signal_number, siginfo_t *information, void *context)
{
    (void)signal_number;
    (void)information;
    (void)context;
    hangup = 1;
}

static void on_child(int signal_number, siginfo_t *information, void *context)
{
    (void)signal_number;
    (void)information;
    (void)context;
    child_news = 1;
}

/* ------------------------------------------------------------ the table ---- */

typedef void signal_action(int signal_number, siginfo_t *information, void *context);

struct signal_rule {
    signal_action *action; /* NULL: ignored */
    int number;
    bool may_stay_ignored;   /* it stays ignored if it was when the program was started */
    bool supervisor_decides; /* the supervisor's children ignore it */
};

/*
 * Every signal that ends a process by default, except those of a crash, SIGKILL, which can't be
 * caught, and two that others have set: main ignores SIGXFSZ in every program
 * (lib/file_size_limit.h), and the log catches SIGALRM (lib/log_output.c). The real-time signals
 * are ignored, too.
 *
 * SIGTERM is never left ignored, however the server was started: only SIGKILL would stop it then.
 */
static const struct signal_rule rules[] = {
    {on_terminate, SIGTERM, false, false},
    {on_terminate, SIGXCPU, false, false}, /* ulimit -t: some seconds are left */
    {on_terminate, SIGINT, true, true},
    {on_terminate, SIGQUIT, true, true},
    {on_hangup, SIGHUP, true, true},
    {on_child, SIGCHLD, false, false},
    {NULL, SIGPIPE, false, false}, /* EPIPE says the same */
    {NULL, SIGUSR1, false, false},
    {NULL, SIGUSR2, false, false},
    {NULL, SIGVTALRM, false, false},
    {NULL, SIGPROF, false, false},
    {NULL, SIGIO, false, false},
    {NULL, SIGPWR, false, false},
    {NULL, SIGSTKFLT, false, false},
};

enum { RULES = sizeof rules / sizeof rules[0] };

static void set_action(int signal_number, signal_action *action)
{
    struct sigaction wanted = {.sa_mask = ours}; /* one at a time */
    if (action == NULL) {
        wanted.sa_handler = SIG_IGN;
    } else {
        wanted.sa_sigaction = action;
        wanted.sa_flags = SA_SIGINFO;
    }
    int result = sigaction(signal_number, &wanted, NULL);
    invariant(result == 0, "sigaction %d: %s", signal_number, strerror(errno));
}

/* True when whoever started the program had the signal ignored, and it may stay so. */
static bool stays_ignored(const struct signal_rule *rule)
{
    struct sigaction inherited;
    return rule->may_stay_ignored && sigaction(rule->number, NULL, &inherited) == 0 &&
           (inherited.sa_flags & SA_SIGINFO) == 0 && inherited.sa_handler == SIG_IGN;
}

void signals_keep_hangup(void)
{
    sigset_t kept;
    sigemptyset(&kept);
    sigaddset(&kept, SIGHUP);
    sigprocmask(SIG_BLOCK, &kept, NULL);
}

void signals_prepare_supervisor(void)
{
    bool leave[RULES] = {false};
    sigemptyset(&ours);
    for (size_t i = 0; i < RULES; i++) {
        leave[i] = stays_ignored(&rules[i]);
        if (rules[i].action != NULL && !leave[i]) {
            sigaddset(&ours, rules[i].number);
        }
    }
    sigprocmask(SIG_BLOCK, &ours, &sleep_mask);
    for (size_t i = 0; i < RULES; i++) {
        if (!leave[i]) {
            set_action(rules[i].number, rules[i].action);
        }
        sigdelset(&sleep_mask, rules[i].number); /* whatever mask we were started with */
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        set_action(number, NULL);
    }
}

bool signals_prepare_child(pid_t supervisor_pid)
{
    request.signal_number = 0; /* signals are blocked: one that is for the child comes later */
    for (size_t i = 0; i < RULES; i++) {
        if (rules[i].supervisor_decides) {
            set_action(rules[i].number, NULL);
        }
    }
    struct sigaction standard = {.sa_handler = SIG_DFL};
    int result = sigaction(SIGCHLD, &standard, NULL);
    invariant(result == 0, "sigaction SIGCHLD: %s", strerror(errno));
    result = prctl(PR_SET_PDEATHSIG, SIGTERM);
    invariant(result == 0, "prctl PR_SET_PDEATHSIG: %s", strerror(errno));
    return getppid() == supervisor_pid; /* it can have died before the prctl */
}

/* ---------------------------------------------------------------- flags ---- */

void signals_post_on_terminate(sem_t *semaphore)
{
    post_on_terminate = semaphore;
}

bool signals_terminate_requested(void)
{
    return request.signal_number != 0;
}

void signals_describe_request(char text[SIGNALS_REQUEST_BYTES])
{
    if (request.signal_number == 0) {
        snprintf(text, SIGNALS_REQUEST_BYTES, "asked to");
        return;
    }
    const char *name = sigabbrev_np(request.signal_number);
    if (!request.by_process) {
        snprintf(text, SIGNALS_REQUEST_BYTES, "SIG%s from the kernel", name);
    } else if (request.sender == 0) {
        snprintf(text, SIGNALS_REQUEST_BYTES, "SIG%s from outside this pid namespace", name);
    } else {
        snprintf(text, SIGNALS_REQUEST_BYTES, "SIG%s from pid %d, uid %u", name,
                 (int)request.sender, (unsigned)request.user);
    }
}

bool signals_take_hangup(void)
{
    bool came = hangup != 0;
    hangup = 0;
    return came;
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
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

void signals_block(void)
{
    sigprocmask(SIG_BLOCK, &ours, NULL);
}

void signals_let_in(void)
{
    signals_unblock();
    signals_block();
}
