/*
 * supervisor_state.c - see supervisor_state.h.
 */
#include "server/supervisor/supervisor_state.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/listen_fds.h"
#include "server/signals.h"
#include "shm/heartbeat.h"
#include "shm/waiting.h"

#include <errno.h>
#include <string.h>
#include <time.h>

const char *supervisor_end_name(enum supervisor_end end)
{
    static const char *const names[] = {
        [SUPERVISOR_STOPPED_AS_ASKED] = "stopped_as_asked",
        [SUPERVISOR_COULD_NOT_START] = "could_not_start",
        [SUPERVISOR_COULD_NOT_GO_ON] = "could_not_go_on",
        [SUPERVISOR_LOST_WHAT_IT_OWNS] = "lost_what_it_owns",
        [SUPERVISOR_FENCED] = "fenced",
        [SUPERVISOR_STRANGER] = "stranger",
        [SUPERVISOR_HAD_TO_KILL] = "had_to_kill",
    };
    return names[end];
}

/* Notes how the server ends. The first reason is kept, because the others follow from it. */
void supervisor_note_end(struct supervisor *supervisor, enum supervisor_end end)
{
    if (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED) {
        supervisor->end = end;
    }
}

void supervisor_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

struct shared_supervisor *supervisor_counters(struct supervisor *supervisor)
{
    return &supervisor->heritage.segment.shared->supervisor;
}

/* Says in the segment how many connections are open. */
void supervisor_tell_open(struct supervisor *supervisor)
{
    atomic_store(&supervisor_counters(supervisor)->connections_open,
                 handler_book_staying(&supervisor->admission.handlers));
}

/* True where another process has the sockets, and waits for the end of this server. */
bool supervisor_is_replaced(const struct supervisor *supervisor)
{
    return supervisor->successor.state == SUCCESSOR_GOES;
}

/*
 * Ends all waiting at once: what waits for the engine is not acknowledged by this server any more, and
 * its agencies ask the one that writes now.
 */
void supervisor_fence(struct supervisor *supervisor)
{
    enum ship_verdict verdict = ship_keeper_verdict(&supervisor->ship_keeper);
    supervisor_note_end(supervisor,
                        verdict == SHIP_STRANGER ? SUPERVISOR_STRANGER : SUPERVISOR_FENCED);
    wait_halt(&supervisor->heritage.segment);
    /* Who connects is to ask the node that writes now, and not to wait here for the next start. */
    service_manager_forget(supervisor->heritage.manager, LISTEN_FDS_KEPT_NAME);
    if (verdict == SHIP_STRANGER) {
        log_critical(LOG_PRIMARY_STRANGER,
                     "result: fail | reason: the log of centre %s is another lottery's (the line "
                     "before says whose): this server takes no more bets. If it "
                     "was to be the standby, start it with --follow and an empty data.directory; "
                     "if it is a lottery of its own, name another replication.centre",
                     supervisor->heritage.config.replication_centre);
        return;
    }
    log_critical(LOG_PRIMARY_DEPOSED,
                 "result: fail | reason: %s: this server takes no more bets, and acknowledges "
                 "none; unless the shipper's line before says otherwise, start it as "
                 "a standby (lottery-server --follow), which moves what was never acknowledged "
                 "aside",
                 verdict == SHIP_BEHIND ? "the log of the centre has more than this disk"
                                        : "another node has claimed the log of the centre");
}

/*
 * Sleeps in ppoll with our signals let in, and returns what it returned. If ppoll fails, it lets
 * the signals in for a pause instead, so that the server can still be stopped. All of the
 * supervisor's loops come by here, so here it tells the service manager that it goes round.
 */
int supervisor_await_event(struct supervisor *supervisor, struct pollfd *poll, nfds_t watched,
                           const struct timespec *timeout)
{
    int result = ppoll(poll, watched, timeout, signals_sleep_mask());
    if (result < 0 && errno != EINTR) {
        const struct timespec pause = clock_interval(SUPERVISOR_SHORT_OF_ROOM_MS);
        log_error(LOG_WAIT_FAILED, "result: fail | error: ppoll: %s", strerror(errno));
        signals_unblock();
        nanosleep(&pause, NULL);
        signals_block();
    }
    reporting_go_round(&supervisor->reporting);
    return result;
}

void supervisor_pause(struct supervisor *supervisor, int64_t pause_ms)
{
    struct timespec pause = clock_interval(pause_ms);
    heartbeat_beat(
        &supervisor_counters(supervisor)->beat_at_ms); /* a standby does not take over meanwhile */
    supervisor_await_event(supervisor, NULL, 0, &pause);
}
