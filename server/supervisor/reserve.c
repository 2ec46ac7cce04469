/*
 * reserve.c - see reserve.h.
 *
 * The last one that was forked is the first one to get a connection: what it has touched is most
 * likely to be in the processor's caches.
 */
#include "server/supervisor/reserve.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/processes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { REPLACE_MS = 100 };

static void tell(const struct reserve *reserve)
{
    const struct segment *segment = &reserve->heritage->segment;
    atomic_store_explicit(&segment->shared->supervisor.handlers_ahead, reserve->waiting,
                          memory_order_relaxed);
}

void reserve_open(struct reserve *reserve, struct heritage *heritage)
{
    *reserve = (struct reserve){.heritage = heritage};
}

/* ------------------------------------------------------------------ ends ---- */

static void close_end(struct reserve *reserve, unsigned i)
{
    close(reserve->heritage->reserve_ends[i]);
    reserve->heritage->reserve_ends[i] = HERITAGE_NO_END;
}

/* True when the handler in this place can get a connection. */
static bool waits(const struct reserve *reserve, unsigned i)
{
    return reserve->places[i].pid != 0 && !reserve->places[i].is_ending;
}

static void end_one(struct reserve *reserve, unsigned i)
{
    kill(reserve->places[i].pid, SIGKILL);
    reserve->places[i].is_ending = true;
    reserve->waiting--;
    reserve->ending++;
    close_end(reserve, i);
}

void reserve_renew(struct reserve *reserve)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        if (waits(reserve, i) && reserve->places[i].issue != reserve->heritage->issue) {
            end_one(reserve, i);
        }
    }
    tell(reserve);
}

void reserve_end(struct reserve *reserve)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        if (waits(reserve, i)) {
            end_one(reserve, i);
        }
    }
    tell(reserve);
}

bool reserve_is_empty(const struct reserve *reserve)
{
    return reserve->waiting == 0 && reserve->ending == 0;
}

bool reserve_bury(struct reserve *reserve, pid_t pid, int wait_status)
{
    for (unsigned i = 0; i < HERITAGE_RESERVE_MAX; i++) {
        struct reserve_place *place = &reserve->places[i];
        if (place->pid != pid) {
            continue;
        }
        char end[PROCESS_END_BYTES];
        process_describe_end(wait_status, end);
        log_write(place->is_ending ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                  "action: reap | result: %s | role: handler | pid: %d | ended_by: %s | reason: it "
                  "was forked ahead, and had no connection yet",
                  place->is_ending ? "success" : "fail", (int)pid, end);
        if (place->is_ending) {
            reserve->ending--;
        } else {
            reserve->waiting--;
            reserve->replace_at_ms = clock_monotonic_ms() + REPLACE_MS;
            close_end(reserve, i);
        }
        *place = (struct reserve_place){.pid = 0};
        tell(reserve);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ life ---- */

/* The place of the youngest one that waits, or HERITAGE_RESERVE_MAX. */
static unsigned youngest(const struct reserve *reserve)
{
    unsigned last = HERITAGE_RESERVE_MAX;
    for (unsigned i = 0; reserve->waiting > 0 && i < HERITAGE_RESERVE_MAX; i++) {
        if (waits(reserve, i)) {
            last = i;
        }
    }
    return last;
}

pid_t reserve_give(struct reserve *reserve, const struct hand_over *what)
{
    for (unsigned i = 0; (i = youngest(reserve)) < HERITAGE_RESERVE_MAX;) {
        struct reserve_place *place = &reserve->places[i];
        if (place->issue == reserve->heritage->issue &&
            hand_over_give(reserve->heritage->reserve_ends[i], what)) {
            pid_t pid = place->pid;
            *place = (struct reserve_place){.pid = 0};
            reserve->waiting--;
            close_end(reserve, i);
            tell(reserve);
            return pid;
        }
        end_one(reserve, i);
    }
    tell(reserve);
    return 0;
}

int64_t reserve_patience_ms(const struct reserve *reserve)
{
    if (reserve->waiting + reserve->ending >= reserve->heritage->config.limit_handlers_ahead) {
        return -1;
    }
    int64_t left_ms = reserve->replace_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* A place that nobody has; one handler of the reserve is missing, so there is one. */
static unsigned free_place(const struct reserve *reserve)
{
    unsigned i = 0;
    while (reserve->places[i].pid != 0) {
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
    if (!hand_over_open(&pair, &failure)) {
        reserve->replace_at_ms = clock_monotonic_ms() + REPLACE_MS;
        return; /* a connection gets a process of its own, and says then what is wrong */
    }
    const struct process_errand errand = {
        .is_ahead = true, .descriptor = pair.take, .supervisors = pair.give};
    pid_t pid = process_fork(heritage, PROCESS_HANDLER, &errand);
    close(pair.take);
    if (pid < 0) {
        reserve->replace_at_ms = clock_monotonic_ms() + REPLACE_MS;
        close(pair.give);
        return;
    }
    unsigned i = free_place(reserve);
    reserve->places[i] = (struct reserve_place){.pid = pid, .issue = heritage->issue};
    heritage->reserve_ends[i] = pair.give;
    reserve->waiting++;
    tell(reserve);
}
