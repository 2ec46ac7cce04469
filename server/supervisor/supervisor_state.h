/*
 * supervisor_state.h - what the rooms of the supervisor share: its state, its sleep, and how it ends.
 *
 * Why it exists: the first process accepts, buries, stops and starts draws, each in a room of its own
 * (accepting.h, children.h, stopping.h, turnover.h), of which supervisor.c is the loop. All of them
 * look at one state, and none may sleep otherwise than here, where the service manager is told that
 * the process goes round.
 *
 * Called by the supervisor's rooms alone. If the process dies, supervisor.c says what happens.
 */
#ifndef SERVER_SUPERVISOR_SUPERVISOR_STATE_H
#define SERVER_SUPERVISOR_SUPERVISOR_STATE_H

#include "lib/log_limit.h"
#include "server/config_reload.h"
#include "server/heritage.h"
#include "server/supervisor/admission.h"
#include "server/supervisor/keeper.h"
#include "server/supervisor/key_keeper.h"
#include "server/supervisor/operator.h"
#include "server/supervisor/ownership.h"
#include "server/supervisor/reporting.h"
#include "server/supervisor/reserve.h"
#include "server/supervisor/ship_keeper.h"
#include "server/supervisor/successor.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum {
    SUPERVISOR_SHORT_OF_ROOM_MS = 100, /* the pause where a process or a descriptor can't be had */
    SUPERVISOR_REPEAT_SIGTERM_MS = 100 /* between two signals to those that are to end */
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

/* The end's name, as the log has it. */
const char *supervisor_end_name(enum supervisor_end end);

/* Notes how the server ends. The first reason is kept, because the others follow from it. */
void supervisor_note_end(struct supervisor *supervisor, enum supervisor_end end);

/* Adds one to a counter of the shared memory, and those counters. */
void supervisor_count(_Atomic uint64_t *counter);
struct shared_supervisor *supervisor_counters(struct supervisor *supervisor);

/* Says in the segment how many connections are open. */
void supervisor_tell_open(struct supervisor *supervisor);

/* True where another process has the sockets, and waits for the end of this server. */
bool supervisor_is_replaced(const struct supervisor *supervisor);

/*
 * This node may not write the centre's log any more: notes that end, says it in the log, and ends all
 * waiting. What waits for the engine is never acknowledged by this server.
 */
void supervisor_fence(struct supervisor *supervisor);

/*
 * Sleeps in ppoll(2) with our signals let in, and returns what it returned; the service manager is told
 * of the round.
 */
int supervisor_await_event(struct supervisor *supervisor, struct pollfd *poll, nfds_t watched,
                           const struct timespec *timeout);

/* The same for a time, in ms, with nothing to wait for but signals. */
void supervisor_pause(struct supervisor *supervisor, int64_t pause_ms);

#endif
