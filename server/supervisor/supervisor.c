/*
 * supervisor.c - the process graph, from the first lock to the last one released.
 *
 *     supervisor --- forks ---> storer      one, always; replaced when it dies
 *                 \-- forks --> handler     one a connection, up to a limit
 *
 * Why it exists: somebody has to outlive every other process, and to clean up
 * after all of them.
 *
 * What it promises: at most limits.max_connections handlers; a storer as long
 * as one can live; every child reaped, with an obituary in the log; a shutdown
 * that loses nothing, in the order: listener, handlers, storer, shared memory.
 *
 * It takes no lock and waits for no semaphore, so no child can take it down.
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
#include "server/supervisor/children.h"
#include "server/supervisor/keeper.h"
#include "server/supervisor/ownership.h"
#include "server/supervisor/recovery.h"
#include "shm/slots.h"
#include "shm/waiting.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64, /* before children are looked after again */
    OUT_OF_RESOURCES_PAUSE_MS = 100,
    REPEAT_SIGTERM_MS = 100
};

struct supervisor {
    struct heritage heritage;
    struct children children;
    struct keeper keeper;
    struct ownership ownership;
    struct log_limit refusals; /* of lines about who was not accepted */
    bool started;              /* it has served; before that, `failure` says why it could not */
    bool failed;               /* it could not start, or not stop as it should */
};

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
    atomic_store(&shared->connections_open, children_alive(&supervisor->children));
}

static void bury_handler(struct supervisor *supervisor, pid_t pid, uint32_t slot_index, int status)
{
    struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    char end[CHILDREN_END_BYTES];
    children_describe_end(status, end);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              "action: reap | result: %s | role: handler | pid: %d | ended_by: %s | ip: %s | "
              "messages: %llu | bets: %llu",
              well ? "success" : "fail", (int)pid, end, slot->peer,
              (unsigned long long)atomic_load(&slot->messages),
              (unsigned long long)atomic_load(&slot->bets));
    slot_release(slot);
    children_give_back(&supervisor->children, slot_index);
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
        } else if (children_find(&supervisor->children, pid, &slot_index)) {
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
 * Sleeps with our signals let in. Should the kernel refuse even that, they are
 * let in for a while all the same: a server that can't be stopped helps nobody.
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
        log_warning("action: accept_connections | result: fail | suppressed: %llu",
                    (unsigned long long)suppressed);
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
    uint32_t slot_index = children_take_slot(&supervisor->children);
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
                      peer->text, strerror(error), children_explain_fork(error));
        }
        slot_release(slot);
        children_give_back(&supervisor->children, slot_index);
        pause_for(OUT_OF_RESOURCES_PAUSE_MS);
        return;
    }
    children_note(&supervisor->children, slot_index, pid, peer->host);
    atomic_store(&slot->pid, pid);
    count(&counters(supervisor)->connections_accepted);
    atomic_store(&counters(supervisor)->connections_open, children_alive(&supervisor->children));
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

/* Connections that vanish again while they wait are nobody's fault; everything else is told. */
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
    for (int i = 0; i < ACCEPTS_A_TURN && children_have_room(&supervisor->children); i++) {
        struct listener_peer peer;
        int socket = listener_accept(listener, &peer);
        if (socket < 0) {
            explain_accept_error(supervisor);
            return;
        }
        if (!children_admit(&supervisor->children, peer.host)) {
            refuse(supervisor, socket, &peer);
        } else {
            start_handler(supervisor, socket, &peer);
        }
    }
}

/* The addresses take turns, so that none of them is left out for the crowd at another one. */
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

/* Milliseconds until there is something to do that nothing tells of: at least a look at what we own. */
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
    nfds_t watched = children_have_room(&supervisor->children) ? listeners->count : 0;
    struct timespec timeout = clock_interval(patience_ms(supervisor));
    int ready = await_event(polls, watched, &timeout);
    signals_let_in(); /* ppoll does not, as long as somebody waits each time */
    return ready > 0;
}

