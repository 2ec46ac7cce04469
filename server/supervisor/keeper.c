/*
 * keeper.c - see keeper.h.
 *
 * A storer that dies is replaced at once, because agencies wait for it. From the sixth death on
 * there is a pause before each new storer. After FAILURES_MAX deaths in a row, between which
 * nothing was stored, the keeper gives up: the next storer would die, too. A SIGKILL says nothing
 * of the next storer, because it comes from outside, perhaps from the kernel for lack of memory. So
 * KILLS_MAX of them are allowed, also of a draw's first storer before it is ready. If that one ends
 * in another way, the start has failed.
 */
#include "server/supervisor/keeper.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/processes.h"
#include "server/signals.h"
#include "shm/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FAILURES_MAX = 5,   /* in a row, between which nothing was stored */
    KILLS_MAX = 100,    /* the same, by SIGKILL */
    DEATHS_AT_ONCE = 5, /* so many are replaced without a pause */
    PAUSE_MS = 100,
    END_MS = 1000 /* from the end of the pipe to the end of its process */
};

static struct shared *shared_of(const struct keeper *keeper)
{
    return keeper->heritage->segment.shared;
}

/* ---------------------------------------------------------------- state ---- */

const char *keeper_state_name(enum keeper_state state)
{
    static const char *const names[] = {
        [KEEPER_WORKING] = "working",   [KEEPER_STOPPING] = "stopping",
        [KEEPER_DRAINED] = "drained",   [KEEPER_UNDRAINED] = "undrained",
        [KEEPER_GIVEN_UP] = "given_up",
    };
    return names[state];
}

/* Changes the state. A keeper that has given up stays so, because the server ends then. */
static void set_state(struct keeper *keeper, enum keeper_state state)
{
    if (keeper->state != KEEPER_GIVEN_UP) {
        keeper->state = state;
    }
}

bool keeper_has_storer(const struct keeper *keeper)
{
    return keeper->storer != 0;
}

void keeper_expect_end(struct keeper *keeper)
{
    set_state(keeper, KEEPER_STOPPING);
}

/* ---------------------------------------------------------------- birth ---- */

/* Forks a storer, which writes a byte to ready[1] when it is ready. False when that fails. */
static bool fork_storer(struct keeper *keeper, const int ready[2])
{
    const struct process_errand errand = {.descriptor = ready[1], .supervisors = ready[0]};
    wait_set_up_storer(&keeper->heritage->segment);
    pid_t pid = process_fork(keeper->heritage, PROCESS_STORER, &errand);
    if (pid < 0) {
        log_error(LOG_STORER_NOT_FORKED, "result: fail | error: fork: %s%s", strerror(errno),
                  process_explain_fork(errno));
        return false;
    }
    keeper->storer = pid;
    atomic_fetch_add(&shared_of(keeper)->supervisor.storer_starts, 1);
    return true;
}

/* What became of a storer that was forked. */
enum birth { BIRTH_READY, BIRTH_ENDED, BIRTH_LATE };

/* Waits until the storer says that it is ready. It is taken for that, too, if the server is to stop. */
static enum birth await_ready(int pipe_end)
{
    char byte = 0;
    int result = process_await_word(pipe_end);
    if (signals_terminate_requested()) {
        return BIRTH_READY; /* the shutdown goes on with the storer */
    }
    if (result <= 0) {
        return BIRTH_LATE;
    }
    ssize_t got = read(pipe_end, &byte, 1);
    return got == 1 ? BIRTH_READY : got == 0 ? BIRTH_ENDED : BIRTH_LATE;
}

/* Forks one, and waits until it is ready. */
static enum birth give_birth(struct keeper *keeper)
{
    int ready[2];
    if (pipe(ready) != 0) {
        log_critical(LOG_STORER_NOT_FORKED, "result: fail | error: pipe: %s", strerror(errno));
        return BIRTH_LATE;
    }
    bool forked = fork_storer(keeper, ready);
    close(ready[1]);
    enum birth birth = forked ? await_ready(ready[0]) : BIRTH_LATE;
    close(ready[0]);
    return birth;
}

/* ---------------------------------------------------------------- death ---- */

/* Gives up: there will be no storer any more, and all waiting for one returns false. */
static void give_up(struct keeper *keeper, const char *reason)
{
    log_critical(LOG_SERVER_GAVE_UP, "result: fail | reason: %s", reason);
    set_state(keeper, KEEPER_GIVEN_UP);
    wait_halt(&keeper->heritage->segment);
}

