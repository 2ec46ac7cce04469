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
#include "server/heritage.h"
#include "server/listen_fds.h"
#include "server/listener.h"
#include "server/processes.h"
#include "server/signals.h"
#include "server/supervisor/admission.h"
#include "server/supervisor/keeper.h"
#include "server/supervisor/key_keeper.h"
#include "server/supervisor/operator.h"
#include "server/supervisor/ownership.h"
#include "server/supervisor/recovery.h"
#include "server/supervisor/reload.h"
#include "server/supervisor/reporting.h"
#include "server/supervisor/reserve.h"
#include "server/supervisor/ship_keeper.h"
#include "server/supervisor/successor.h"
#include "shm/heartbeat.h"
#include "shm/refusals.h"
#include "shm/replica.h"
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
    REPEAT_SIGTERM_MS = 100,
    SHIPPER_LEAVES_MS = 4000 /* for a call of the engine that is on its way when its time is up */
};

/* How the server's life ends. The first value that is not SUPERVISOR_STOPPED_AS_ASKED stays. */
enum supervisor_end {
    SUPERVISOR_STOPPED_AS_ASKED,
    SUPERVISOR_COULD_NOT_START,
    SUPERVISOR_COULD_NOT_GO_ON, /* there is no storer, or it did not store everything */
    SUPERVISOR_LOST_WHAT_IT_OWNS,
    SUPERVISOR_FENCED, /* another node writes the centre's log, or the log has more than this disk */
    SUPERVISOR_STRANGER,   /* the centre's log is another lottery's */
    SUPERVISOR_HAD_TO_KILL /* somebody did not end in timeouts.shutdown */
};

struct supervisor {
    struct heritage heritage;
    struct admission admission;
    struct keeper keeper;
    struct key_keeper key_keeper;
    struct ship_keeper ship_keeper;
    struct reserve reserve;
    struct ownership ownership;
    struct operator_desk desk;
    struct config_reload configuration;
    struct successor successor;
    struct reporting reporting;
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
        [SUPERVISOR_FENCED] = "fenced",
        [SUPERVISOR_STRANGER] = "stranger",
        [SUPERVISOR_HAD_TO_KILL] = "had_to_kill",
    };
    return names[end];
}

/* Notes how the server ends. The first reason is kept, because the others follow from it. */
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

/* Says in the segment how many connections are open. */
static void tell_open(struct supervisor *supervisor)
{
    atomic_store(&counters(supervisor)->connections_open,
                 handler_book_staying(&supervisor->admission.handlers));
}

/* ------------------------------------------------------------ obituaries ---- */

/* Says how a handler's connection has ended, and gives its slot back. */
static void settle_connection(struct supervisor *supervisor, pid_t pid, uint32_t slot_index,
                              bool well, const char *end)
{
    struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
    uint32_t version = 0;
    char peer[SHARED_PEER_BYTES];
    char via[SHARED_PEER_BYTES];
    (void)slot_read_peer(slot, &version, peer, via); /* nobody changes it any more */
    log_write(
        well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, well ? LOG_HANDLER_ENDED : LOG_HANDLER_DIED,
        "result: %s | role: handler | pid: %d | ended_by: %s | ip: %s%-s%s | connection: %" PRIu64
        " | "
        "messages: %" PRIu64 " | bets: %" PRIu64,
        well ? "success" : "fail", (int)pid, end, peer, via[0] == '\0' ? "" : " | via: ", via,
        atomic_load(&slot->connection), atomic_load(&slot->messages), atomic_load(&slot->bets));
    admission_bury(&supervisor->admission, &supervisor->heritage.segment, slot_index);
    slot_release(slot);
    tell_open(supervisor);
}

