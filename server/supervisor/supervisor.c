/*
 * supervisor.c - the process graph, from the first lock to the last one released.
 *
 *     supervisor --- forks ---> storer      one, always; replaced when it dies
 *                 |-- forks --> keyholder   one with TLS; replaced when it dies
 *                 |-- forks --> shipper     one with replication, executed; replaced when it dies
 *                 \-- forks --> handler     one a connection, up to a limit; some ahead (reserve.h)
 *
 * Why it exists: one process has to outlive all others, reap them, and remove what they share.
 *
 * What it promises: there are at most limits.max_connections handlers, beside those that were asked
 * to leave (admission.h). There is a storer as long as one can live. Every child is reaped, with an
 * obituary in the log. A shutdown loses nothing: it stops the listeners, the handlers, the
 * keyholder, the storer and the shipper, and then removes the shared memory.
 *
 * It takes no lock and waits for no semaphore, so that no child can block it.
 *
 * If it dies: the kernel sends SIGTERM to its children. They finish, and give up the data
 * directory's lock. The storer ends last and removes the shared memory. If the storer was killed,
 * too, the next server finds what is left by its name.
 */
#include "server/supervisor/supervisor.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/log_limit.h"
#include "server/listener.h"
#include "server/processes.h"
#include "server/signals.h"
#include "server/supervisor/accepting.h"
#include "server/supervisor/children.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/stopping.h"
#include "server/supervisor/supervisor_state.h"
#include "server/supervisor/turnover.h"

#include <poll.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ loop ---- */

/* Milliseconds until something is due of which no event tells: at the latest, ownership's look. */
static int64_t patience_ms(const struct supervisor *supervisor)
{
    int64_t patience_ms = ownership_patience_ms(&supervisor->ownership);
    const int64_t others_ms[] = {
        keeper_patience_ms(&supervisor->keeper),
        key_keeper_patience_ms(&supervisor->key_keeper),
        ship_keeper_patience_ms(&supervisor->ship_keeper),
        reserve_patience_ms(&supervisor->reserve),
        log_limit_patience_ms(&supervisor->refusals, clock_monotonic_ms()),
        admin_door_patience_ms(&supervisor->heritage.door),
        successor_patience_ms(&supervisor->successor),
        operator_patience_ms(&supervisor->desk),
        reporting_patience_ms(&supervisor->reporting),
    };
    for (size_t i = 0; i < sizeof others_ms / sizeof others_ms[0]; i++) {
        if (others_ms[i] >= 0 && others_ms[i] < patience_ms) {
            patience_ms = others_ms[i];
        }
    }
    return patience_ms;
}

/* What the supervisor waits for. */
enum {
    POLL_DOOR,
    POLL_NEWS,
    POLL_SUCCESSOR,
    POLL_LISTENERS,
    POLLS_MAX = POLL_LISTENERS + LISTENERS_MAX + HERITAGE_RESERVE_MAX
};

/*
 * Sleeps until somebody connects (and there is room), the operator or the storer has something to
 * say, a signal comes, or something is due. `polls` says where somebody waits. Returns true when
 * nothing of all that came but the time.
 */
static bool wait_for_events(struct supervisor *supervisor, struct pollfd polls[POLLS_MAX])
{
    const struct listeners *listeners = &supervisor->heritage.listeners;
    bool has_room = admission_has_room(&supervisor->admission, &supervisor->heritage.segment);
    admin_door_watch(&supervisor->heritage.door, &polls[POLL_DOOR]);
    polls[POLL_NEWS] = (struct pollfd){.fd = supervisor->heritage.news, .events = POLLIN};
    successor_watch(&supervisor->successor, &polls[POLL_SUCCESSOR]);
    for (size_t i = 0; i < listeners->count; i++) {
        polls[POLL_LISTENERS + i] =
            (struct pollfd){.fd = has_room ? listeners->descriptors[i] : -1, .events = POLLIN};
    }
    struct timespec timeout = clock_interval(patience_ms(supervisor));
    nfds_t watched = POLL_LISTENERS + listeners->count;
    watched += reserve_watch(&supervisor->reserve, polls + watched);
    int events = supervisor_await_event(supervisor, polls, watched, &timeout);
    if (events <= 0) {
        for (nfds_t i = 0; i < watched; i++) {
            polls[i].revents = 0;
        }
    }
    signals_let_in(); /* ppoll does not while somebody waits at each call */
    return events == 0;
}

