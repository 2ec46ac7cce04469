/*
 * shipper.c - see shipper.h; its parts are in primary.h.
 */
#include "shipper/shipper.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shipper/primary.h"
#include "shipper/stop_signal.h"
#include "shm/replica.h"
#include "shm/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECT_MS = 500,     /* for the first connection; it goes on trying afterwards */
    LOOK_MS = 500,        /* at the connection, where there is nothing to do */
    LOOK_FENCED_MS = 1000 /* at the log, where there has been nothing to append */
};

/* ----------------------------------------------------------------- work ---- */

static bool never(const void *context)
{
    (void)context;
    return false;
}

/* The supervisor wants the next draw. One that asks this process to end meanwhile has given it up. */
static bool is_to_open(const struct primary *primary)
{
    const struct shared_shipper *shared = primary->shared;
    return !primary->has_opened && atomic_load(&shared->opening) != 0 &&
           (!stop_signal_has_come() || atomic_load(&shared->opened) == OPENING_TRIED);
}

static bool has_work(const void *context)
{
    const struct primary *primary = context;
    return primary_has_to_ship(primary) || primary_has_to_prove(primary) || is_to_open(primary) ||
           (stop_signal_has_come() ? primary->stops_at_ms == 0
                                   : centre_desk_has_work(&primary->desk));
}

/* True while a storer may still make something durable. */
static bool is_storer_at_work(const struct primary *primary)
{
    int32_t storer = atomic_load(&primary->segment.shared->storer.pid);
    return storer != 0 && (kill(storer, 0) == 0 || errno != ESRCH);
}

/* True when it was asked to end, and there is nothing left to do, or no time. */
static bool is_finished(struct primary *primary)
{
    if (!stop_signal_has_come()) {
        return false;
    }
    return primary->has_opened || primary_is_out_of_patience(primary) ||
           (primary->has_claimed && !is_storer_at_work(primary) && !primary_has_to_ship(primary));
}

static enum shipper_exit over(struct primary *primary, enum shipper_state state,
                              enum shipper_exit status, const struct failure *failure)
{
    primary_set_state(primary, state);
    primary_tell_error(primary, failure->text);
    log_critical(LOG_SHIPPER_REFUSED, "result: fail | error: %s", failure->text);
    return status;
}

/* What a step that did not succeed means for this process. True when it goes on. */
static bool go_on_after(struct primary *primary, enum shipment_end end,
                        const struct failure *failure, enum shipper_exit *status)
{
    switch (end) {
    case SHIPMENT_STORED:
        return true;
    case SHIPMENT_WAITING:
        primary_note_waiting(primary, failure);
        (void)primary_pause_before_retry(primary);
        return true;
    case SHIPMENT_LOST:
        primary_tell_error(primary, failure->text);
        primary_tell_lost(primary, failure->text);
        primary->has_claimed = false;
        return true;
    case SHIPMENT_FENCED:
        *status = over(primary, SHIPPER_FENCED, SHIPPER_EXIT_FENCED, failure);
        return false;
    case SHIPMENT_BEHIND:
        *status = over(primary, SHIPPER_BEHIND, SHIPPER_EXIT_BEHIND, failure);
        return false;
    case SHIPMENT_REFUSED:
        *status = over(primary, SHIPPER_REFUSED, SHIPPER_EXIT_REFUSED, failure);
        return false;
    case SHIPMENT_STRANGER:
        *status = over(primary, SHIPPER_STRANGER, SHIPPER_EXIT_STRANGER, failure);
        return false;
    case SHIPMENT_FAILED:
        primary_tell_error(primary, failure->text);
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure->text);
        break;
    }
    *status = SHIPPER_EXIT_FAILED;
    return false;
}

/* A storer has to have said what is durable: before that, a log with more is no log that is ahead. */
static bool is_ready(const struct primary *primary)
{
    return atomic_load(&primary->segment.shared->positions.files_made) > 0;
}

/* What is due of a draw of several centres, of which this node speaks once it has claimed. */
static void attend_to_centres(struct primary *primary)
{
    if (primary->has_claimed && !stop_signal_has_come()) {
        centre_desk_attend(&primary->desk, primary->engine, primary->shipment.log.epoch);
    }
}

/* A primary that has nothing to append asks once a second whether it still is one. */
static enum shipment_end look_around(struct primary *primary, struct failure *failure)
{
    const uint64_t appends = primary->shipment.counts.appends;
    const int64_t now_ms = clock_monotonic_ms();
    if (appends != primary->looked_after_appends ||
        now_ms - primary->looked_at_ms < LOOK_FENCED_MS) {
        if (appends != primary->looked_after_appends) {
            primary->looked_after_appends = appends;
            primary->looked_at_ms = now_ms;
        }
        return SHIPMENT_STORED;
    }
    primary->looked_at_ms = now_ms;
    return shipment_look(&primary->shipment, failure);
}

/* Claims, or copies what there is; then, where that is wanted, begins the next draw. */
static enum shipment_end step(struct primary *primary, struct failure *failure)
{
    if (!primary->has_claimed) {
        enum shipment_end end =
            is_to_open(primary) ? primary_look_for_opened(primary, failure) : SHIPMENT_STORED;
        if (end == SHIPMENT_STORED && !primary->has_opened) {
            end = primary_claim(primary, failure);
            primary_tell_counts(primary);
        }
        return end;
    }
    enum shipment_end end = primary_ship_and_prove(primary, failure);
    end = end == SHIPMENT_STORED ? look_around(primary, failure) : end;
    return end == SHIPMENT_STORED && is_to_open(primary) && !primary_has_to_ship(primary)
               ? primary_open_next(primary, failure)
               : end;
}