static bool has_ended_well(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Counts how a handler has ended. */
static void count_end(struct supervisor *supervisor, int status)
{
    struct shared_supervisor *shared = counters(supervisor);
    count(has_ended_well(status)            ? &shared->handlers_exited
          : process_ended_forbidden(status) ? &shared->handlers_forbidden
          : WIFSIGNALED(status)             ? &shared->handlers_killed
                                            : &shared->handlers_failed);
}

/* Writes the obituary of a handler, gives its slot back, and counts how it ended. */
static void bury_handler(struct supervisor *supervisor, pid_t pid, uint32_t slot_index, int status)
{
    bool well = has_ended_well(status);
    char end[PROCESS_END_BYTES];
    process_describe_end(status, end);
    settle_connection(supervisor, pid, slot_index, well, end);
    count_end(supervisor, status);
    if (!well) {
        wake_storer(&supervisor->heritage.segment); /* it may have died before it could */
    }
}

/*
 * Takes back the handlers whose connections have ended and that may serve another one. One whose
 * connection never said who it is has no business to come back.
 */
static void take_returned(struct supervisor *supervisor)
{
    struct handler_book *handlers = &supervisor->admission.handlers;
    for (pid_t pid = 0; (pid = reserve_next_returned(&supervisor->reserve)) > 0;) {
        uint32_t slot_index = 0;
        bool is_known = handler_book_find(handlers, pid, &slot_index) &&
                        slot_is_identified(&supervisor->heritage.segment.slots[slot_index]);
        if (is_known) {
            settle_connection(supervisor, pid, slot_index, true, "the end of its connection");
            count(&counters(supervisor)->handlers_returned);
            reserve_keep(&supervisor->reserve, pid);
        } else {
            kill(pid, SIGKILL);
        }
    }
}

static void reap(struct supervisor *supervisor)
{
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        uint32_t slot_index = 0;
        if (pid == supervisor->keeper.storer) {
            keeper_bury(&supervisor->keeper, status);
        } else if (key_keeper_has(&supervisor->key_keeper, pid)) {
            key_keeper_bury(&supervisor->key_keeper, pid, status);
        } else if (pid == supervisor->ship_keeper.shipper) {
            ship_keeper_bury(&supervisor->ship_keeper, status);
        } else if (handler_book_find(&supervisor->admission.handlers, pid, &slot_index)) {
            reserve_forget(&supervisor->reserve, pid);
            bury_handler(supervisor, pid, slot_index, status);
        } else if (reserve_bury(&supervisor->reserve, pid, status)) {
            count_end(supervisor, status);
        }
    }
}

/* Reaps, and replaces a storer, a keyholder or a shipper that has died. */
static void look_after_children(struct supervisor *supervisor)
{
    if (signals_take_child_news()) {
        reap(supervisor);
    }
    keeper_replace(&supervisor->keeper, false);
    key_keeper_replace(&supervisor->key_keeper);
    ship_keeper_replace(&supervisor->ship_keeper);
}

/* ---------------------------------------------------------------- sleep ---- */

/*
 * Sleeps in ppoll with our signals let in, and returns what it returned. If ppoll fails, it lets
 * the signals in for a pause instead, so that the server can still be stopped. All of the
 * supervisor's loops come by here, so here it tells the service manager that it goes round.
 */
static int await_event(struct supervisor *supervisor, struct pollfd *poll, nfds_t watched,
                       const struct timespec *timeout)
{
    int result = ppoll(poll, watched, timeout, signals_sleep_mask());
    if (result < 0 && errno != EINTR) {
        const struct timespec pause = clock_interval(OUT_OF_RESOURCES_PAUSE_MS);
        log_error(LOG_WAIT_FAILED, "result: fail | error: ppoll: %s", strerror(errno));
        signals_unblock();
        nanosleep(&pause, NULL);
        signals_block();
    }
    reporting_go_round(&supervisor->reporting);
    return result;
}

static void pause_for(struct supervisor *supervisor, int64_t pause_ms)
{
    struct timespec pause = clock_interval(pause_ms);
    heartbeat_beat(&counters(supervisor)->beat_at_ms); /* a standby does not take over meanwhile */
    await_event(supervisor, NULL, 0, &pause);
}

/* -------------------------------------------------------------- refusals ---- */

static void log_suppressed(uint64_t suppressed)
{
    if (suppressed > 0) {
        log_warning(LOG_REFUSALS_SUPPRESSED, "result: fail | suppressed: %" PRIu64, suppressed);
    }
}

/* True when one more line about a connection that was not accepted may be written. */
static bool may_log_refusal(struct supervisor *supervisor)
{
    return log_limit_admits(&supervisor->refusals, clock_monotonic_ms());
}

/* -------------------------------------------------------------- handlers ---- */

/* Returns the pid of one that waits, which has the connection now, or of one that is forked for it. */
static pid_t find_handler(struct supervisor *supervisor, const struct hand_over *what,
                          uint64_t origin)
{
    const struct process_errand errand = {.descriptor = what->socket,
                                          .supervisors = PROCESS_NO_DESCRIPTOR,
                                          .slot_index = what->slot_index,
                                          .from_balancer = what->from_balancer};
    pid_t pid = reserve_give(&supervisor->reserve, *what, origin);
    return pid > 0 ? pid : process_fork(&supervisor->heritage, PROCESS_HANDLER, &errand);
}

