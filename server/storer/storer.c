/*
 * storer.c - the life of the storer: it takes over, serves, drains and ends.
 *
 * Why it exists: one writer needs no locks on the files, and one fdatasync serves all agencies.
 *
 * What it promises: flush.h says when a bet is acknowledged, done_round.h when an agency is done,
 * sales.h when sales are closed, sealing.h when the draw is sealed, and holding.h when winners are
 * told. In one round of its loop bets come first, then DONEs, then a checkpoint, then whatever is
 * due of the end: closing, an operator's order, the seal, the draw.
 *
 * How it stops: SIGTERM. It goes on until no handler is left and the ring is empty, because
 * handlers wait for it. The supervisor sends SIGTERM to it after the last handler has ended. When
 * the supervisor has died, the kernel sends SIGTERM to all at once.
 *
 * If it dies: everything that it knows is in the segment and in the files. The next storer writes
 * [written, head) again, reads control and done.csv again, holds the draw again if control does not
 * say that it was held, and wakes everybody.
 */
#include "server/storer/storer.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/signals.h"
#include "server/storer/crew.h"
#include "server/storer/done_round.h"
#include "server/storer/flush.h"
#include "server/storer/holding.h"
#include "server/storer/long_work.h"
#include "server/storer/order_desk.h"
#include "server/storer/sales.h"
#include "server/storer/sealing.h"
#include "server/storer/storage.h"
#include "shm/agencies.h"
#include "shm/centres.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/replica.h"
#include "shm/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_LOOK_MS = 50 }; /* a handler that was killed does not tell that it is gone */

/* ------------------------------------------------------------- take over ---- */

/* Takes over from the storer before this one, if there was one. */
static bool take_over(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    sales_take_over(storage);
    if (!flush_inherited(storage) || !done_round_adopt(storage)) {
        return false;
    }
    if (storage->control.state == CONTROL_DRAWN && !holding_adopt_draw(storage)) {
        return false;
    }
    agencies_announce_done(&heritage->segment);
    quorum_set_gate(heritage);
    wake_everybody(&heritage->segment);
    return true;
}

/* The supervisor may have stopped waiting. Then it sends SIGTERM, and the write fails. */
static void tell_ready(int ready)
{
    log_info(LOG_STORER_STARTED, "result: success | pid: %d", (int)getpid());
    if (ready != PROCESS_NO_DESCRIPTOR) {
        if (write(ready, "", 1) != 1) {
            log_warning(LOG_STORER_NOT_TOLD, "result: fail | tell: %s", strerror(errno));
        }
        (void)close(ready);
    }
}

/* ----------------------------------------------------------------- serve ---- */

static bool are_bets_durable(const struct shared_positions *positions)
{
    return atomic_load(&positions->head) == atomic_load(&positions->durable);
}

/* True when something has to be written, or when the sync of another thread has failed. */
static bool has_unstored(const void *context)
{
    const struct shared *shared = context;
    return atomic_load(&shared->positions.head) != atomic_load(&shared->positions.written) ||
           atomic_load(&shared->storer.done_pending) != 0 ||
           atomic_load(&shared->storer.sync_failed) != 0;
}

/* What moves the end of a draw on, beside the clock. */
struct news {
    const struct segment *segment;
    uint64_t order_posted;
    uint32_t draw_state;
    bool is_copied; /* the engine has all, or nothing is copied */
    enum centre_state centres;
    uint64_t centre_answered; /* the order that the shipper has answered */
};

static struct news read_news(const struct segment *segment)
{
    const struct shared *shared = segment->shared;
    return (struct news){.segment = segment,
                         .order_posted = atomic_load(&shared->order.posted),
                         .draw_state = atomic_load(&shared->storer.draw_state),
                         .is_copied = replica_is_complete(segment),
                         .centres = centres_state(segment),
                         .centre_answered = atomic_load(&shared->centres.answered)};
}

/*
 * True when something has to be stored, or something else is known than when the round began: the
 * next one may go on with what this one had to leave, an operator's order for example.
 */
static bool has_work(const void *context)
{
    const struct news *seen = context;
    struct news now = read_news(seen->segment);
    return has_unstored(seen->segment->shared) || now.order_posted != seen->order_posted ||
           now.draw_state != seen->draw_state || now.is_copied != seen->is_copied ||
           now.centres != seen->centres || now.centre_answered != seen->centre_answered ||
           signals_terminate_requested();
}

/* What ends a draw, a step after the other: all of them in one round where nothing is waited for. */
static bool bring_to_its_end(struct storage *storage)
{
    if (!sales_look(storage) || !order_desk_look(storage) ||
        (sealing_is_due(storage) && !sealing_seal(storage)) ||
        (holding_is_due(storage) && !holding_hold_draw(storage))) {
        return false;
    }
    holding_tell_if_due(storage);
    return true;
}

