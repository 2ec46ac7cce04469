/*
 * waiting.h - how handlers and the storer sleep, and how they wake each other.
 *
 * All waiting is level-triggered: say that you are about to sleep, look at the
 * condition, sleep, look again. A waiter says so before it looks, a waker
 * changes the condition before it looks for waiters, both with sequentially
 * consistent operations, so one of the two sees the other (Dekker). A token
 * too many costs a second look and nothing else.
 *
 * Who may die: a waker between taking a waiter's bit and posting. That is the
 * storer, and the one that replaces it wakes everybody once. A handler never
 * takes anything from the storer: it only posts.
 */
#ifndef SHM_WAITING_H
#define SHM_WAITING_H

#include "shm/layout.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* ------------------------------------------------------------ by handlers */

/*
 * Sleeps until *position >= target. Returns false when the server has been
 * halted instead (no storer will ever come back). Signals do not end it.
 * `slot_index` is the caller's own slot. Must not be called holding a lock.
 */
bool wait_until(const struct segment *segment, uint32_t slot_index, enum wait_kind kind,
                const _Atomic uint64_t *position, uint64_t target);

/* Wakes the storer if it sleeps. Any process may call; async-signal-safe. */
void wake_storer(const struct segment *segment);

/* ----------------------------------------------------------- by the storer */

/* Wakes every handler that waits for this kind and for a position up to `reached`. */
void wake_waiters(const struct segment *segment, enum wait_kind kind, uint64_t reached);

/*
 * Wakes those who wait for space, in turn, until what they want has used up `room`
 * bytes; at least one, if there is any room. In a ring that is full again at once
 * all the others would only run to find that, and the same ones first each time.
 * Whoever was left out needs another round: the caller wakes them all, by
 * wake_waiters, before it stops making room.
 */
void wake_for_space(const struct segment *segment, uint64_t reached, uint64_t room);

/*
 * Wakes every handler, whatever it waits for: the storer before this one may
 * have taken a waiter's bit and died before it posted.
 */
void wake_everybody(const struct segment *segment);

/*
 * Sleeps until wake_storer is called, unless `has_work(context)` says that
 * there is something to do. `timeout_ms` below 0 means no limit. Ends early when a
 * signal arrives.
 */
void wait_for_work(const struct segment *segment, bool (*has_work)(const void *context),
                   const void *context, int64_t timeout_ms);

/* -------------------------------------------------------- by the supervisor */

/* Sets the storer's semaphore up for a new storer. There must be no storer. */
void wait_set_up_storer(const struct segment *segment);

/* Ends all waiting, now and later, with false: the storer is gone for good. */
void wait_halt(const struct segment *segment);

#endif