/* Finds a handler for the connection of a peer that has this address in the book. */
static void start_handler(struct supervisor *supervisor, int socket,
                          const struct listener_peer *peer, uint32_t address)
{
    struct handler_book *handlers = &supervisor->admission.handlers;
    uint32_t slot_index = handler_book_take_slot(handlers);
    struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
    const struct hand_over what = {
        .socket = socket,
        .slot_index = slot_index,
        .from_balancer = address_set_has(&supervisor->heritage.config.balancers, peer->host)};
    slot_set_up(&supervisor->heritage.segment, slot_index, peer->text);
    const uint64_t number = atomic_load(&counters(supervisor)->connections_accepted) + 1;
    atomic_store(&slot->connection, number);
    pid_t pid = find_handler(supervisor, &what, peer->origin);
    close(socket);
    if (pid < 0) {
        int error = errno;
        if (may_log_refusal(supervisor)) {
            log_error(LOG_HANDLER_NOT_FORKED, "result: fail | ip: %s | error: fork: %s%s",
                      peer->text, strerror(error), process_explain_fork(error));
        }
        slot_release(slot);
        handler_book_give_back(handlers, slot_index);
        pause_for(supervisor, OUT_OF_RESOURCES_PAUSE_MS);
        return;
    }
    handler_book_note(handlers, slot_index, pid, address);
    atomic_store(&slot->pid, pid);
    count(&counters(supervisor)->connections_accepted);
    tell_open(supervisor);
    log_info(LOG_CONNECTION_ACCEPTED, "result: success | ip: %s | pid: %d | connection: %" PRIu64,
             peer->text, (int)pid, number);
}

/* Logs why accept failed. A connection that was gone before it could be accepted is no failure. */
static void explain_accept_error(struct supervisor *supervisor)
{
    int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK || error == ECONNABORTED || error == EINTR) {
        return;
    }
    if (may_log_refusal(supervisor)) {
        log_error(LOG_ACCEPT_FAILED, "result: fail | error: %s", strerror(error));
    }
    pause_for(supervisor, OUT_OF_RESOURCES_PAUSE_MS);
}

/* Logs that a stranger was asked to leave, because somebody else needed its place. */
static void log_eviction(struct supervisor *supervisor, uint32_t slot_index)
{
    if (slot_index != ADDRESS_NONE && may_log_refusal(supervisor)) {
        const struct slot *slot = &supervisor->heritage.segment.slots[slot_index];
        log_warning(LOG_CONNECTION_EVICTED,
                    "result: success | ip: %s | connection: %" PRIu64 " | reason: it has not said "
                    "who it is, and %s are reached",
                    slot->peer, atomic_load(&slot->connection), refusal_key(REFUSAL_EVICTED));
    }
}

/* Lets in a connection that was accepted, or closes it. */
static void admit(struct supervisor *supervisor, int socket, const struct listener_peer *peer)
{
    const struct admission_verdict verdict =
        admission_judge(&supervisor->admission, &supervisor->heritage.segment, socket, peer);
    log_eviction(supervisor, verdict.evicted_slot);
    if (verdict.admitted) {
        start_handler(supervisor, socket, peer, verdict.address);
        return;
    }
    if (may_log_refusal(supervisor)) {
        log_warning(LOG_CONNECTION_REFUSED, "result: fail | ip: %s | reason: more than %s",
                    peer->text, refusal_key(verdict.reason));
    }
    count(&counters(supervisor)->connections_refused);
    close(socket);
}

/* Accepts those who wait at one address, at most ACCEPTS_A_ROUND of them. */
static void accept_at(struct supervisor *supervisor, int listener)
{
    for (int i = 0; i < ACCEPTS_A_ROUND &&
                    admission_has_room(&supervisor->admission, &supervisor->heritage.segment);
         i++) {
        struct listener_peer peer;
        int socket = listener_accept(listener, &peer);
        if (socket < 0) {
            explain_accept_error(supervisor);
            return;
        }
        admit(supervisor, socket, &peer);
    }
}

/* Accepts at each address in turn. The limit at each leaves time for the others. */
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
    int events = await_event(supervisor, polls, watched, &timeout);
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

/*
 * Ends all waiting at once: what waits for the engine is not acknowledged by this server any more, and
 * its agencies ask the one that writes now.
 */