/* While stopping: nobody is left who could append, and nothing is left to store. */
static bool is_drained(const struct heritage *heritage)
{
    struct gate_counts counts = {0};
    bool handlers_left = gate_read(heritage->gate_id, &counts) && counts.handlers > 0;
    return !handlers_left && are_bets_durable(&heritage->segment.shared->positions);
}

/* What is appended, done, due for a checkpoint, or due of the end. False when something fails. */
static bool store(struct crew_member *member)
{
    struct storage *storage = member->crew->storage;
    const struct segment *segment = storage->disk->segment;
    const struct shared_positions *positions = &segment->shared->positions;
    if (atomic_load(&positions->head) != atomic_load(&positions->written) && !crew_flush(member)) {
        return false;
    }
    if (!disk_is_trusted(storage->disk) || !done_round_store_asked(storage)) {
        return false;
    }
    if (storage_is_on_sale(storage) && checkpoints_are_due(&storage->checkpoints, segment) &&
        !storage_write_checkpoint(storage)) {
        return false;
    }
    return bring_to_its_end(storage);
}

/* While stopping: waits for the handlers, or writes the last checkpoint when nothing is left. */
static enum crew_work drain(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    if (!flush_settle(storage)) {
        return CREW_FAILED;
    }
    if (!is_drained(heritage)) {
        wait_for_work(&heritage->segment, has_unstored, heritage->segment.shared, DRAIN_LOOK_MS);
        return CREW_GOES_ON;
    }
    /* Of a draw whose sales are closed it has been written; this one may be abandoned. */
    return !storage_is_on_sale(storage) || storage_write_last_checkpoint(storage) ? CREW_DRAINED
                                                                                  : CREW_FAILED;
}

/* One round of the leader. */
static enum crew_work serve_round(struct crew_member *member)
{
    struct storage *storage = member->crew->storage;
    const struct heritage *heritage = storage->disk->heritage;
    struct shared *shared = heritage->segment.shared;
    const struct news seen = read_news(&heritage->segment);
    if (!crew_is_stuck(member->crew, HEARTBEAT_EVERY_MS)) {
        heartbeat_beat(&shared->storer.beat_at_ms);
    }
    quorum_tell_crowd(&storage->quorum, heritage);
    if (!store(member)) {
        return CREW_FAILED;
    }
    if (signals_terminate_requested()) {
        return drain(storage);
    }
    wait_for_work(&heritage->segment, has_work, &seen,
                  sales_patience_ms(storage, HEARTBEAT_EVERY_MS));
    return CREW_GOES_ON;
}

/* ------------------------------------------------------------------ life ---- */

/*
 * Opens the storage, takes it over, serves, and closes it. True when it has drained.
 *
 * A storer that was killed between a failed sync and its own end is replaced like any other. Its
 * successor must not go on: its own sync would succeed, without the pages that failed.
 */
static bool store_lottery(struct disk *disk, int ready)
{
    struct storage storage;
    struct failure failure;
    if (atomic_load(&disk->segment->shared->storer.sync_failed) != 0) {
        disk_distrust(disk, DISK_DISTRUSTED_BEFORE);
        log_critical(LOG_STORER_DISTRUSTS_DISK,
                     "result: fail | error: a sync failed, or a file was changed, and the storer "
                     "that found it died before it could stop the server");
        return false;
    }
    long_work_begin(disk->segment);
    agencies_recount_done(disk->segment); /* the storer before this one may have died at it */
    if (!storage_open(&storage, disk, &failure)) {
        log_critical(LOG_STORER_NOT_STARTED, "result: fail | error: %s", failure.text);
        return false;
    }
    bool drained = false;
    if (take_over(&storage)) {
        heartbeat_beat(&disk->segment->shared->storer.beat_at_ms); /* lottery-stat --ready */
        tell_ready(ready);
        drained = crew_serve(&storage, serve_round);
    }
    storage_close(&storage);
    return drained;
}

int storer_run(const struct heritage *heritage, const struct process_errand *errand)
{
    struct shared *shared = heritage->segment.shared;
    struct disk disk = {.heritage = heritage, .segment = &heritage->segment};
    atomic_store(&shared->storer.pid, (int32_t)getpid());
    fault_point("storer.born");
    signals_post_on_terminate(&shared->storer.wakeup);
    signals_unblock();
    bool drained = store_lottery(&disk, errand->descriptor);
    log_info(LOG_STORER_STOPPED, "result: %s | durable: %" PRIu64 " | disk: %s",
             drained ? "success" : "fail", atomic_load(&shared->positions.durable),
             disk_trust_name(disk.trust));
    if (drained) {
        return STORER_EXIT_DRAINED;
    }
    return disk.trust == DISK_TRUSTED ? STORER_EXIT_FAILED : STORER_EXIT_DISK_DISTRUSTED;
}
