/*
 * key_keeper.c - see key_keeper.h.
 *
 * The first keyholders that die in a row are replaced at once, because handshakes wait for it. From
 * then on the pause doubles with each death (replacement.h).
 */
#include "server/supervisor/key_keeper.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/processes.h"
#include "server/replacement.h"
#include "server/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RETIRED_MS = 200,      /* for a keyholder to end by SIGTERM, when another change waits for it */
    RETIRED_KILL_MS = 800, /* and then by SIGKILL */
    LOOK_MS = 1
};

static struct shared_keyholder *figures_of(const struct key_keeper *keeper)
{
    return &keeper->heritage->segment.shared->keyholder;
}

bool key_keeper_has_keyholder(const struct key_keeper *keeper)
{
    return keeper->keyholder != 0 || keeper->retired != 0;
}

bool key_keeper_has(const struct key_keeper *keeper, pid_t pid)
{
    return pid == keeper->keyholder || pid == keeper->retired;
}

void key_keeper_signal(const struct key_keeper *keeper, int signal_number)
{
    const pid_t pids[] = {keeper->keyholder, keeper->retired};
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++) {
        if (pids[i] != 0) { /* which would be our own process group */
            kill(pids[i], signal_number);
        }
    }
}

void key_keeper_expect_end(struct key_keeper *keeper)
{
    keeper->is_stopping = true;
}

/* ---------------------------------------------------------------- birth ---- */

static bool fork_keyholder(struct key_keeper *keeper, const int ready[2])
{
    const struct process_errand errand = {.descriptor = ready[1], .supervisors = ready[0]};
    pid_t pid = process_fork(keeper->heritage, PROCESS_KEYHOLDER, &errand);
    if (pid < 0) {
        return false;
    }
    keeper->keyholder = pid;
    keeper->born_at_ms = clock_monotonic_ms();
    atomic_fetch_add(&figures_of(keeper)->starts, 1);
    return true;
}

/* Waits for the keyholder's word: "", or what has failed. False with the failure. */
static bool await_word(int pipe_end, struct failure *failure)
{
    int result = process_await_word(pipe_end);
    if (signals_terminate_requested()) {
        return failure_set(failure, "the server was asked to stop before it had read tls.key");
    }
    if (result <= 0) {
        return failure_set(failure, "the keyholder did not say in %d s whether it can read tls.key",
                           PROCESS_READY_MS / 1000);
    }
    ssize_t got = read(pipe_end, failure->text, sizeof failure->text);
    if (got <= 0) {
        return failure_set(failure, "the keyholder died before it had read tls.key");
    }
    failure->text[sizeof failure->text - 1] = '\0';
    return failure->text[0] == '\0';
}

/* Forks one, and waits until it has read the key. */
static bool give_birth(struct key_keeper *keeper, struct failure *failure)
{
    int ready[2];
    if (pipe(ready) != 0) {
        return failure_set_errno(failure, "make a pipe for the keyholder");
    }
    bool started = fork_keyholder(keeper, ready);
    if (!started) {
        failure_set(failure, "start a keyholder: fork: %s%s", strerror(errno),
                    process_explain_fork(errno));
    }
    close(ready[1]);
    started = started && await_word(ready[0], failure);
    close(ready[0]);
    return started;
}

bool key_keeper_start(struct key_keeper *keeper, struct failure *failure)
{
    if (!keeper->heritage->held_key.is_open || give_birth(keeper, failure)) {
        return true;
    }
    if (keeper->may_be_late) {
        log_error(LOG_KEYHOLDER_KEY_UNREADABLE,
                  "result: fail | error: %s | reason: nobody new can speak TLS until it can be "
                  "read; was it overwritten? send SIGHUP",
                  failure->text);
    }
    return keeper->may_be_late;
}

/* Has this one end; it is buried as one that was asked to. */
static void retire(struct key_keeper *keeper, pid_t pid, int signal_number)
{
    if (pid != 0) {
        keeper->retired = pid;
        kill(pid, signal_number);
    }
}

/* Waits until the retired one has ended, and buries it. False when it has not in time. */
static bool await_retired(struct key_keeper *keeper, int64_t patience_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + patience_ms;
    while (keeper->retired != 0) {
        int status = 0;
        pid_t ended = waitpid(keeper->retired, &status, WNOHANG);
        if (ended == keeper->retired) {
            key_keeper_bury(keeper, ended, status);
        } else if (clock_monotonic_ms() >= deadline_ms) {
            return false;
        } else {
            struct timespec pause = clock_interval(LOOK_MS);
            (void)ppoll(NULL, 0, &pause, NULL); /* whatever comes meanwhile is looked at later */
        }
    }
    return true;
}

/*
 * Has the keyholder of the last change gone before the next one. It ends at once, unless it was
 * stopped by a debugger or by SIGSTOP; it is killed then. A handler whose request dies with it asks
 * the next one.
 */