static void fence(struct supervisor *supervisor)
{
    enum ship_verdict verdict = ship_keeper_verdict(&supervisor->ship_keeper);
    note_end(supervisor, verdict == SHIP_STRANGER ? SUPERVISOR_STRANGER : SUPERVISOR_FENCED);
    wait_halt(&supervisor->heritage.segment);
    /* Who connects is to ask the node that writes now, and not to wait here for the next start. */
    service_manager_forget(supervisor->heritage.manager, LISTEN_FDS_KEPT_NAME);
    if (verdict == SHIP_STRANGER) {
        log_critical(
            LOG_PRIMARY_STRANGER,
            "result: fail | reason: the log of centre %s is another "
            "lottery's (the line before says whose): this server takes no more bets. If it "
            "was to be the standby, start it with --follow and an empty data.directory; if "
            "it is a lottery of its own, name another replication.centre",
            supervisor->heritage.config.replication_centre);
        return;
    }
    log_critical(LOG_PRIMARY_DEPOSED,
                 "result: fail | reason: %s: this server takes no more bets, and "
                 "acknowledges none; unless the shipper's line before says otherwise, start it as "
                 "a standby (lottery-server --follow), which moves what was never acknowledged "
                 "aside",
                 verdict == SHIP_BEHIND ? "the log of the centre has more than this disk"
                                        : "another node has claimed the log of the centre");
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
        look_after_children(supervisor);
        take_returned(supervisor);
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
        accept_connections(supervisor, polls + POLL_LISTENERS);
        if (!is_complete(supervisor)) {
            reserve_yield(&supervisor->reserve);
        } else if (is_quiet) {
            reserve_fill(&supervisor->reserve);
        }
        log_suppressed(log_limit_take_suppressed(&supervisor->refusals, clock_monotonic_ms()));
    }
    if (supervisor->ownership.state == OWNERSHIP_LOST) {
        note_end(supervisor, SUPERVISOR_LOST_WHAT_IT_OWNS);
    } else if (supervisor->keeper.state == KEEPER_GIVEN_UP) {
        note_end(supervisor, SUPERVISOR_COULD_NOT_GO_ON);
    } else if (ship_keeper_verdict(&supervisor->ship_keeper) != SHIP_GOES_ON) {
        fence(supervisor);
    }
    log_suppressed(log_limit_take_rest(&supervisor->refusals));
}

/* -------------------------------------------------------------- shutdown ---- */

/*
 * Ends those that wait, and sends SIGTERM to all other handlers, again and again, until none is
 * left. One SIGTERM is not enough: a handler that was about to sleep at the gate when it came is
 * reached only by the next one. After the time limit it is SIGKILL, and the result false.
 */
static bool stop_handlers(struct supervisor *supervisor)
{
    uint64_t limit_ms = supervisor->heritage.config.timeout_shutdown_ms;
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)limit_ms;
    const struct handler_book *book = &supervisor->admission.handlers;
    uint32_t handlers = handler_book_alive(book);
    bool forced = false;
    reserve_end(&supervisor->reserve);
    while (handler_book_alive(book) > 0 || !reserve_is_empty(&supervisor->reserve)) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        handler_book_signal(book, forced ? SIGKILL : SIGTERM);
        pause_for(supervisor, REPEAT_SIGTERM_MS);
        look_after_children(supervisor);
    }
    log_info(LOG_HANDLERS_STOPPED, "result: %s | handlers: %u", forced ? "fail" : "success",
             handlers);
    return !forced;
}

/*
 * Stops the keyholder, which nobody needs after the last handler. It ends at once; after the time
 * limit it is SIGKILL, and the result false.
 */
static bool stop_keyholder(struct supervisor *supervisor)
{
    struct key_keeper *keeper = &supervisor->key_keeper;
    int64_t deadline_ms =
        clock_monotonic_ms() + (int64_t)supervisor->heritage.config.timeout_shutdown_ms;
    bool forced = false;
    key_keeper_expect_end(keeper);
    while (key_keeper_has_keyholder(keeper)) {
        if (clock_monotonic_ms() >= deadline_ms) {
            forced = true;
        }
        key_keeper_signal(keeper, forced ? SIGKILL : SIGTERM);
        pause_for(supervisor, REPEAT_SIGTERM_MS);
        signals_take_child_news();
        reap(supervisor);
    }
    return !forced;
}

