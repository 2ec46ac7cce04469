/*
 * stopping.c - see stopping.h.
 */
#include "server/supervisor/stopping.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/signals.h"
#include "server/supervisor/children.h"
#include "shm/replica.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

/* For a call of the engine that is on its way when its time is up. */
enum { SHIPPER_LEAVES_MS = 4000 };

/* Until when whoever is asked to end has time for it: timeouts.shutdown. */
static int64_t time_limit_ms(const struct supervisor *supervisor)
{
    return clock_monotonic_ms() + (int64_t)supervisor->heritage.config.timeout_shutdown_ms;
}

/*
 * Ends those that wait, and sends SIGTERM to all other handlers, again and again, until none is
 * left. One SIGTERM is not enough: a handler that was about to sleep at the gate when it came is
 * reached only by the next one. After the time limit it is SIGKILL, and the result false.
 */
bool stopping_handlers(struct supervisor *supervisor)
{
    const int64_t deadline_ms = time_limit_ms(supervisor);
    const struct handler_book *book = &supervisor->admission.handlers;
    uint32_t handlers = handler_book_alive(book);
    bool forced = false;
    reserve_end(&supervisor->reserve);
    while (handler_book_alive(book) > 0 || !reserve_is_empty(&supervisor->reserve)) {
        forced = forced || clock_monotonic_ms() >= deadline_ms;
        handler_book_signal(book, forced ? SIGKILL : SIGTERM);
        supervisor_pause(supervisor, SUPERVISOR_REPEAT_SIGTERM_MS);
        children_look_after(supervisor);
    }
    log_info(LOG_HANDLERS_STOPPED, "result: %s | handlers: %u", forced ? "fail" : "success",
             handlers);
    return !forced;
}

/*
 * Stops the keyholder, which nobody needs after the last handler. It ends at once; after the time
 * limit it is SIGKILL, and the result false.
 */
bool stopping_keyholder(struct supervisor *supervisor)
{
    struct key_keeper *keeper = &supervisor->key_keeper;
    const int64_t deadline_ms = time_limit_ms(supervisor);
    bool forced = false;
    key_keeper_expect_end(keeper);
    while (key_keeper_has_keyholder(keeper)) {
        forced = forced || clock_monotonic_ms() >= deadline_ms;
        key_keeper_signal(keeper, forced ? SIGKILL : SIGTERM);
        children_await_end(supervisor);
    }
    return !forced;
}

/* Returns how the server would end by this: SUPERVISOR_STOPPED_AS_ASKED if the storer ended well. */
enum supervisor_end stopping_storer(struct supervisor *supervisor)
{
    struct keeper *keeper = &supervisor->keeper;
    const int64_t deadline_ms = time_limit_ms(supervisor);
    bool forced = false;
    keeper_expect_end(keeper);
    while (keeper_has_storer(keeper)) {
        forced = forced || clock_monotonic_ms() >= deadline_ms;
        kill(keeper->storer, forced ? SIGKILL : SIGTERM);
        children_await_end(supervisor);
    }
    bool failed = forced || keeper->state == KEEPER_UNDRAINED || keeper->state == KEEPER_GIVEN_UP;
    log_info(LOG_STORER_WAS_STOPPED, "result: %s | storer: %s", failed ? "fail" : "success",
             keeper_state_name(keeper->state));
    if (!failed) {
        return SUPERVISOR_STOPPED_AS_ASKED;
    }
    return forced ? SUPERVISOR_HAD_TO_KILL : SUPERVISOR_COULD_NOT_GO_ON;
}

/*
 * Stops the shipper, which goes on until everything is copied, or timeouts.shutdown has passed. What is
 * missing then is on the disk, and the next start copies it.
 */
void stopping_shipper(struct supervisor *supervisor)
{
    struct ship_keeper *keeper = &supervisor->ship_keeper;
    const struct shared_positions *positions = &supervisor->heritage.segment.shared->positions;
    const int64_t deadline_ms = time_limit_ms(supervisor) + SHIPPER_LEAVES_MS;
    if (supervisor->heritage.shipper.path[0] == '\0') {
        return;
    }
    ship_keeper_expect_end(keeper, supervisor->keeper.state == KEEPER_DRAINED);
    bool asked = false;
    while (keeper->shipper != 0) {
        bool forced = clock_monotonic_ms() >= deadline_ms;
        if (forced || !asked) {
            kill(keeper->shipper, forced ? SIGKILL : SIGTERM);
            asked = true;
        }
        children_await_end(supervisor);
    }
    const bool has_all = replica_is_complete(&supervisor->heritage.segment);
    const char *reason = " | reason: the engine does not have all of it yet; the next start of "
                         "this server copies the rest";
    if (ship_keeper_verdict(keeper) != SHIP_GOES_ON) {
        reason = " | reason: this node may not append to the log any more";
    }
    log_write(has_all ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              has_all ? LOG_SHIPPER_WAS_STOPPED : LOG_SHIPPER_LEFT_BEHIND,
              "result: %s | durable: %" PRIu64 " | replicated: %" PRIu64 "%-s",
              has_all ? "success" : "fail", atomic_load(&positions->durable),
              atomic_load(&positions->replicated), has_all ? "" : reason);
}

/*
 * Stops in the order that loses nothing: listeners, handlers, keyholder, storer, shipper. For a
 * successor the listeners stay open; nobody accepts.
 */
void stopping_run(struct supervisor *supervisor)
{
    struct heritage *heritage = &supervisor->heritage;
    char reason[SIGNALS_REQUEST_BYTES] = "the server can't go on";
    if (supervisor->end == SUPERVISOR_LOST_WHAT_IT_OWNS) {
        snprintf(reason, sizeof reason, "what the server owns has been taken away");
    } else if (supervisor_is_replaced(supervisor)) {
        snprintf(reason, sizeof reason, "replaced by pid %d", (int)supervisor->successor.pid);
    } else if (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED) {
        signals_describe_request(reason);
    }
    log_info(LOG_SHUTDOWN_BEGUN, "result: in_progress | reason: %s", reason);
    segment_publish(&heritage->segment, SHARED_STOPPING);
    if (supervisor_is_replaced(supervisor)) {
        service_manager_rests_watchdog(heritage->manager); /* the service does not stop */
    } else {
        reporting_stop(&supervisor->reporting);
        if (heritage->manager->keeps) { /* for who waits until the next start */
            listeners_set_backlog(&heritage->listeners, LISTENER_GAP_BACKLOG);
        }
        listeners_close(&heritage->listeners);
        log_info(LOG_LISTENER_CLOSED, "result: success");
    }
    bool stopped = stopping_handlers(supervisor);
    if (!stopping_keyholder(supervisor) || !stopped) {
        supervisor_note_end(supervisor, SUPERVISOR_HAD_TO_KILL);
    }
    keeper_replace(&supervisor->keeper, true); /* what is left in the ring needs a storer */
    supervisor_note_end(supervisor, stopping_storer(supervisor));
    stopping_shipper(supervisor);
}
