/*
 * ship_keeper.c - see ship_keeper.h.
 *
 * The first shippers that die in a row are replaced at once, because agencies wait for the copy. From
 * then on the pause doubles with each death (replacement.h), but not with one by SIGKILL, which says
 * nothing of the next shipper.
 */
#include "server/supervisor/ship_keeper.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/processes.h"
#include "server/replacement.h"
#include "shm/waiting.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static struct shared_shipper *figures_of(const struct ship_keeper *keeper)
{
    return &keeper->heritage->segment.shared->shipper;
}

enum ship_verdict ship_keeper_verdict(const struct ship_keeper *keeper)
{
    return keeper->verdict;
}

/* ---------------------------------------------------------------- birth ---- */

static bool is_missing(const struct ship_keeper *keeper)
{
    return keeper->shipper == 0 && !keeper->is_stopping && keeper->verdict == SHIP_GOES_ON &&
           keeper->heritage->shipper.path[0] != '\0';
}

int64_t ship_keeper_patience_ms(const struct ship_keeper *keeper)
{
    if (!is_missing(keeper)) {
        return -1;
    }
    int64_t left_ms = keeper->replace_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

static void fork_shipper(struct ship_keeper *keeper)
{
    const struct process_errand errand = {.descriptor = PROCESS_NO_DESCRIPTOR,
                                          .supervisors = PROCESS_NO_DESCRIPTOR};
    wait_set_up_shipper(&keeper->heritage->segment);
    pid_t pid = process_fork(keeper->heritage, PROCESS_SHIPPER, &errand);
    if (pid < 0) { /* no processes or memory, perhaps only for a moment */
        log_error(LOG_SHIPPER_NOT_FORKED, "result: fail | error: fork: %s%s", strerror(errno),
                  process_explain_fork(errno));
        keeper->deaths++;
        keeper->replace_at_ms = clock_monotonic_ms() + REPLACEMENT_PAUSE_MS +
                                replacement_pause_ms(keeper->deaths, REPLACEMENT_AT_ONCE);
        return;
    }
    keeper->shipper = pid;
    keeper->born_at_ms = clock_monotonic_ms();
    atomic_fetch_add(&figures_of(keeper)->starts, 1);
}

void ship_keeper_replace(struct ship_keeper *keeper)
{
    if (ship_keeper_patience_ms(keeper) == 0) {
        fork_shipper(keeper);
    }
}

void ship_keeper_expect_end(struct ship_keeper *keeper, bool now)
{
    if (now && is_missing(keeper)) {
        fork_shipper(keeper);
    }
    keeper->is_stopping = true;
}

/* ---------------------------------------------------------------- death ---- */

/*
 * A shipper says by its status what became of the log. One that was killed before it could has left it
 * in the segment.
 */
static enum ship_verdict judge(const struct ship_keeper *keeper, int wait_status)
{
    int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : SHIPPER_STATUS_FAILED;
    uint32_t state = atomic_load(&figures_of(keeper)->state);
    if (status == SHIPPER_STATUS_FENCED || state == SHIPPER_FENCED) {
        return SHIP_FENCED;
    }
    if (status == SHIPPER_STATUS_STRANGER || state == SHIPPER_STRANGER) {
        return SHIP_STRANGER;
    }
    return status == SHIPPER_STATUS_BEHIND || state == SHIPPER_BEHIND ? SHIP_BEHIND : SHIP_GOES_ON;
}

void ship_keeper_bury(struct ship_keeper *keeper, int wait_status)
{
    char end[PROCESS_END_BYTES];
    bool well = keeper->is_stopping && WIFEXITED(wait_status) &&
                WEXITSTATUS(wait_status) == SHIPPER_STATUS_STOPPED;
    int64_t now_ms = clock_monotonic_ms();
    process_describe_end(wait_status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, well ? LOG_SHIPPER_ENDED : LOG_SHIPPER_DIED,
              "result: %s | role: shipper | pid: %d | ended_by: %s", well ? "success" : "fail",
              (int)keeper->shipper, end);
    keeper->shipper = 0;
    atomic_store(&figures_of(keeper)->pid, 0);
    if (well) {
        return;
    }
    atomic_fetch_add(&figures_of(keeper)->deaths, 1);
    keeper->verdict = judge(keeper, wait_status);
    bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    if (now_ms - keeper->born_at_ms >= REPLACEMENT_LIVED_MS) {
        keeper->deaths = 0;
    }
    if (!is_killed ||
        keeper->deaths <= REPLACEMENT_AT_ONCE) { /* kills alone never double the pause */
        keeper->deaths++;
    }
    bool needs_operator =
        WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == SHIPPER_STATUS_REFUSED;
    keeper->replace_at_ms =
        now_ms + (needs_operator ? REPLACEMENT_PAUSE_MAX_MS
                                 : replacement_pause_ms(keeper->deaths, REPLACEMENT_AT_ONCE));
}
