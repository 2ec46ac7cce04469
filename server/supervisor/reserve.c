/*
 * reserve.c - see reserve.h.
 *
 * Those that were forked last get connections first: what they have touched is most likely to be in
 * the processor's caches.
 */
#include "server/supervisor/reserve.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/processes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { REPLACE_MS = 100, YIELD_MS = 10000 };

void reserve_open(struct reserve *reserve, struct heritage *heritage)
{
    *reserve = (struct reserve){.heritage = heritage};
    reserve->counts[RESERVE_NOBODY] = HERITAGE_RESERVE_MAX;
}

/* ---------------------------------------------------------------- places ---- */

static void set_state(struct reserve *reserve, unsigned i, enum reserve_state state)
{
    reserve->counts[reserve->places[i].state]--;
    reserve->counts[state]++;
    reserve->places[i].state = state;
    atomic_store_explicit(&reserve->heritage->segment.shared->supervisor.handlers_ahead,
                          reserve->counts[RESERVE_WAITING], memory_order_relaxed);
}

static void close_end(struct reserve *reserve, unsigned i)
{
    close(reserve->heritage->reserve_ends[i]);
    reserve->heritage->reserve_ends[i] = HERITAGE_NO_END;
}

/* The handler has ended, or is the reserve's no longer. */
static void leave(struct reserve *reserve, unsigned i)
{
    if (reserve->places[i].state != RESERVE_ENDING) {
        close_end(reserve, i);
    }
    set_state(reserve, i, RESERVE_NOBODY);
}

static void end_one(struct reserve *reserve, unsigned i)
{
    kill(reserve->places[i].pid, SIGKILL);
    close_end(reserve, i);
    set_state(reserve, i, RESERVE_ENDING);
}

/* Where this process is, or HERITAGE_RESERVE_MAX. */
static unsigned find(const struct reserve *reserve, pid_t pid)
{
    unsigned i = 0;
    while (i < HERITAGE_RESERVE_MAX &&
           (reserve->places[i].state == RESERVE_NOBODY || reserve->places[i].pid != pid)) {
        i++;
    }
    return i;
}

void reserve_renew(struct reserve *reserve)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        const struct reserve_place *place = &reserve->places[i];
        if (place->state == RESERVE_WAITING && place->issue != reserve->heritage->issue) {
            end_one(reserve, i);
        }
    }
}

void reserve_end(struct reserve *reserve)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        if (reserve->places[i].state == RESERVE_WAITING) {
            end_one(reserve, i);
        }
    }
}

void reserve_yield(struct reserve *reserve)
{
    reserve_end(reserve);
    reserve->replace_at_ms = clock_monotonic_ms() + YIELD_MS;
}

bool reserve_is_empty(const struct reserve *reserve)
{
    return reserve->counts[RESERVE_WAITING] == 0 && reserve->counts[RESERVE_ENDING] == 0;
}

bool reserve_bury(struct reserve *reserve, pid_t pid, int wait_status)
{
    unsigned i = find(reserve, pid);
    if (i == HERITAGE_RESERVE_MAX) {
        return false;
    }
    char end[PROCESS_END_BYTES];
    bool was_ended = reserve->places[i].state == RESERVE_ENDING;
    process_describe_end(wait_status, end);
    log_write(was_ended ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              was_ended ? LOG_SPARE_HANDLER_ENDED : LOG_SPARE_HANDLER_DIED,
              "result: %s | role: handler | pid: %d | ended_by: %s | reason: it was forked ahead, "
              "and had no connection",
              was_ended ? "success" : "fail", (int)pid, end);
    if (!was_ended) {
        reserve->replace_at_ms = clock_monotonic_ms() + REPLACE_MS;
    }
    leave(reserve, i);
    return !was_ended;
}

/* ---------------------------------------------------------------- giving ---- */

/* True when the handler in this place may get a connection of this origin. */
static bool fits(const struct reserve_place *place, uint64_t origin)
{
    return place->state == RESERVE_WAITING && (place->connections == 0 || place->origin == origin);
}

/*
 * The place of a handler for this origin, or HERITAGE_RESERVE_MAX: one that has served it rather
 * than a fresh one.
 */
static unsigned find_for(const struct reserve *reserve, uint64_t origin)
{
    unsigned found = HERITAGE_RESERVE_MAX;
    for (unsigned i = 0; reserve->counts[RESERVE_WAITING] > 0 && i < HERITAGE_RESERVE_MAX; i++) {
        const struct reserve_place *place = &reserve->places[i];
        if (fits(place, origin) && (found == HERITAGE_RESERVE_MAX || place->connections > 0 ||
                                    reserve->places[found].connections == 0)) {
            found = i;
        }
    }
    return found;
}

