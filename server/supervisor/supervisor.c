/*
 * supervisor.c - the process graph, from the first lock to the last one released.
 *
 *     supervisor --- forks ---> storer      one, always; replaced when it dies
 *                 \-- forks --> handler     one a connection, up to a limit
 *
 * Why it exists: one process has to outlive all others, reap them, and remove what they share.
 *
 * What it promises: at most limits.max_connections handlers; a storer as long
 * as one can live; every child reaped, with an obituary in the log; a shutdown
 * that loses nothing, in the order: listener, handlers, storer, shared memory.
 *
 * It takes no lock and waits for no semaphore, so that no child can block it.
 * If it dies: the kernel sends its children SIGTERM, they finish and give up
 * the data directory's lock; the storer, the last one, removes the shared memory.
 * What is left when that has been killed too, the next server finds by its name.
 */
#include "server/supervisor/supervisor.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/log_limit.h"
#include "server/heritage.h"
#include "server/listener.h"
#include "server/processes.h"
#include "server/signals.h"
#include "server/supervisor/handler_book.h"
#include "server/supervisor/keeper.h"
#include "server/supervisor/ownership.h"
#include "server/supervisor/recovery.h"
#include "shm/slots.h"
#include "shm/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ACCEPTS_A_ROUND = 64, /* before children are looked after again */
    OUT_OF_RESOURCES_PAUSE_MS = 100,
    REPEAT_SIGTERM_MS = 100
};

/* How the server's life ends. Once it is not SUPERVISOR_STOPPED_AS_ASKED it stays what it is. */
enum supervisor_end {
    SUPERVISOR_STOPPED_AS_ASKED,
    SUPERVISOR_COULD_NOT_START,
    SUPERVISOR_COULD_NOT_GO_ON, /* there is no storer, or it did not store everything */
    SUPERVISOR_LOST_WHAT_IT_OWNS,
    SUPERVISOR_HAD_TO_KILL /* somebody did not end in timeouts.shutdown */
};

struct supervisor {
    struct heritage heritage;
    struct handler_book handlers;
    struct keeper keeper;
    struct ownership ownership;
    struct log_limit refusals; /* of lines about who was not accepted */
    enum supervisor_end end;   /* set by note_end alone */
};

static const char *end_name(enum supervisor_end end)
{
    static const char *const names[] = {
        [SUPERVISOR_STOPPED_AS_ASKED] = "stopped_as_asked",
        [SUPERVISOR_COULD_NOT_START] = "could_not_start",
        [SUPERVISOR_COULD_NOT_GO_ON] = "could_not_go_on",
        [SUPERVISOR_LOST_WHAT_IT_OWNS] = "lost_what_it_owns",
        [SUPERVISOR_HAD_TO_KILL] = "had_to_kill",
    };
    return names[end];
}

/* The first reason is the one that is told: the others follow from it. */
static void note_end(struct supervisor *supervisor, enum supervisor_end end)
{
    if (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED) {
        supervisor->end = end;
    }
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static struct shared_supervisor *counters(struct supervisor *supervisor)
{
    return &supervisor->heritage.segment.shared->supervisor;
}

/* ------------------------------------------------------------ obituaries ---- */

static void count_death(struct supervisor *supervisor, int status)
{
    struct shared_supervisor *shared = counters(supervisor);
    count(WIFSIGNALED(status)        ? &shared->handlers_killed
          : WEXITSTATUS(status) != 0 ? &shared->handlers_failed
                                     : &shared->handlers_exited);
    atomic_store(&shared->connections_open, handler_book_alive(&supervisor->handlers));
}

static void bury_handler(struct supervisor *supervisor, pid_t pid, uint32_t slot_index, int status)
{
    struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    char end[PROCESS_END_BYTES];
    process_describe_end(status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              "action: reap | result: %s | role: handler | pid: %d | ended_by: %s | ip: %s | "
              "messages: %" PRIu64 " | bets: %" PRIu64,
              well ? "success" : "fail", (int)pid, end, slot->peer, atomic_load(&slot->messages),
              atomic_load(&slot->bets));
    slot_release(slot);
    handler_book_give_back(&supervisor->handlers, slot_index);
    count_death(supervisor, status);
    if (!well) {
        wake_storer(&supervisor->heritage.segment); /* it may have died before it could */
    }
}

static void reap(struct supervisor *supervisor)
{
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        uint32_t slot_index = 0;
        if (pid == supervisor->keeper.storer) {
            keeper_bury(&supervisor->keeper, status);
        } else if (handler_book_find(&supervisor->handlers, pid, &slot_index)) {
            bury_handler(supervisor, pid, slot_index, status);
        }
    }
}