/* True where there is each process that the server needs, handlers aside. */
static bool is_complete(const struct supervisor *supervisor)
{
    return keeper_has_storer(&supervisor->keeper) &&
           (!supervisor->heritage.held_key.is_open ||
            key_keeper_has_keyholder(&supervisor->key_keeper));
}

/* Serves until the server is asked to stop, can't go on, or is to open the next draw. */
static void serve(struct supervisor *supervisor)
{
    struct pollfd polls[POLLS_MAX] = {{0}};
    while (!signals_terminate_requested() && supervisor->keeper.state != KEEPER_GIVEN_UP &&
           ship_keeper_verdict(&supervisor->ship_keeper) == SHIP_GOES_ON &&
           ownership_holds(&supervisor->ownership) && !supervisor->desk.opens_next &&
           supervisor->successor.state != SUCCESSOR_GOES) {
        bool is_quiet = wait_for_events(supervisor, polls);
        if (signals_take_hangup()) {
            service_manager_reloading(supervisor->heritage.manager);
            reload_run(&supervisor->heritage, &supervisor->admission, &supervisor->key_keeper,
                       &supervisor->configuration);
            service_manager_ready(supervisor->heritage.manager);
        }
        children_look_after(supervisor);
        children_take_returned(supervisor);
        reserve_renew(&supervisor->reserve);
        if (polls[POLL_NEWS].revents != 0) {
            heritage_take_news(&supervisor->heritage);
        }
        operator_attend(&supervisor->desk, &supervisor->heritage, polls[POLL_DOOR].revents != 0);
        if (supervisor->desk.hands_over) {
            supervisor->desk.hands_over = false;
            successor_welcome(&supervisor->successor);
        }
        successor_attend(&supervisor->successor, polls[POLL_SUCCESSOR].revents != 0);
        accepting_at_all(supervisor, polls + POLL_LISTENERS);
        if (!is_complete(supervisor)) {
            reserve_yield(&supervisor->reserve);
        } else if (is_quiet) {
            reserve_fill(&supervisor->reserve);
        }
        accepting_log_suppressed(
            log_limit_take_suppressed(&supervisor->refusals, clock_monotonic_ms()));
    }
    if (supervisor->ownership.state == OWNERSHIP_LOST) {
        supervisor_note_end(supervisor, SUPERVISOR_LOST_WHAT_IT_OWNS);
    } else if (supervisor->keeper.state == KEEPER_GIVEN_UP) {
        supervisor_note_end(supervisor, SUPERVISOR_COULD_NOT_GO_ON);
    } else if (ship_keeper_verdict(&supervisor->ship_keeper) != SHIP_GOES_ON) {
        supervisor_fence(supervisor);
    }
    accepting_log_suppressed(log_limit_take_rest(&supervisor->refusals));
}

/* ------------------------------------------------------------------ life ---- */

/* True when the server serves no longer because the next draw is to be opened, and goes on. */
static bool is_to_turn_over(const struct supervisor *supervisor)
{
    return supervisor->desk.opens_next && supervisor->end == SUPERVISOR_STOPPED_AS_ASKED &&
           !signals_terminate_requested();
}

/*
 * True where the process that was to replace this one has gone, while the lock is still ours: then
 * nobody else serves those who wait at the listeners.
 */
static bool is_to_resume(const struct supervisor *supervisor)
{
    return successor_has_gone(&supervisor->successor) && !signals_terminate_requested() &&
           supervisor->keeper.state == KEEPER_DRAINED &&
           (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED ||
            supervisor->end == SUPERVISOR_HAD_TO_KILL);
}

/* What an operator is told who waits for a promotion, and whose server does not come to serve. */
static const char *why_not_promoted(const struct supervisor *supervisor, bool started,
                                    const struct failure *failure)
{
    if (!started) {
        return failure->text;
    }
    return supervisor->end == SUPERVISOR_FENCED
               ? "another node has claimed the log after this one, or writes it: this server ends. "
                 "See its log; where another node serves, start this one with --follow"
               : "the server is stopping: see its log";
}

/*
 * Lives from recovery to the end of the shutdown. If a draw could not start, `failure` says why. An
 * operator whose request comes too late is told so.
 */