/* What SIGHUP asks of most servers: whoever sends it is told that nothing has changed. */
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
    while (!signals_terminate_requested() && !supervisor->keeper.given_up &&
           ownership_holds(&supervisor->ownership)) {
        bool somebody_waits = wait_for_connections(supervisor, polls);
        answer_hangup();
        look_after_children(supervisor);
        if (somebody_waits) {
            accept_connections(supervisor, polls);
        }
        sum_refusals_up(supervisor);
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
    uint32_t handlers = children_alive(&supervisor->children);
    bool forced = false;
    while (children_alive(&supervisor->children) > 0) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        children_signal(&supervisor->children, forced ? SIGKILL : SIGTERM);
        pause_for(REPEAT_SIGTERM_MS);
        look_after_children(supervisor);
    }
    supervisor->failed |= forced;
    log_info("action: stop_handlers | result: %s | handlers: %u", forced ? "fail" : "success",
             handlers);
}

static void stop_storer(struct supervisor *supervisor)
{
    struct keeper *keeper = &supervisor->keeper;
    int64_t deadline_ms =
        clock_monotonic_ms() + (int64_t)supervisor->heritage.config.timeout_shutdown_ms;
    bool forced = false;
    keeper->stopping = true;
    while (keeper->storer != 0) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        (void)kill(keeper->storer, forced ? SIGKILL : SIGTERM);
        pause_for(REPEAT_SIGTERM_MS);
        (void)signals_take_child_news();
        reap(supervisor);
    }
    bool drained = !forced && !keeper->undrained && !keeper->given_up;
    supervisor->failed |= !drained;
    log_info("action: stop_storer | result: %s", drained ? "success" : "fail");
}

static void announce_shutdown(const struct supervisor *supervisor)
{
    char reason[SIGNALS_REQUEST_BYTES] = "the server can't go on";
    if (supervisor->ownership.lost) {
        (void)snprintf(reason, sizeof reason, "what the server owns has been taken away");
    } else if (!supervisor->failed && !supervisor->keeper.given_up) {
        signals_describe_request(reason);
    }
    log_info("action: shutdown | result: in_progress | reason: %s", reason);
}

static void shut_down(struct supervisor *supervisor)
{
    struct heritage *heritage = &supervisor->heritage;
    announce_shutdown(supervisor);
    supervisor->failed |= supervisor->ownership.lost;
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

/* From recovery to the end of the shutdown. */
static void live(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    supervisor->failed = true;
    if (!recovery_run(heritage, failure)) {
        return;
    }
    supervisor->started = keeper_start(&supervisor->keeper);
    supervisor->failed = !supervisor->started;
    if (supervisor->started) {
        ownership_begin(&supervisor->ownership, heritage);
        tell_ready(heritage);
        serve(supervisor);
    } else {
        (void)failure_set(failure, "the storer did not start");
    }
    shut_down(supervisor);
}

static int fail_to_start(const struct failure *failure)
{
    log_critical("action: start | result: fail | error: %s", failure->text);
    log_complain("%s", failure->text);
    return EXIT_FAILURE;
}

int supervisor_run(const struct server_config *config)
{
    struct supervisor supervisor = {.heritage = {.config = *config}};
    supervisor.keeper.heritage = &supervisor.heritage;
    log_limit_open(&supervisor.refusals, clock_monotonic_ms());
    struct failure failure = {.text = ""};
    signals_prepare_supervisor();
    if (!heritage_open(&supervisor.heritage, &failure)) {
        return fail_to_start(&failure);
    }
    if (!children_open(&supervisor.children, (uint32_t)config->limit_connections,
                       (uint32_t)config->limit_connections_per_address)) {
        (void)failure_set(&failure, "no memory for limits.max_connections");
        supervisor.failed = true;
    } else {
        live(&supervisor, &failure);
    }
    children_close(&supervisor.children);
    heritage_close(&supervisor.heritage);
    if (!supervisor.started) {
        return fail_to_start(&failure);
    }
    log_info("action: server_exit | result: %s", supervisor.failed ? "fail" : "success");
    return supervisor.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