/* Reaps, and replaces a storer that has died. */
static void look_after_children(struct supervisor *supervisor)
{
    if (signals_take_child_news()) {
        reap(supervisor);
    }
    keeper_replace(&supervisor->keeper, false);
}

/* ---------------------------------------------------------------- sleep ---- */

/*
 * Sleeps with our signals let in. Where ppoll fails, the signals are let in for a pause instead, so
 * that the server can still be stopped.
 */
static int await_event(struct pollfd *poll, nfds_t watched, const struct timespec *timeout)
{
    int result = ppoll(poll, watched, timeout, signals_sleep_mask());
    if (result < 0 && errno != EINTR) {
        const struct timespec pause = clock_interval(OUT_OF_RESOURCES_PAUSE_MS);
        log_error("action: wait | result: fail | error: ppoll: %s", strerror(errno));
        signals_unblock();
        (void)nanosleep(&pause, NULL);
        signals_block();
    }
    return result;
}

static void pause_for(int64_t pause_ms)
{
    struct timespec pause = clock_interval(pause_ms);
    (void)await_event(NULL, 0, &pause);
}

/* -------------------------------------------------------------- refusals ---- */

static void log_suppressed(uint64_t suppressed)
{
    if (suppressed > 0) {
        log_warning("action: accept_connections | result: fail | suppressed: %" PRIu64, suppressed);
    }
}

/* True when one more line about a connection that was not accepted may be written. */
static bool may_log_refusal(struct supervisor *supervisor)
{
    return log_limit_admits(&supervisor->refusals, clock_monotonic_ms());
}

/* Sums up what was not written, when it is time for that. */
static void sum_refusals_up(struct supervisor *supervisor)
{
    log_suppressed(log_limit_take_suppressed(&supervisor->refusals, clock_monotonic_ms()));
}

/* -------------------------------------------------------------- handlers ---- */

/* Forks a handler for the connection. */
static void start_handler(struct supervisor *supervisor, int socket,
                          const struct listener_peer *peer)
{
    uint32_t slot_index = handler_book_take_slot(&supervisor->handlers);
    struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
    const struct process_errand errand = {
        .descriptor = socket, .supervisors = PROCESS_NO_DESCRIPTOR, .slot_index = slot_index};
    slot_set_up(&supervisor->heritage.segment, slot_index, peer->text);
    pid_t pid = process_fork(&supervisor->heritage, PROCESS_HANDLER, &errand);
    (void)close(socket);
    if (pid < 0) {
        int error = errno;
        if (may_log_refusal(supervisor)) {
            log_error("action: accept_connections | result: fail | ip: %s | error: fork: %s%s",
                      peer->text, strerror(error), process_explain_fork(error));
        }
        slot_release(slot);
        handler_book_give_back(&supervisor->handlers, slot_index);
        pause_for(OUT_OF_RESOURCES_PAUSE_MS);
        return;
    }
    handler_book_note(&supervisor->handlers, slot_index, pid, peer->host);
    atomic_store(&slot->pid, pid);
    count(&counters(supervisor)->connections_accepted);
    atomic_store(&counters(supervisor)->connections_open,
                 handler_book_alive(&supervisor->handlers));
    log_info("action: accept_connections | result: success | ip: %s | pid: %d", peer->text,
             (int)pid);
}

static void refuse(struct supervisor *supervisor, int socket, const struct listener_peer *peer)
{
    if (may_log_refusal(supervisor)) {
        log_warning("action: accept_connections | result: fail | ip: %s | reason: more than "
                    "limits.connections_per_address",
                    peer->text);
    }
    count(&counters(supervisor)->connections_refused);
    (void)close(socket);
}

/* Logs why accept failed, but for connections that were gone before they could be accepted. */
static void explain_accept_error(struct supervisor *supervisor)
{
    int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK || error == ECONNABORTED || error == EINTR) {
        return;
    }
    if (may_log_refusal(supervisor)) {
        log_error("action: accept_connections | result: fail | error: %s", strerror(error));
    }
    pause_for(OUT_OF_RESOURCES_PAUSE_MS);
}

/* Accepts those who wait at one address. */
static void accept_at(struct supervisor *supervisor, int listener)
{
    for (int i = 0; i < ACCEPTS_A_ROUND && handler_book_has_room(&supervisor->handlers); i++) {
        struct listener_peer peer;
        int socket = listener_accept(listener, &peer);
        if (socket < 0) {
            explain_accept_error(supervisor);
            return;
        }
        if (!handler_book_admit(&supervisor->handlers, peer.host)) {
            refuse(supervisor, socket, &peer);
        } else {
            start_handler(supervisor, socket, &peer);
        }
    }
}

