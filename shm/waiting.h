/*
 * waiting.h - how handlers, the storer and the shipper sleep, and how they wake each other.
 *
 * All waiting is level-triggered. A waiter sets its flag, looks at the condition, sleeps,
 * and looks again. A waker changes the condition and then looks for flags. Both use
 * sequentially consistent operations, so at least one of the two sees what the other has
 * stored (Dekker's algorithm), and no wake-up is lost. A token too many costs a second look
 * and nothing else.
 *
 * If the storer dies after it has cleared a waiter's bit and before it has posted, the waiter
 * sleeps on; so the next storer wakes everybody once. So does the next shipper, which wakes who waits
 * for the engine. A handler that wakes the storer only posts and clears nothing, so its death loses
 * nothing. A storer that dies before it has woken the shipper is replaced, and the next one wakes
 * it; until then each handler that waits does, before it sleeps.
 *
 * Called by handlers, the storer, the shipper and the supervisor, as the headings say.
 */
#ifndef SHM_WAITING_H
#define SHM_WAITING_H

#include "shm/layout.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* ------------------------------------------------------------ by handlers */

/*
 * Sleeps until *position >= target and returns true; or returns false when nobody will move the
 * position any more: the supervisor has called wait_halt, or both the supervisor and the process that
 * moves it, storer or shipper, are dead. Signals do not end the wait. `slot_index` is the caller's own slot. The caller must
 * not hold the lock.
 */
bool wait_until(const struct segment *segment, uint32_t slot_index, enum wait_kind kind,
                const _Atomic uint64_t *position, uint64_t target);

/*
 * Wakes the storer if it sleeps. Called after the work that it has to find was stored. Any
 * process of the server may call it, and so may a signal handler.
 */
void wake_storer(const struct segment *segment);

/* The same for the shipper, after there is something to be copied. Where there is none, nothing. */
void wake_shipper(const struct segment *segment);

/* ------------------------------------------------ by the storer, and the shipper */

/*
 * Wakes every handler that waits for this kind and for a position up to `reached`. Called
 * after that position was stored.
 */
void wake_waiters(const struct segment *segment, enum wait_kind kind, uint64_t reached);

/*
 * Wakes as many of the handlers that wait for space, and for a position up to `reached`, as
 * `room` bytes suffice for, less what earlier rounds have promised to handlers that have not
 * appended yet; at least one if there is any left. Each round begins after the slot that the last
 * round woke last, so every handler gets its turn. The others sleep on: they would find the ring
 * full again. So the caller wakes them all, by wake_waiters, before it stops making room. While any
 * of them sleep, space_is_scarce makes those who come stand in line, too (ring_append).
 */
void wake_for_space(const struct segment *segment, uint64_t reached, uint64_t room);

/*
 * Wakes every handler, whatever it waits for. Called by a new storer and by a new shipper, because
 * the one before it may have cleared a waiter's bit and died before it posted; and by wait_halt.
 */
void wake_everybody(const struct segment *segment);

/*
 * Sleeps until wake_storer is called, a signal arrives, or `timeout_ms` milliseconds have
 * passed (below 0: no limit). Returns at once if `has_work(context)`, which is called after
 * the storer has said that it sleeps, returns true.
 */
void wait_for_work(const struct segment *segment, bool (*has_work)(const void *context),
                   const void *context, int64_t timeout_ms);

/* The same for the shipper, until wake_shipper is called. */
void wait_for_shipment(const struct segment *segment, bool (*has_work)(const void *context),
                       const void *context, int64_t timeout_ms);

/* -------------------------------------------------------- by the supervisor */

/* Makes the storer's semaphore an empty one, for a new storer. There must be no storer. */
void wait_set_up_storer(const struct segment *segment);

/* The same for a new shipper. */
void wait_set_up_shipper(const struct segment *segment);

/* Makes every wait_until return false, now and later. Called when no storer will be started. */
void wait_halt(const struct segment *segment);

#endif
