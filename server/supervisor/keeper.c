/*
 * keeper.c - see keeper.h.
 *
 * A storer is replaced at once, for agencies wait for it. One that dies again
 * and again without having stored anything in between will not live: after a
 * few deaths of its own doing it is given up. Being killed from outside is not
 * its doing, so that is borne for longer, but with pauses, and not for ever either: it
 * may be the kernel, for lack of memory.
 */
#include "server/supervisor/keeper.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/processes.h"
#include "server/signals.h"
#include "server/supervisor/children.h"
#include "shm/waiting.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_MS = 30000,   /* from fork to the byte that says "ready" */
    FAILURES_MAX = 5,   /* in a row, between which nothing was stored */
    KILLS_MAX = 100,    /* the same, by SIGKILL */
    DEATHS_AT_ONCE = 5, /* so many are replaced without a pause */
    PAUSE_MS = 100
};

static struct shared *shared_of(const struct keeper *keeper)
{
    return keeper->heritage->segment.shared;
}

/* ---------------------------------------------------------------- birth ---- */

/* Forks a storer, which writes a byte to ready[1] when it is ready. False when there is none. */
static bool fork_storer(struct keeper *keeper, const int ready[2])
{
    const struct process_errand errand = {.descriptor = ready[1], .supervisors = ready[0]};
    wait_set_up_storer(&keeper->heritage->segment);
    pid_t pid = process_fork(keeper->heritage, PROCESS_STORER, &errand);
    if (pid < 0) {
        log_error("action: storer_start | result: fail | error: fork: %s%s", strerror(errno),
                  children_explain_fork(errno));
        return false;
    }
    keeper->storer = pid;
    atomic_fetch_add(&shared_of(keeper)->supervisor.storer_starts, 1);
    return true;
}

/* True when the storer has said that it is ready; false when it died or took too long. */
static bool await_ready(int pipe_end)
{
    struct pollfd poll = {.fd = pipe_end, .events = POLLIN};
    int64_t deadline_ms = clock_monotonic_ms() + READY_MS;
    int result = 0;
    do {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct timespec timeout = clock_interval(left_ms > 0 ? left_ms : 0);
        result = ppoll(&poll, 1, &timeout, signals_sleep_mask());
        if (signals_terminate_requested()) {
            return true; /* it will be asked to stop as soon as it listens */
        }
    } while (result < 0 && errno == EINTR);
    char byte = 0;
    return result > 0 && read(pipe_end, &byte, 1) == 1;
}

bool keeper_start(struct keeper *keeper)
{
    int ready[2];
    if (pipe(ready) != 0) {
        log_critical("action: storer_start | result: fail | error: pipe: %s", strerror(errno));
        return false;
    }
    bool forked = fork_storer(keeper, ready);
    (void)close(ready[1]);
    keeper->given_up = !forked || !await_ready(ready[0]);
    (void)close(ready[0]);
    return !keeper->given_up;
}

/* ---------------------------------------------------------------- death ---- */

/* Nobody will ever store anything again: whoever waits for that is told. */
static void give_up(struct keeper *keeper, const char *reason)
{
    log_critical("action: server | result: fail | reason: %s", reason);
    keeper->given_up = true;
    wait_halt(&keeper->heritage->segment);
}

/* One more death; whether and when there is to be another storer. */
static void count_death(struct keeper *keeper, bool killed)
{
    uint64_t flushes = atomic_load(&shared_of(keeper)->storer.flushes);
    if (flushes != keeper->flushes_at_death) {
        keeper->failures = 0;
        keeper->kills = 0;
    }
    keeper->flushes_at_death = flushes;
    keeper->failures += killed ? 0 : 1;
    keeper->kills += killed ? 1 : 0;
    if (keeper->failures >= FAILURES_MAX || keeper->kills >= KILLS_MAX) {
        give_up(keeper, "the storer dies again and again without storing anything");
    }
    bool at_once = keeper->failures + keeper->kills <= DEATHS_AT_ONCE;
    keeper->replace_at_ms = clock_monotonic_ms() + (at_once ? 0 : PAUSE_MS);
}

static void write_obituary(const struct keeper *keeper, int wait_status, bool well)
{
    char end[CHILDREN_END_BYTES];
    children_describe_end(wait_status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              "action: reap | result: %s | role: storer | pid: %d | ended_by: %s | flushes: %llu",
              well ? "success" : "fail", (int)keeper->storer, end,
              (unsigned long long)atomic_load(&shared_of(keeper)->storer.flushes));
}

void keeper_bury(struct keeper *keeper, int wait_status)
{
    bool exited = WIFEXITED(wait_status);
    bool well = exited && WEXITSTATUS(wait_status) == STORER_EXIT_DRAINED && keeper->stopping;
    write_obituary(keeper, wait_status, well);
    keeper->storer = 0;
    atomic_store(&shared_of(keeper)->storer.pid, 0);
    fault_point("keeper.buried");
    if (well) {
        return;
    }
    atomic_fetch_add(&shared_of(keeper)->supervisor.storer_deaths, 1);
    keeper->undrained = keeper->stopping;
    if (exited && WEXITSTATUS(wait_status) == STORER_EXIT_DISK_LIED) {
        give_up(keeper, "what is on the disk is not what was written: the storer said how");
    } else {
        count_death(keeper, !exited && WTERMSIG(wait_status) == SIGKILL);
    }
}

/* ---------------------------------------------------------- replacement ---- */

static bool is_missing(const struct keeper *keeper)
{
    return keeper->storer == 0 && !keeper->given_up && !keeper->stopping;
}

int64_t keeper_patience_ms(const struct keeper *keeper)
{
    if (!is_missing(keeper)) {
        return -1;
    }
    int64_t left_ms = keeper->replace_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

void keeper_replace(struct keeper *keeper, bool now)
{
    const int no_pipe[2] = {PROCESS_NO_DESCRIPTOR, PROCESS_NO_DESCRIPTOR};
    if (!is_missing(keeper) || (!now && keeper_patience_ms(keeper) > 0)) {
        return;
    }
    if (!fork_storer(keeper, no_pipe)) { /* out of processes or memory, perhaps only for a moment */
        keeper->replace_at_ms = clock_monotonic_ms() + PAUSE_MS;
        if (++keeper->failures >= FAILURES_MAX) {
            give_up(keeper, "no storer can be forked");
        }
    }
}
