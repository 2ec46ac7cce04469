/*
 * accepting.c - see accepting.h.
 */
#include "server/supervisor/accepting.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/hand_over.h"
#include "server/processes.h"
#include "shm/refusals.h"
#include "shm/slots.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Before children are looked after again. */
enum { ACCEPTS_A_ROUND = 64 };

void accepting_log_suppressed(uint64_t suppressed)
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
    const uint64_t number = atomic_load(&supervisor_counters(supervisor)->connections_accepted) + 1;
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
        supervisor_pause(supervisor, SUPERVISOR_SHORT_OF_ROOM_MS);
        return;
    }
    handler_book_note(handlers, slot_index, pid, address);
    atomic_store(&slot->pid, pid);
    supervisor_count(&supervisor_counters(supervisor)->connections_accepted);
    supervisor_tell_open(supervisor);
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
    supervisor_pause(supervisor, SUPERVISOR_SHORT_OF_ROOM_MS);
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
    supervisor_count(&supervisor_counters(supervisor)->connections_refused);
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
void accepting_at_all(struct supervisor *supervisor, const struct pollfd polls[LISTENERS_MAX])
{
    for (size_t i = 0; i < supervisor->heritage.listeners.count; i++) {
        if (polls[i].revents != 0) {
            accept_at(supervisor, polls[i].fd);
        }
    }
}