/* Ends one that waits for an address which has not come again, so that a fresh one may be forked. */
static void make_room(struct reserve *reserve)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        if (reserve->places[i].state == RESERVE_WAITING) {
            end_one(reserve, i);
            return;
        }
    }
}

pid_t reserve_give(struct reserve *reserve, struct hand_over what, uint64_t origin)
{
    const uint32_t connections_max = reserve->heritage->config.limit_connections_per_handler;
    for (unsigned i = 0; (i = find_for(reserve, origin)) < HERITAGE_RESERVE_MAX;) {
        struct reserve_place *place = &reserve->places[i];
        pid_t pid = place->pid;
        /* all connections of a balancer have its address, and are not of one peer */
        what.may_return = place->connections + 1 < connections_max && !what.from_balancer;
        if (place->issue != reserve->heritage->issue ||
            !hand_over_give(reserve->heritage->reserve_ends[i], &what)) {
            end_one(reserve, i);
        } else if (what.may_return) {
            place->connections++;
            place->origin = origin;
            set_state(reserve, i, RESERVE_SERVING);
            return pid;
        } else {
            leave(reserve, i);
            return pid;
        }
    }
    make_room(reserve);
    return 0;
}

/* ------------------------------------------------------------- returning ---- */

unsigned reserve_watch(const struct reserve *reserve, struct pollfd *polls)
{
    unsigned count = 0;
    for (unsigned i = 0; reserve->counts[RESERVE_SERVING] > 0 && i < HERITAGE_RESERVE_MAX; i++) {
        if (reserve->places[i].state == RESERVE_SERVING) {
            polls[count++] =
                (struct pollfd){.fd = reserve->heritage->reserve_ends[i], .events = POLLIN};
        }
    }
    return count;
}

pid_t reserve_next_returned(struct reserve *reserve)
{
    for (unsigned i = 0; reserve->counts[RESERVE_SERVING] > 0 && i < HERITAGE_RESERVE_MAX; i++) {
        if (reserve->places[i].state != RESERVE_SERVING) {
            continue;
        }
        switch (hand_over_look(reserve->heritage->reserve_ends[i])) {
        case HAND_OVER_RETURNED:
            return reserve->places[i].pid;
        case HAND_OVER_CLOSED:
            leave(reserve, i);
            break;
        case HAND_OVER_NOTHING:
            break;
        }
    }
    return 0;
}

void reserve_keep(struct reserve *reserve, pid_t pid)
{
    set_state(reserve, find(reserve, pid), RESERVE_WAITING);
}

void reserve_forget(struct reserve *reserve, pid_t pid)
{
    unsigned i = find(reserve, pid);
    if (i < HERITAGE_RESERVE_MAX && reserve->places[i].state == RESERVE_SERVING) {
        leave(reserve, i);
    }
}

/* --------------------------------------------------------------- filling ---- */

int64_t reserve_patience_ms(const struct reserve *reserve)
{
    const unsigned *counts = reserve->counts;
    if (counts[RESERVE_NOBODY] == 0 || counts[RESERVE_WAITING] + counts[RESERVE_ENDING] >=
                                           reserve->heritage->config.limit_handlers_ahead) {
        return -1;
    }
    int64_t left_ms = reserve->replace_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* A place that nobody has; one handler of the reserve is missing, so there is one. */
static unsigned free_place(const struct reserve *reserve)
{
    unsigned i = 0;
    while (reserve->places[i].state != RESERVE_NOBODY) {
        i++;
    }
    return i;
}

void reserve_fill(struct reserve *reserve)
{
    struct heritage *heritage = reserve->heritage;
    struct hand_over_pair pair;
    struct failure failure;
    if (reserve_patience_ms(reserve) != 0) {
        return;
    }
    /* Where it fails, a connection gets a process of its own, and says then what is wrong. */
    if (!hand_over_open(&pair, &failure)) {
        reserve_yield(reserve);
        return;
    }
    const struct process_errand errand = {
        .is_ahead = true, .descriptor = pair.take, .supervisors = pair.give};
    pid_t pid = process_fork(heritage, PROCESS_HANDLER, &errand);
    close(pair.take);
    if (pid < 0) {
        close(pair.give);
        reserve_yield(reserve);
        return;
    }
    unsigned i = free_place(reserve);
    reserve->replace_at_ms = 0;
    reserve->places[i] = (struct reserve_place){.pid = pid, .issue = heritage->issue};
    heritage->reserve_ends[i] = pair.give;
    set_state(reserve, i, RESERVE_WAITING);
}