static bool clear_retired(struct key_keeper *keeper)
{
    if (await_retired(keeper, RETIRED_MS)) {
        return true;
    }
    kill(keeper->retired, SIGKILL);
    return await_retired(keeper, RETIRED_KILL_MS);
}

bool key_keeper_change_key(struct key_keeper *keeper, struct held_key *fresh,
                           struct failure *failure)
{
    struct held_key *held = &keeper->heritage->held_key;
    struct key_channel *channel = &keeper->heritage->key_channel;
    const struct held_key before = *held;
    struct key_channel *channel_before = &keeper->heritage->key_before;
    pid_t keyholder = keeper->keyholder;
    if (!clear_retired(keeper)) {
        return failure_set(failure,
                           "the keyholder of the last change does not end, even by SIGKILL");
    }
    *channel_before = *channel;
    if (!key_channel_open(channel, failure)) {
        *channel_before = (struct key_channel){.is_open = false};
        return false;
    }
    *held = *fresh;
    keeper->keyholder = 0;
    if (give_birth(keeper, failure)) {
        retire(keeper, keyholder, SIGTERM);
        key_channel_close(channel_before); /* that keyholder, and its handlers, have it still */
        *fresh = before;
        return true;
    }
    retire(keeper, keeper->keyholder, SIGKILL); /* it may be the one that does not answer */
    keeper->keyholder = keyholder;
    atomic_store(&figures_of(keeper)->pid, (int32_t)keyholder);
    *held = before;
    key_channel_close(channel);
    *channel = *channel_before;
    *channel_before = (struct key_channel){.is_open = false};
    return false;
}

/* ---------------------------------------------------------------- death ---- */

/* A process has shut the channel down for all: those that are forked from now on get another one. */
static void renew_channel(struct key_keeper *keeper)
{
    struct failure failure;
    if (!key_channel_renew(&keeper->heritage->key_channel, &failure)) {
        log_error(LOG_KEYHOLDER_NOT_STARTED, "result: fail | error: %s", failure.text);
    }
    keeper->heritage->issue++;
}

void key_keeper_bury(struct key_keeper *keeper, pid_t pid, int wait_status)
{
    char end[PROCESS_END_BYTES];
    bool exited = WIFEXITED(wait_status);
    bool was_asked = keeper->is_stopping || pid == keeper->retired;
    bool well = was_asked && exited && WEXITSTATUS(wait_status) == KEYHOLDER_EXIT_STOPPED;
    int64_t now_ms = clock_monotonic_ms();
    process_describe_end(wait_status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              well ? LOG_KEYHOLDER_ENDED : LOG_KEYHOLDER_DIED,
              "result: %s | role: keyholder | pid: %d | ended_by: %s", well ? "success" : "fail",
              (int)pid, end);
    if (pid == keeper->retired) {
        keeper->retired = 0;
        return;
    }
    keeper->keyholder = 0;
    atomic_store(&figures_of(keeper)->pid, 0);
    if (well) {
        return;
    }
    atomic_fetch_add(&figures_of(keeper)->deaths, 1);
    keeper->deaths = now_ms - keeper->born_at_ms >= REPLACEMENT_LIVED_MS ? 1 : keeper->deaths + 1;
    keeper->replace_at_ms = now_ms + replacement_pause_ms(keeper->deaths, REPLACEMENT_AT_ONCE);
    if (exited && WEXITSTATUS(wait_status) == KEYHOLDER_EXIT_SHUT) {
        renew_channel(keeper);
    }
}

/* ---------------------------------------------------------- replacement ---- */

static bool is_missing(const struct key_keeper *keeper)
{
    return keeper->keyholder == 0 && !keeper->is_stopping && keeper->heritage->held_key.is_open;
}

int64_t key_keeper_patience_ms(const struct key_keeper *keeper)
{
    if (!is_missing(keeper)) {
        return -1;
    }
    int64_t left_ms = keeper->replace_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

void key_keeper_replace(struct key_keeper *keeper)
{
    const int no_pipe[2] = {PROCESS_NO_DESCRIPTOR, PROCESS_NO_DESCRIPTOR};
    if (key_keeper_patience_ms(keeper) != 0) {
        return;
    }
    if (!fork_keyholder(keeper, no_pipe)) { /* no processes or memory, perhaps only for a moment */
        log_error(LOG_KEYHOLDER_NOT_FORKED, "result: fail | error: fork: %s%s", strerror(errno),
                  process_explain_fork(errno));
        keeper->deaths++;
        keeper->replace_at_ms = clock_monotonic_ms() + REPLACEMENT_PAUSE_MS +
                                replacement_pause_ms(keeper->deaths, REPLACEMENT_AT_ONCE);
    }
}