/* Returns how the server would end by this: SUPERVISOR_STOPPED_AS_ASKED if the storer ended well. */
static enum supervisor_end stop_storer(struct supervisor *supervisor)
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
        kill(keeper->storer, forced ? SIGKILL : SIGTERM);
        pause_for(supervisor, REPEAT_SIGTERM_MS);
        signals_take_child_news();
        reap(supervisor);
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
static void stop_shipper(struct supervisor *supervisor)
{
    struct ship_keeper *keeper = &supervisor->ship_keeper;
    const struct shared_positions *positions = &supervisor->heritage.segment.shared->positions;
    int64_t deadline_ms = clock_monotonic_ms() + SHIPPER_LEAVES_MS +
                          (int64_t)supervisor->heritage.config.timeout_shutdown_ms;
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
        pause_for(supervisor, REPEAT_SIGTERM_MS);
        signals_take_child_news();
        reap(supervisor);
    }
    const bool has_all = replica_is_complete(&supervisor->heritage.segment);
    const char *reason =
        " | reason: the engine does not have all of it yet; the next start of this "
        "server copies the rest";
    if (ship_keeper_verdict(keeper) != SHIP_GOES_ON) {
        reason = " | reason: this node may not append to the log any more";
    }
    log_write(has_all ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              has_all ? LOG_SHIPPER_WAS_STOPPED : LOG_SHIPPER_LEFT_BEHIND,
              "result: %s | durable: %" PRIu64 " | replicated: %" PRIu64 "%-s",
              has_all ? "success" : "fail", atomic_load(&positions->durable),
              atomic_load(&positions->replicated), has_all ? "" : reason);
}

/* True where another process has the sockets, and waits for the end of this server. */
static bool is_replaced(const struct supervisor *supervisor)
{
    return supervisor->successor.state == SUCCESSOR_GOES;
}

/*
 * Stops in the order that loses nothing: listeners, handlers, keyholder, storer, shipper. For a
 * successor the listeners stay open; nobody accepts.
 */
static void shut_down(struct supervisor *supervisor)
{
    struct heritage *heritage = &supervisor->heritage;
    char reason[SIGNALS_REQUEST_BYTES] = "the server can't go on";
    if (supervisor->end == SUPERVISOR_LOST_WHAT_IT_OWNS) {
        snprintf(reason, sizeof reason, "what the server owns has been taken away");
    } else if (is_replaced(supervisor)) {
        snprintf(reason, sizeof reason, "replaced by pid %d", (int)supervisor->successor.pid);
    } else if (supervisor->end == SUPERVISOR_STOPPED_AS_ASKED) {
        signals_describe_request(reason);
    }
    log_info(LOG_SHUTDOWN_BEGUN, "result: in_progress | reason: %s", reason);
    segment_publish(&heritage->segment, SHARED_STOPPING);
    if (is_replaced(supervisor)) {
        service_manager_rests_watchdog(heritage->manager); /* the service does not stop */
    } else {
        reporting_stop(&supervisor->reporting);
        if (heritage->manager->keeps) { /* for who waits until the next start */
            listeners_set_backlog(&heritage->listeners, LISTENER_GAP_BACKLOG);
        }
        listeners_close(&heritage->listeners);
        log_info(LOG_LISTENER_CLOSED, "result: success");
    }
    bool stopped = stop_handlers(supervisor);
    if (!stop_keyholder(supervisor) || !stopped) {
        note_end(supervisor, SUPERVISOR_HAD_TO_KILL);
    }
    keeper_replace(&supervisor->keeper, true); /* what is left in the ring needs a storer */
    note_end(supervisor, stop_storer(supervisor));
    stop_shipper(supervisor);
}