/*
 * At each address at most ACCEPTS_A_ROUND are accepted, so that a crowd at one leaves time for the
 * others.
 */
static void accept_connections(struct supervisor *supervisor,
                               const struct pollfd polls[LISTENERS_MAX])
{
    for (size_t i = 0; i < supervisor->heritage.listeners.count; i++) {
        if (polls[i].revents != 0) {
            accept_at(supervisor, polls[i].fd);
        }
    }
}

/* ------------------------------------------------------------------ loop ---- */

/*
 * Milliseconds until there is something to do that nothing tells of: at least a look at what we
 * own.
 */
static int64_t patience_ms(const struct supervisor *supervisor)
{
    int64_t patience_ms = ownership_patience_ms(&supervisor->ownership);
    const int64_t others_ms[] = {
        keeper_patience_ms(&supervisor->keeper),
        log_limit_patience_ms(&supervisor->refusals, clock_monotonic_ms()),
    };
    for (size_t i = 0; i < sizeof others_ms / sizeof others_ms[0]; i++) {
        if (others_ms[i] >= 0 && others_ms[i] < patience_ms) {
            patience_ms = others_ms[i];
        }
    }
    return patience_ms;
}

/*
 * Sleeps until somebody connects (and there is room), a signal comes, or something is due.
 * True when somebody waits; `polls` says at which of the listeners.
 */
static bool wait_for_connections(const struct supervisor *supervisor,
                                 struct pollfd polls[LISTENERS_MAX])
{
    const struct listeners *listeners = &supervisor->heritage.listeners;
    for (size_t i = 0; i < listeners->count; i++) {
        polls[i] = (struct pollfd){.fd = listeners->descriptors[i], .events = POLLIN};
    }
    nfds_t watched = handler_book_has_room(&supervisor->handlers) ? listeners->count : 0;
    struct timespec timeout = clock_interval(patience_ms(supervisor));
    int ready = await_event(polls, watched, &timeout);
    signals_let_in(); /* ppoll does not, as long as somebody waits each time */
    return ready > 0;
}

/* Most servers read their configuration again on SIGHUP. This one does not, and logs so. */
static void answer_hangup(void)
{
    if (signals_take_hangup()) {
        log_info("action: reload | result: fail | reason: SIGHUP does not stop the server, and the "
                 "configuration is read at the start alone: for another one, stop and start it");
    }
}

/* Until the server is to stop. */
static void serve(struct supervisor *supervisor)
{
    struct pollfd polls[LISTENERS_MAX] = {{0}};
    while (!signals_terminate_requested() && supervisor->keeper.state != KEEPER_GIVEN_UP &&
           ownership_holds(&supervisor->ownership)) {
        bool somebody_waits = wait_for_connections(supervisor, polls);
        answer_hangup();
        look_after_children(supervisor);
        if (somebody_waits) {
            accept_connections(supervisor, polls);
        }
        sum_refusals_up(supervisor);
    }
    if (supervisor->ownership.state == OWNERSHIP_LOST) {
        note_end(supervisor, SUPERVISOR_LOST_WHAT_IT_OWNS);
    } else if (supervisor->keeper.state == KEEPER_GIVEN_UP) {
        note_end(supervisor, SUPERVISOR_COULD_NOT_GO_ON);
    }
    log_suppressed(log_limit_take_rest(&supervisor->refusals));
}

/* -------------------------------------------------------------- shutdown ---- */

/*
 * Asks all handlers to leave until none is left; a handler that was about to
 * sleep at the gate when the first SIGTERM came is reached by the next one.
 * Past the time limit: SIGKILL.
 */
static void stop_handlers(struct supervisor *supervisor)
{
    uint64_t limit_ms = supervisor->heritage.config.timeout_shutdown_ms;
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)limit_ms;
    uint32_t handlers = handler_book_alive(&supervisor->handlers);
    bool forced = false;
    while (handler_book_alive(&supervisor->handlers) > 0) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        handler_book_signal(&supervisor->handlers, forced ? SIGKILL : SIGTERM);
        pause_for(REPEAT_SIGTERM_MS);
        look_after_children(supervisor);
    }
    if (forced) {
        note_end(supervisor, SUPERVISOR_HAD_TO_KILL);
    }
    log_info("action: stop_handlers | result: %s | handlers: %u", forced ? "fail" : "success",
             handlers);
}