/* Counts a death, and decides whether and when there is to be another storer. */
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

void keeper_bury(struct keeper *keeper, int wait_status)
{
    char end[PROCESS_END_BYTES];
    bool exited = WIFEXITED(wait_status);
    bool was_asked = keeper->state != KEEPER_WORKING;
    bool well = was_asked && exited && WEXITSTATUS(wait_status) == STORER_EXIT_DRAINED;
    process_describe_end(wait_status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, well ? LOG_STORER_ENDED : LOG_STORER_DIED,
              "result: %s | role: storer | pid: %d | ended_by: %s | flushes: "
              "%" PRIu64,
              well ? "success" : "fail", (int)keeper->storer, end,
              atomic_load(&shared_of(keeper)->storer.flushes));
    keeper->storer = 0;
    atomic_store(&shared_of(keeper)->storer.pid, 0);
    fault_point("keeper.buried");
    if (well) {
        set_state(keeper, KEEPER_DRAINED);
        return;
    }
    atomic_fetch_add(&shared_of(keeper)->supervisor.storer_deaths, 1);
    if (process_ended_forbidden(wait_status)) {
        atomic_fetch_add(&shared_of(keeper)->supervisor.storers_forbidden, 1);
    }
    if (was_asked) {
        set_state(keeper, KEEPER_UNDRAINED);
    }
    if (exited && WEXITSTATUS(wait_status) == STORER_EXIT_DISK_DISTRUSTED) {
        give_up(keeper, "what is on the disk is not what was written: the storer said how");
    } else {
        count_death(keeper, !exited && WTERMSIG(wait_status) == SIGKILL);
    }
}

/* ---------------------------------------------------------- replacement ---- */

static bool is_missing(const struct keeper *keeper)
{
    return !keeper_has_storer(keeper) && keeper->state == KEEPER_WORKING;
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
    if (!fork_storer(keeper, no_pipe)) { /* no processes or memory, perhaps only for a moment */
        keeper->replace_at_ms = clock_monotonic_ms() + PAUSE_MS;
        if (++keeper->failures >= FAILURES_MAX) {
            give_up(keeper, "no storer can be forked");
        }
    }
}

/* -------------------------------------------------------- the first storer ---- */

/*
 * Waits for the end of a storer that has closed its pipe; it is not reaped. False when it lives on:
 * it could not say that it is ready.
 */
static bool await_end(pid_t storer, siginfo_t *end)
{
    int64_t deadline_ms = clock_monotonic_ms() + END_MS;
    for (int64_t left_ms = END_MS; left_ms > 0; left_ms = deadline_ms - clock_monotonic_ms()) {
        struct timespec timeout = clock_interval(left_ms);
        end->si_pid = 0;
        if (waitid(P_PID, (id_t)storer, end, WEXITED | WNOWAIT | WNOHANG) != 0) {
            return false;
        }
        if (end->si_pid != 0) {
            return true;
        }
        (void)ppoll(NULL, 0, &timeout, signals_sleep_mask()); /* its SIGCHLD ends the sleep */
    }
    return false;
}

/* Buries the storer that has ended, or is about to, if it was killed. False where it was not. */
static bool bury_killed(struct keeper *keeper)
{
    siginfo_t end = {.si_code = 0};
    int wait_status = 0;
    if (!await_end(keeper->storer, &end) || end.si_code != CLD_KILLED || end.si_status != SIGKILL ||
        waitpid(keeper->storer, &wait_status, 0) != keeper->storer) {
        return false;
    }
    keeper_bury(keeper, wait_status);
    return true;
}

/* Sleeps until the next storer may be forked, or a signal comes. */
static void await_replacement(const struct keeper *keeper)
{
    int64_t left_ms = keeper_patience_ms(keeper);
    struct timespec timeout = clock_interval(left_ms > 0 ? left_ms : 0);
    (void)ppoll(NULL, 0, &timeout, signals_sleep_mask());
}

bool keeper_start(struct keeper *keeper)
{
    enum birth birth = give_birth(keeper);
    while (birth == BIRTH_ENDED && bury_killed(keeper) && is_missing(keeper)) {
        await_replacement(keeper);
        birth = give_birth(keeper);
    }
    if (birth != BIRTH_READY) {
        set_state(keeper, KEEPER_GIVEN_UP);
    }
    return birth == BIRTH_READY;
}
