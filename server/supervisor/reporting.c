/*
 * reporting.c - see reporting.h.
 */
#include "server/supervisor/reporting.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/heartbeat.h"
#include "store/control.h"

#include <inttypes.h>
#include <stdatomic.h>

/* Judges the storer, and says it in the log when it changes. True: it lives, or is being replaced. */
static bool storer_is_well(struct reporting *reporting)
{
    const struct shared_storer *storer = &reporting->heritage->segment.shared->storer;
    const int64_t silent_ms = heartbeat_age_ms(&storer->beat_at_ms);
    const bool is_late = silent_ms > REPORTING_STORER_PATIENCE_MS;
    if (is_late && !reporting->storer_is_late) {
        log_error(
            LOG_STORER_SILENT,
            "result: fail | silent_ms: %" PRId64
            " | reason: the storer has not shown for so long that it lives: it is stopped, or "
            "the disk does not answer. The service manager is told nothing more, and starts "
            "the server again after WatchdogSec, where that is set",
            silent_ms);
    } else if (!is_late && reporting->storer_is_late) {
        log_info(LOG_STORER_ANSWERS,
                 "result: success | reason: the storer shows again that it lives");
    }
    reporting->storer_is_late = is_late;
    return !is_late;
}

static void tell_status(const struct reporting *reporting)
{
    const struct heritage *heritage = reporting->heritage;
    const struct shared *shared = heritage->segment.shared;
    service_manager_status(
        heritage->manager,
        "Serves at port %" PRIu32 ". Draw %s: %s, %" PRIu64 " of %" PRIu32
        " agencies done. %" PRIu64 " connections%s",
        atomic_load(&shared->supervisor.port), heritage->config.lottery_name,
        control_state_name((enum control_state)atomic_load(&shared->storer.draw_state)),
        atomic_load(&shared->storer.agencies_done), heritage->config.agencies_expected,
        atomic_load(&shared->supervisor.connections_open),
        reporting->storer_is_late ? ". THE STORER DOES NOT ANSWER" : "");
}

void reporting_start(struct reporting *reporting)
{
    reporting->serves = false;
    service_manager_rests_watchdog(reporting->heritage->manager);
    service_manager_status(reporting->heritage->manager, "Starts: reads what is stored in %s",
                           reporting->heritage->config.data_directory);
}

void reporting_serve(struct reporting *reporting)
{
    reporting->serves = true;
    tell_status(reporting);
    service_manager_ready(reporting->heritage->manager);
}

void reporting_go_round(struct reporting *reporting)
{
    const int64_t now_ms = clock_monotonic_ms();
    if (!reporting->serves || now_ms < reporting->status_due_ms) {
        return;
    }
    reporting->status_due_ms = now_ms + REPORTING_STATUS_MS;
    if (storer_is_well(reporting)) {
        service_manager_watchdog(reporting->heritage->manager);
    }
    tell_status(reporting);
}

void reporting_stop(struct reporting *reporting)
{
    reporting->serves = false;
    service_manager_stopping(reporting->heritage->manager);
    service_manager_status(reporting->heritage->manager,
                           "Stops: answers and stores what has arrived");
}
