/*
 * turnover.c - see turnover.h.
 */
#include "server/supervisor/turnover.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/listener.h"
#include "server/signals.h"
#include "server/supervisor/children.h"
#include "server/supervisor/recovery.h"
#include "server/supervisor/stopping.h"
#include "shm/replica.h"
#include "shm/waiting.h"

#include <stdatomic.h>

/*
 * Publishes the segment as ready, with its port, and logs a line for each address. Each line has
 * the port, so that whoever looks for it finds it in any of them.
 */
static void announce_ready(struct heritage *heritage)
{
    struct listener_peer bound = {0};
    unsigned port = 0;
    listener_describe(heritage->listeners.descriptors[0], &bound, &port);
    segment_set_port(&heritage->segment, port);
    segment_publish(&heritage->segment, SHARED_READY);
    for (size_t i = 0; i < heritage->listeners.count; i++) {
        listener_describe(heritage->listeners.descriptors[i], &bound, &port);
        log_info(LOG_LISTENING, "result: success | address: %s | port: %u", bound.host, port);
    }
    server_tls_warn(&heritage->tls, &heritage->config, &heritage->listeners);
    listeners_set_backlog(&heritage->listeners, heritage->config.listen_backlog);
}

/* True while the outcome of an opening is awaited. One that was tried is awaited for as long as it takes. */
static bool awaits_opening(const struct supervisor *supervisor, int64_t deadline_ms)
{
    const uint32_t outcome = atomic_load(&supervisor->heritage.segment.shared->shipper.opened);
    return outcome != OPENING_BEGUN &&
           (outcome == OPENING_TRIED || clock_monotonic_ms() < deadline_ms) &&
           ship_keeper_verdict(&supervisor->ship_keeper) == SHIP_GOES_ON &&
           !signals_terminate_requested();
}

/*
 * Where bets are copied: has the log begin the next draw, once it has all of this one. From there on that
 * is the current draw, whatever happens to this server. False with the failure: then the current draw goes
 * on, if this server may write at all. There is no shipper afterwards.
 */
static bool begin_in_log(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    struct shared_shipper *shared = &heritage->segment.shared->shipper;
    const int64_t deadline_ms =
        clock_monotonic_ms() + (int64_t)heritage->config.timeout_shutdown_ms;
    if (heritage->shipper.path[0] == '\0') {
        return true;
    }
    const bool wanted = operator_write_opening(&supervisor->desk, heritage, failure);
    atomic_store(&shared->opening, wanted ? 1 : 0);
    wake_shipper(&heritage->segment);
    while (wanted && awaits_opening(supervisor, deadline_ms)) {
        ship_keeper_replace(&supervisor->ship_keeper);
        children_await_end(supervisor);
    }
    stopping_shipper(supervisor);
    if (atomic_load(&shared->opened) == OPENING_BEGUN) { /* perhaps at last */
        return true;
    }
    return wanted &&
           failure_set(
               failure, "%s",
               ship_keeper_verdict(&supervisor->ship_keeper) != SHIP_GOES_ON
                   ? "this node may not write the centre's log any more: ask the one that does"
               : signals_terminate_requested()
                   ? "the server is stopping"
                   : "the engine did not take the opening in timeouts.shutdown, so the current "
                     "draw goes on: see that lottery-stat says shipping, and a lag of 0");
}

/*
 * Ends the current draw and makes the next one the current one. All children end before anything is
 * written; those who connect meanwhile wait at the listeners, which stay open. If the next draw
 * can't be opened, the current one goes on; so it does when the storer had to be killed, because
 * nothing that it had not stored was acknowledged. A handler that had to be killed is no reason to
 * stop. Returns false, with the failure and without children, when no draw can go on.
 */
bool turnover_run(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    bool committed = false;
    segment_publish(&heritage->segment, SHARED_STARTING);
    reporting_start(&supervisor->reporting);
    (void)stopping_handlers(supervisor);
    (void)stopping_keyholder(supervisor);
    keeper_replace(&supervisor->keeper, true); /* what is left in the ring needs a storer */
    enum supervisor_end end = stopping_storer(supervisor);
    if (supervisor->keeper.state == KEEPER_GIVEN_UP) {
        supervisor_note_end(supervisor, end);
        return failure_set(failure, "there is no storer: see the log");
    }
    bool opened = false;
    if (supervisor->keeper.state != KEEPER_DRAINED) {
        stopping_shipper(supervisor);
        (void)failure_set(failure, "the storer did not end in timeouts.shutdown: the current draw "
                                   "goes on");
    } else if (begin_in_log(supervisor, failure)) {
        opened = operator_open_next(&supervisor->desk, heritage, &committed, failure);
        committed = committed || server_config_replicates(&heritage->config);
    }
    if (!opened) {
        operator_answer_open(&supervisor->desk, heritage, failure);
        if (ship_keeper_verdict(&supervisor->ship_keeper) != SHIP_GOES_ON) {
            supervisor_fence(supervisor);
            return false;
        }
        if (committed) {
            return false;
        }
    }
    supervisor->ship_keeper = (struct ship_keeper){.heritage = heritage};
    supervisor->keeper = (struct keeper){.heritage = heritage};
    supervisor->key_keeper = (struct key_keeper){.heritage = heritage, .may_be_late = true};
    return heritage_renew(heritage, failure);
}

/* Starts the current draw: after this the server serves. False with the failure. */
bool turnover_start(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    if (!recovery_run(heritage, failure) || !key_keeper_start(&supervisor->key_keeper, failure)) {
        return false;
    }
    if (!keeper_start(&supervisor->keeper)) {
        return failure_set(failure, "the storer did not start: its lines in the log say why");
    }
    ship_keeper_replace(&supervisor->ship_keeper); /* the storer has said what is durable */
    ownership_begin(&supervisor->ownership, heritage);
    announce_ready(heritage);
    reporting_serve(&supervisor->reporting);
    operator_answer_open(&supervisor->desk, heritage, NULL);
    return true;
}

/* Makes what a start of the current draw needs, after everything was stopped. False with the failure. */
bool turnover_resume(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    log_warning(LOG_REPLACE_RESUMED,
                "result: fail | pid: %d | reason: it has gone before this server had given up its "
                "directory: this server serves again",
                (int)supervisor->successor.pid);
    successor_dismiss(&supervisor->successor);
    supervisor->end = SUPERVISOR_STOPPED_AS_ASKED;
    supervisor->keeper = (struct keeper){.heritage = heritage};
    supervisor->key_keeper = (struct key_keeper){.heritage = heritage, .may_be_late = true};
    supervisor->ship_keeper = (struct ship_keeper){.heritage = heritage};
    reporting_start(&supervisor->reporting);
    return heritage_renew(heritage, failure);
}