static void live(struct supervisor *supervisor, struct failure *failure)
{
    const struct failure stopping = {.text = "the server is stopping: the draw stays as it is"};
    bool started = turnover_start(supervisor, failure);
    while (started) {
        serve(supervisor);
        if (is_to_turn_over(supervisor)) {
            started = turnover_run(supervisor, failure) && turnover_start(supervisor, failure);
        } else if (supervisor_is_replaced(supervisor)) {
            stopping_run(supervisor);
            if (!is_to_resume(supervisor)) {
                return;
            }
            started = turnover_resume(supervisor, failure) && turnover_start(supervisor, failure);
        } else {
            break;
        }
    }
    if (!started) {
        supervisor_note_end(supervisor, SUPERVISOR_COULD_NOT_START);
    }
    operator_answer_promotion(&supervisor->desk, &supervisor->heritage,
                              why_not_promoted(supervisor, started, failure));
    operator_answer_open(&supervisor->desk, &supervisor->heritage, started ? &stopping : failure);
    if (started || keeper_has_storer(&supervisor->keeper)) {
        stopping_run(supervisor);
    } else {
        (void)stopping_keyholder(supervisor);
    }
}

/* Says exactly what there is, where a server that was to replace another one could not start. */
static void log_nobody_serves(const struct predecessor *predecessor,
                              const struct server_config *config)
{
    if (predecessor != NULL) {
        log_critical(LOG_REPLACE_LEFT_NOBODY,
                     "result: fail | pid: %d | reason: that server has ended as at any stop, and "
                     "this one could not start: nobody listens now. All that was "
                     "acknowledged is stored in %s: mend what the next line says, and start the "
                     "server",
                     (int)predecessor->pid, config->data_directory);
    }
}

int supervisor_run(const struct server_config *config, struct service_manager *manager,
                   const struct predecessor *predecessor, const struct listeners *listeners,
                   int promoter)
{
    struct supervisor supervisor = {.heritage = {.config = *config, .manager = manager}};
    struct failure failure = {.text = ""};
    config_reload_open(&supervisor.configuration, config);
    supervisor.heritage.listeners = *listeners;
    supervisor.successor.heritage = &supervisor.heritage;
    supervisor.keeper.heritage = &supervisor.heritage;
    supervisor.key_keeper.heritage = &supervisor.heritage;
    supervisor.ship_keeper.heritage = &supervisor.heritage;
    supervisor.reporting.heritage = &supervisor.heritage;
    reserve_open(&supervisor.reserve, &supervisor.heritage);
    log_limit_open(&supervisor.refusals, clock_monotonic_ms());
    signals_prepare_supervisor();
    if (!heritage_open(&supervisor.heritage, &failure)) {
        supervisor_note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
    } else {
        operator_take_promoter(&supervisor.desk, &supervisor.heritage, promoter);
        if (!process_confine_all(&supervisor.heritage, &failure)) {
            supervisor_note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
        } else if (!admission_open(&supervisor.admission, config)) {
            failure_set(&failure, "no memory for limits.max_connections");
            supervisor_note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
        } else {
            reporting_open(&supervisor.reporting);
            reporting_start(&supervisor.reporting);
            live(&supervisor, &failure);
        }
        admission_close(&supervisor.admission);
        if (supervisor_is_replaced(&supervisor)) {
            service_manager_main_pid(manager, supervisor.successor.pid);
        }
        heritage_close(&supervisor.heritage);
    }
    if (supervisor.end == SUPERVISOR_COULD_NOT_START) {
        log_nobody_serves(predecessor, config);
        log_critical(LOG_START_FAILED, "result: fail | error: %s", failure.text);
        log_complain("%s", failure.text);
        return EXIT_FAILURE;
    }
    bool well = supervisor.end == SUPERVISOR_STOPPED_AS_ASKED;
    log_info(LOG_SERVER_EXITED, "result: %s | end: %s", well ? "success" : "fail",
             well && supervisor_is_replaced(&supervisor) ? "replaced"
                                                         : supervisor_end_name(supervisor.end));
    return well                                  ? EXIT_SUCCESS
           : supervisor.end == SUPERVISOR_FENCED ? SUPERVISOR_EXIT_FENCED
                                                 : EXIT_FAILURE;
}
