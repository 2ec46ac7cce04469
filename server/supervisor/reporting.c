/*
 * reporting.c - see reporting.h.
 */
#include "server/supervisor/reporting.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/listen_fds.h"
#include "shm/heartbeat.h"
#include "store/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

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
            "the disk does not answer. The service manager is told nothing more, and starts the "
            "server again after WatchdogSec, where that is set",
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

void reporting_open(const struct reporting *reporting)
{
    const struct listeners *listeners = &reporting->heritage->listeners;
    if (!service_manager_keep(reporting->heritage->manager, LISTEN_FDS_KEPT_NAME,
                              listeners->descriptors, listeners->count)) {
        log_warning(LOG_LISTENERS_NOT_KEPT,
                    "result: fail | error: send the listening sockets: %s | reason: the service "
                    "manager does not have all of them, and the next restart refuses connections",
                    strerror(errno));
    }
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
    if (!reporting->serves) {
        return;
    }
    if (storer_is_well(reporting)) {
        service_manager_watchdog(reporting->heritage->manager);
    }
    if (now_ms >= reporting->status_due_ms) {
        reporting->status_due_ms = now_ms + REPORTING_STATUS_MS;
        tell_status(reporting);
    }
}

/* A storer that is late gets no beat, so nothing is due that would keep the loop awake. */
int64_t reporting_patience_ms(const struct reporting *reporting)
{
    return reporting->serves && !reporting->storer_is_late
               ? service_manager_patience_ms(reporting->heritage->manager)
               : -1;
}

void reporting_stop(struct reporting *reporting)
{
    reporting->serves = false;
    service_manager_stopping(reporting->heritage->manager);
    service_manager_status(reporting->heritage->manager,
                           "Stops: answers and stores what has arrived");
}