static enum shipper_exit serve(struct primary *primary)
{
    struct failure failure = {.text = ""};
    enum shipper_exit status = SHIPPER_EXIT_STOPPED;
    while (!is_finished(primary)) {
        enum shipment_end end = SHIPMENT_STORED;
        if (!is_ready(primary) || primary->has_opened) {
            wait_for_shipment(&primary->segment, never, NULL, PRIMARY_RETRY_MS);
            continue;
        }
        end = step(primary, &failure);
        if (end == SHIPMENT_STORED) {
            primary_note_answer(primary);
        }
        if (!go_on_after(primary, end, &failure, &status)) {
            return status;
        }
        primary_tell_connection(primary);
        if (end == SHIPMENT_STORED && !primary->has_opened) {
            attend_to_centres(primary);
            wait_for_shipment(&primary->segment, has_work, primary,
                              stop_signal_has_come() ? PRIMARY_RETRY_MS : LOOK_MS);
            primary_tell_counts(primary);
        }
    }
    const bool has_all = primary->has_claimed && !primary_has_to_ship(primary);
    return has_all || primary->has_opened ? SHIPPER_EXIT_STOPPED : SHIPPER_EXIT_FAILED;
}

/* Joins the server whose child this process is. */
static bool join(struct primary *primary, struct failure *failure)
{
    const struct shipper_setting *setting = primary->setting;
    primary->directory.descriptor = open(setting->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (primary->directory.descriptor < 0) {
        return failure_set_errno(failure, "open %s", setting->directory);
    }
    if (segment_join(setting->segment_key, &primary->segment, failure) != SEGMENT_ATTACHED) {
        return false;
    }
    primary->shared = &primary->segment.shared->shipper;
    if (primary->segment.shared->identity.supervisor_pid != getppid()) {
        segment_unmap(&primary->segment);
        return failure_set(
            failure, "shared memory %s is not that of the server that has started this process",
            primary->segment.name);
    }
    return true;
}

static void leave(struct primary *primary)
{
    own_files_close(&primary->files);
    free(primary->opening.bytes);
    free(primary->lines);
    log_follow_threshold(NULL);
    log_count_losses_in(NULL);
    segment_unmap(&primary->segment);
    (void)close(primary->directory.descriptor);
}

static bool open_desk(struct primary *primary, struct failure *failure)
{
    const struct shipper_setting *setting = primary->setting;
    const struct centre_desk_setting desk = {.own = setting->centre,
                                             .node = setting->node,
                                             .expected = setting->centres,
                                             .replicas = setting->replicas,
                                             .call_ms = PRIMARY_CALL_MS,
                                             .directory = &primary->directory,
                                             .segment = &primary->segment};
    return centre_desk_open(&primary->desk, &desk, failure);
}

/* With the segment: connects, serves and closes. */
static enum shipper_exit live(struct primary *primary)
{
    const struct shipper_setting *setting = primary->setting;
    struct failure failure;
    primary->engine = engine_open_nats(&setting->access, CONNECT_MS, &failure);
    if (primary->engine == NULL) {
        return over(primary, SHIPPER_REFUSED, SHIPPER_EXIT_REFUSED, &failure);
    }
    shipment_open(&primary->shipment, primary->engine, setting->centre, setting->node,
                  setting->identity, setting->replicas, PRIMARY_CALL_MS);
    enum shipper_exit status = SHIPPER_EXIT_FAILED;
    if (!open_desk(primary, &failure) ||
        !beat_start(&primary->beat, primary->engine, &primary->segment, setting->centre,
                    setting->node, &failure)) {
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure.text);
    } else {
        stop_signal_let_in(&primary->shared->wakeup);
        wake_everybody(&primary->segment);
        status = serve(primary);
        beat_stop(&primary->beat);
    }
    centre_desk_close(&primary->desk);
    engine_close(primary->engine);
    return status;
}

enum shipper_exit shipper_run(const struct shipper_setting *setting)
{
    struct primary primary = {
        .setting = setting,
        .directory = {.path = setting->directory,
                      .access = {.has_group = setting->has_group,
                                 .group = setting->group,
                                 .numbers_only = true}},
    };
    struct failure failure;
    own_files_open(&primary.files, &primary.directory);
    stop_signal_block();
    if (!join(&primary, &failure)) {
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure.text);
        return SHIPPER_EXIT_FAILED;
    }
    atomic_store(&primary.shared->pid, (int32_t)getpid());
    log_count_losses_in(&primary.segment.shared->log);
    log_follow_threshold(&primary.segment.shared->supervisor.log_level);
    replica_tell(&primary.segment, primary.shared->node, sizeof primary.shared->node,
                 setting->node);
    primary_set_state(&primary, SHIPPER_STARTING);
    log_info(LOG_SHIPPER_STARTED, "result: success | pid: %d | node: %s", (int)getpid(),
             setting->node);
    enum shipper_exit status = live(&primary);
    log_write(status == SHIPPER_EXIT_STOPPED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              status == SHIPPER_EXIT_STOPPED ? LOG_SHIPPER_STOPPED : LOG_SHIPPER_BROKE_OFF,
              "result: %s | replicated: %" PRIu64 " | durable: %" PRIu64,
              status == SHIPPER_EXIT_STOPPED ? "success" : "fail",
              atomic_load(&primary.segment.shared->positions.replicated),
              atomic_load(&primary.segment.shared->positions.durable));
    leave(&primary);
    return status;
}