/* --------------------------------------------------------------- opening ---- */

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
        pause_for(supervisor, REPEAT_SIGTERM_MS);
        signals_take_child_news();
        reap(supervisor);
    }
    stop_shipper(supervisor);
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
static bool turn_over(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    bool committed = false;
    segment_publish(&heritage->segment, SHARED_STARTING);
    reporting_start(&supervisor->reporting);
    (void)stop_handlers(supervisor);
    (void)stop_keyholder(supervisor);
    keeper_replace(&supervisor->keeper, true); /* what is left in the ring needs a storer */
    enum supervisor_end end = stop_storer(supervisor);
    if (supervisor->keeper.state == KEEPER_GIVEN_UP) {
        note_end(supervisor, end);
        return failure_set(failure, "there is no storer: see the log");
    }
    bool opened = false;
    if (supervisor->keeper.state != KEEPER_DRAINED) {
        stop_shipper(supervisor);
        (void)failure_set(failure, "the storer did not end in timeouts.shutdown: the current draw "
                                   "goes on");
    } else if (begin_in_log(supervisor, failure)) {
        opened = operator_open_next(&supervisor->desk, heritage, &committed, failure);
        committed = committed || server_config_replicates(&heritage->config);
    }
    if (!opened) {
        operator_answer_open(&supervisor->desk, heritage, failure);
        if (ship_keeper_verdict(&supervisor->ship_keeper) != SHIP_GOES_ON) {
            fence(supervisor);
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
static bool start_draw(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    if (!recovery_run(heritage, failure) || !key_keeper_start(&supervisor->key_keeper, failure)) {
        return false;
    }
    if (!keeper_start(&supervisor->keeper)) {
        return failure_set(failure, "the storer did not start");
    }
    ship_keeper_replace(&supervisor->ship_keeper); /* the storer has said what is durable */
    ownership_begin(&supervisor->ownership, heritage);
    announce_ready(heritage);
    reporting_serve(&supervisor->reporting);
    operator_answer_open(&supervisor->desk, heritage, NULL);
    return true;
}

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

/* Makes what a start of the current draw needs, after everything was stopped. False with the failure. */
static bool resume(struct supervisor *supervisor, struct failure *failure)
{
    struct heritage *heritage = &supervisor->heritage;
    log_warning(LOG_REPLACE_RESUMED,
                "result: fail | pid: %d | reason: it has gone before this server "
                "had given up its directory: this server serves again",
                (int)supervisor->successor.pid);
    successor_dismiss(&supervisor->successor);
    supervisor->end = SUPERVISOR_STOPPED_AS_ASKED;
    supervisor->keeper = (struct keeper){.heritage = heritage};
    supervisor->key_keeper = (struct key_keeper){.heritage = heritage, .may_be_late = true};
    supervisor->ship_keeper = (struct ship_keeper){.heritage = heritage};
    reporting_start(&supervisor->reporting);
    return heritage_renew(heritage, failure);
}

/*
 * Lives from recovery to the end of the shutdown. If a draw could not start, `failure` says why. An
 * operator whose request comes too late is told so.
 */
static void live(struct supervisor *supervisor, struct failure *failure)
{
    const struct failure stopping = {.text = "the server is stopping: the draw stays as it is"};
    bool started = start_draw(supervisor, failure);
    while (started) {
        serve(supervisor);
        if (is_to_turn_over(supervisor)) {
            started = turn_over(supervisor, failure) && start_draw(supervisor, failure);
        } else if (is_replaced(supervisor)) {
            shut_down(supervisor);
            if (!is_to_resume(supervisor)) {
                return;
            }
            started = resume(supervisor, failure) && start_draw(supervisor, failure);
        } else {
            break;
        }
    }
    if (!started) {
        note_end(supervisor, SUPERVISOR_COULD_NOT_START);
    }
    operator_answer_promotion(&supervisor->desk, &supervisor->heritage,
                              started ? "the server is stopping: see its log" : failure->text);
    operator_answer_open(&supervisor->desk, &supervisor->heritage, started ? &stopping : failure);
    if (started || keeper_has_storer(&supervisor->keeper)) {
        shut_down(supervisor);
    } else {
        (void)stop_keyholder(supervisor);
    }
}

/* Says exactly what there is, where a server that was to replace another one could not start. */
static void log_nobody_serves(const struct predecessor *predecessor,
                              const struct server_config *config)
{
    if (predecessor != NULL) {
        log_critical(LOG_REPLACE_LEFT_NOBODY,
                     "result: fail | pid: %d | reason: that server has ended as at "
                     "any stop, and this one could not start: nobody listens now. All that was "
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
        note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
    } else {
        operator_take_promoter(&supervisor.desk, &supervisor.heritage, promoter);
        if (!process_confine_all(&supervisor.heritage, &failure)) {
            note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
        } else if (!admission_open(&supervisor.admission, config)) {
            failure_set(&failure, "no memory for limits.max_connections");
            note_end(&supervisor, SUPERVISOR_COULD_NOT_START);
        } else {
            reporting_open(&supervisor.reporting);
            reporting_start(&supervisor.reporting);
            live(&supervisor, &failure);
        }
        admission_close(&supervisor.admission);
        if (is_replaced(&supervisor)) {
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
             well && is_replaced(&supervisor) ? "replaced" : end_name(supervisor.end));
    return well                                  ? EXIT_SUCCESS
           : supervisor.end == SUPERVISOR_FENCED ? SUPERVISOR_EXIT_FENCED
                                                 : EXIT_FAILURE;
}