static void stop_storer(struct supervisor *supervisor)
{
    struct keeper *keeper = &supervisor->keeper;
    int64_t deadline_ms =
        clock_monotonic_ms() + (int64_t)supervisor->heritage.config.timeout_shutdown_ms;
    bool forced = false;
    keeper_expect_end(keeper);
    while (keeper_has_storer(keeper)) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        (void)kill(keeper->storer, forced ? SIGKILL : SIGTERM);
        pause_for(REPEAT_SIGTERM_MS);
        (void)signals_take_child_news();
        reap(supervisor);
    }
    bool failed = forced || keeper->state == KEEPER_UNDRAINED || keeper->state == KEEPER_GIVEN_UP;
    if (failed) {
        note_end(supervisor, forced ? SUPERVISOR_HAD_TO_KILL : SUPERVISOR_COULD_NOT_GO_ON);
    }
    log_info("action: stop_storer | result: %s | storer: %s", failed ? "fail" : "success",
             keeper_state_name(keeper->state));
}

static void announce_shutdown(const struct supervisor *supervisor)
{
    char reason[SIGNALS_REQUEST_BYTES] = "the server can't go on";
    if (supervisor->end == SUPERVISOR_LOST_WHAT_IT_OWNS) {
        (void)snprintf(reason, sizeof reason, "what the server owns has been taken away");
    } else if (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED) {
        signals_describe_request(reason);
    }
    log_info("action: shutdown | result: in_progress | reason: %s", reason);
}

static void shut_down(struct supervisor *supervisor)
{
    struct heritage *heritage = &supervisor->heritage;
    announce_shutdown(supervisor);
    segment_publish(&heritage->segment, SHARED_STOPPING);
    listeners_close(&heritage->listeners);
    log_info("action: close_listener | result: success");
    stop_handlers(supervisor);
    keeper_replace(&supervisor->keeper, true); /* what is left in the ring needs a storer */
    stop_storer(supervisor);
}

/* --------------------------------------------------------------- opening ---- */

/* One line an address; whoever looks for the port finds it in each of them. */
static void tell_ready(struct heritage *heritage)
{
    struct listener_peer bound = {0};
    unsigned port = 0;
    (void)listener_describe(heritage->listeners.descriptors[0], &bound, &port);
    segment_set_port(&heritage->segment, port);
    segment_publish(&heritage->segment, SHARED_READY);
    for (size_t i = 0; i < heritage->listeners.count; i++) {
        (void)listener_describe(heritage->listeners.descriptors[i], &bound, &port);
        log_info("action: listen | result: success | address: %s | port: %u", bound.host, port);
    }
}

/* From recovery to the end of the shutdown. Where it could not start, `failure` says why. */
static void live(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    if (!recovery_run(heritage, failure)) {
        note_end(supervisor, SUPERVISOR_COULD_NOT_START);
        return;
    }
    if (keeper_start(&supervisor->keeper)) {
        ownership_begin(&supervisor->ownership, heritage);
        tell_ready(heritage);
        serve(supervisor);
    } else {
        (void)failure_set(failure, "the storer did not start");
        note_end(supervisor, SUPERVISOR_COULD_NOT_START);
    }
    shut_down(supervisor);
}

int supervisor_run(const struct server_config *config)
{
    struct supervisor supervisor = {.heritage = {.config = *config}};
    struct failure failure = {.text = ""};
    supervisor.keeper.heritage = &supervisor.heritage;
    log_limit_open(&supervisor.refusals, clock_monotonic_ms());
    signals_prepare_supervisor();
    if (!heritage_open(&supervisor.heritage, &failure)) {
        note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
    } else {
        if (!handler_book_open(&supervisor.handlers, (uint32_t)config->limit_connections,
                               (uint32_t)config->limit_connections_per_address)) {
            (void)failure_set(&failure, "no memory for limits.max_connections");
            note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
        } else {
            live(&supervisor, &failure);
        }
        handler_book_close(&supervisor.handlers);
        heritage_close(&supervisor.heritage);
    }
    if (supervisor.end == SUPERVISOR_COULD_NOT_START) {
        log_critical("action: start | result: fail | error: %s", failure.text);
        log_complain("%s", failure.text);
        return EXIT_FAILURE;
    }
    bool well = supervisor.end == SUPERVISOR_STOPPED_AS_ASKED;
    log_info("action: server_exit | result: %s | end: %s", well ? "success" : "fail",
             end_name(supervisor.end));
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
