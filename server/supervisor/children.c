/*
 * children.c - see children.h.
 */
#include "server/supervisor/children.h"

#include "lib/log.h"
#include "server/processes.h"
#include "server/signals.h"
#include "shm/slots.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

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
        " | messages: %" PRIu64 " | bets: %" PRIu64,
        well ? "success" : "fail", (int)pid, end, peer, via[0] == '\0' ? "" : " | via: ", via,
        atomic_load(&slot->connection), atomic_load(&slot->messages), atomic_load(&slot->bets));
    admission_bury(&supervisor->admission, &supervisor->heritage.segment, slot_index);
    slot_release(slot);
    supervisor_tell_open(supervisor);
}

static bool has_ended_well(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Counts how a handler has ended. */
static void count_end(struct supervisor *supervisor, int status)
{
    struct shared_supervisor *shared = supervisor_counters(supervisor);
    supervisor_count(has_ended_well(status)            ? &shared->handlers_exited
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
void children_take_returned(struct supervisor *supervisor)
{
    struct handler_book *handlers = &supervisor->admission.handlers;
    for (pid_t pid = 0; (pid = reserve_next_returned(&supervisor->reserve)) > 0;) {
        uint32_t slot_index = 0;
        bool is_known = handler_book_find(handlers, pid, &slot_index) &&
                        slot_is_identified(&supervisor->heritage.segment.slots[slot_index]);
        if (is_known) {
            settle_connection(supervisor, pid, slot_index, true, "the end of its connection");
            supervisor_count(&supervisor_counters(supervisor)->handlers_returned);
            reserve_keep(&supervisor->reserve, pid);
        } else {
            kill(pid, SIGKILL);
        }
    }
}

void children_reap(struct supervisor *supervisor)
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

void children_await_end(struct supervisor *supervisor)
{
    supervisor_pause(supervisor, SUPERVISOR_REPEAT_SIGTERM_MS);
    (void)signals_take_child_news();
    children_reap(supervisor);
}

/* Reaps, and replaces a storer, a keyholder or a shipper that has died. */
void children_look_after(struct supervisor *supervisor)
{
    if (signals_take_child_news()) {
        children_reap(supervisor);
    }
    keeper_replace(&supervisor->keeper, false);
    key_keeper_replace(&supervisor->key_keeper);
    ship_keeper_replace(&supervisor->ship_keeper);
}
