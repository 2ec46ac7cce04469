/*
 * processes.c - see processes.h.
 *
 * The one file that knows the entries of all processes.
 */
#include "server/processes.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/process_title.h"
#include "server/handler/handler.h"
#include "server/keyholder/keyholder.h"
#include "server/signals.h"
#include "server/storer/storer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct process_kind {
    const char *name;
    /* Lives the process's whole life, and returns its exit status. Signals are blocked at first. */
    int (*entry)(const struct heritage *heritage, const struct process_errand *errand);
    /* The last process of a server whose supervisor has died: removes the shared objects. */
    bool clears_up;
    /* Reads the private key: it has its file and the end of the channel where requests come in. */
    bool has_key;
    /* Has handshakes signed: it has the other end. */
    bool asks;
    bool is_optional; /* there is one with replication alone, and its rights exist only then */
    const struct confinement_rule *confinement; /* what it may do at most */
};

/* The one child that is a program of its own: it does not come back from there. */
static int become_shipper(const struct heritage *heritage, const struct process_errand *errand)
{
    struct failure failure;
    (void)errand;
    if (!shipper_program_execute(heritage, &failure)) {
        log_critical(LOG_SHIPPER_NOT_STARTED, "result: fail | error: %s", failure.text);
    }
    return SHIPPER_STATUS_FAILED;
}

static const struct process_kind kinds[PROCESS_ROLES] = {
    [PROCESS_STORER] = {.name = "lottery-storer",
                        .entry = storer_run,
                        .clears_up = true,
                        .confinement = &confinement_of_storer},
    [PROCESS_HANDLER] = {.name = "lottery-handler",
                         .entry = handler_run,
                         .asks = true,
                         .confinement = &confinement_of_handler},
    /* ps shows 15 letters of a name */
    [PROCESS_KEYHOLDER] = {.name = "lottery-key",
                           .entry = keyholder_run,
                           .has_key = true,
                           .confinement = &confinement_of_keyholder},
    [PROCESS_SHIPPER] = {.name = "lottery-shipper",
                         .entry = become_shipper,
                         .is_optional = true,
                         .confinement = &confinement_of_shipper},
};

_Static_assert(CONFINEMENT_CHILDREN + PROCESS_ROLES <= SHARED_CONFINED_MAX, "each has a rule");

bool process_confine_all(struct heritage *heritage, struct failure *failure)
{
    const struct confinement_rule *rules[SHARED_CONFINED_MAX] = {[CONFINEMENT_SUPERVISOR] =
                                                                     &confinement_of_supervisor};
    for (unsigned role = 0; role < PROCESS_ROLES; role++) {
        bool is_there = !kinds[role].is_optional || heritage->shipper.path[0] != '\0';
        rules[CONFINEMENT_CHILDREN + role] = is_there ? kinds[role].confinement : NULL;
    }
    heritage->directory.access.numbers_only = true;
    if (!confinement_prepare(&heritage->confinement, &heritage->config,
                             heritage->directory.descriptor, heritage->shipper.path, rules,
                             failure)) {
        return false;
    }
    heritage->segment.shared->confinement = heritage->confinement.report;
    return confinement_enter(&heritage->confinement, CONFINEMENT_SUPERVISOR, failure);
}

const char *process_role_name(enum process_role role)
{
    return kinds[role].name;
}

/* Closes what belongs to TLS and is not for this kind of process. */
static void close_key(struct heritage *heritage, const struct process_kind *kind)
{
    key_channel_close(&heritage->key_before);
    if (heritage->key_channel.is_open && !kind->asks) {
        close(heritage->key_channel.ask);
    }
    if (heritage->key_channel.is_open && !kind->has_key) {
        close(heritage->key_channel.take);
    }
    if (heritage->held_key.is_open && !kind->has_key) {
        close(heritage->held_key.file);
    }
}

/*
 * The script of every child. It ends by _exit, because the handlers of exit are the supervisor's.
 * They would also write to a dozen pages, which the kernel would copy for every connection.
 */
static _Noreturn void become(struct heritage *heritage, enum process_role role,
                             const struct process_errand *errand)
{
    const struct process_kind *kind = &kinds[role];
    int status = EXIT_FAILURE;
    process_title_set(kind->name);
    listeners_close(&heritage->listeners);
    admin_door_close_in_child(&heritage->door);
    close_key(heritage, kind);
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        if (heritage->reserve_ends[i] != HERITAGE_NO_END) {
            close(heritage->reserve_ends[i]);
        }
    }
    if (errand->supervisors != PROCESS_NO_DESCRIPTOR) {
        close(errand->supervisors);
    }
    struct failure failure;
    bool lives = signals_prepare_child(heritage->supervisor_pid);
    if (!confinement_enter(&heritage->confinement, CONFINEMENT_CHILDREN + role, &failure)) {
        log_critical(LOG_CONFINEMENT_FAILED, "result: fail | role: %s | error: %s", kind->name,
                     failure.text);
    } else if (lives) {
        status = kind->entry(heritage, errand);
    }
    if (kind->clears_up && getppid() != heritage->supervisor_pid) {
        heritage_clear_up(heritage);
    }
    _exit(status);
}

pid_t process_fork(struct heritage *heritage, enum process_role role,
                   const struct process_errand *errand)
{
    pid_t pid = fork();
    if (pid == 0) {
        become(heritage, role, errand);
    }
    return pid;
}

int process_await_word(int pipe_end)
{
    struct pollfd poll = {.fd = pipe_end, .events = POLLIN};
    int64_t deadline_ms = clock_monotonic_ms() + PROCESS_READY_MS;
    int result = 0;
    do {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct timespec timeout = clock_interval(left_ms > 0 ? left_ms : 0);
        result = ppoll(&poll, 1, &timeout, signals_sleep_mask());
    } while (result < 0 && errno == EINTR && !signals_terminate_requested());
    return result;
}

bool process_ended_forbidden(int wait_status)
{
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS;
}

void process_describe_end(int wait_status, char text[PROCESS_END_BYTES])
{
    if (WIFSIGNALED(wait_status)) {
        snprintf(text, PROCESS_END_BYTES, "signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    } else {
        snprintf(text, PROCESS_END_BYTES, "status %d", WEXITSTATUS(wait_status));
    }
}

const char *process_explain_fork(int error)
{
    if (error == EAGAIN) {
        return ": no more processes may be started here (pids_limit of the container, TasksMax of "
               "the service, ulimit -u of the user), and each connection is one: raise that, or "
               "set a smaller limits.max_connections";
    }
    if (error == ENOMEM) {
        return ": there is no memory for another process (mem_limit of the container, MemoryMax "
               "of the service): raise that, or set a smaller limits.max_connections";
    }
    return "";
}
