/*
 * storer.c - the life of a byte: from the ring to the disk.
 *
 * Why it exists: one writer needs no locks on the files, and one fdatasync
 * serves all the agencies that appended since the last one (group commit).
 *
 * What it promises: `durable` is moved only after fdatasync has returned; an
 * agency's done is durable after all its bets are; the draw is held once, after the
 * last agency's done, and winners.csv is in place before the gate opens.
 *
 * How it stops: SIGTERM. It goes on until no handler is left and the ring is
 * empty, because handlers wait for it. The supervisor sends SIGTERM last; when
 * the supervisor has died the kernel sends it to all at once.
 *
 * If it dies: everything it knows is in the segment and in the files. The next
 * storer writes [written, head) again, reads done.csv again, holds the draw
 * again if winners.csv is not there, and wakes everybody.
 */
#include "server/storer.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/checkpoint.h"
#include "server/disk.h"
#include "server/done_file.h"
#include "server/draw.h"
#include "server/recovery.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/ring.h"
#include "shm/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    DRAIN_LOOK_MS = 50, /* a killed handler does not tell that it is gone */
    DONE_ROUND_MAX = 256,
    DONE_LINE_BYTES_MAX = 12 /* "4294967295\n" and a NUL */
};

struct storer {
    const struct heritage *heritage;
    struct segment segment;
    struct shared_storer *shared;
    struct disk disk;
    struct disk_file bets; /* bets.csv */
    struct done_file done;
    struct checkpoint checkpoint; /* taken, and waiting for its bytes to be durable */
    uint64_t checkpoint_end;      /* the next one is taken when bets.csv has reached this */
};

static void count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* ---------------------------------------------------------------- flush ---- */

static void note_sync_time(struct shared_storer *shared, uint64_t elapsed_ns)
{
    atomic_store_explicit(&shared->sync_last_ns, elapsed_ns, memory_order_relaxed);
    count(&shared->sync_total_ns, elapsed_ns);
    if (elapsed_ns > atomic_load_explicit(&shared->sync_worst_ns, memory_order_relaxed)) {
        atomic_store_explicit(&shared->sync_worst_ns, elapsed_ns, memory_order_relaxed);
    }
}

/*
 * The position that handlers wait for before they acknowledge. Who waits for space is woken
 * as far as there is some. Those who use it bring about the next flush, and that wakes
 * others; should they not have done so by the time that the sync has returned, everybody is.
 */
static void report(struct storer *storer, bool synced, uint64_t position)
{
    struct segment *segment = &storer->segment;
    if (synced) {
        ring_report_durable(segment, position);
        if (ring_room(segment) == segment->shared->identity.ring_bytes) {
            wake_waiters(segment, WAIT_FOR_SPACE, position);
        }
    } else {
        ring_report_written(segment, position);
        fault_point("storer.written");
        wake_for_space(segment, position, ring_room(segment));
    }
    if (synced == (storer->heritage->config.ack_after == ACK_AFTER_SYNCED)) {
        fault_point("storer.reported");
        wake_waiters(segment, WAIT_FOR_COMMIT, position);
    }
}

static void take_checkpoint(struct storer *storer)
{
    checkpoint_take(&storer->checkpoint, &storer->segment);
    storer->checkpoint_end = storer->checkpoint.position + CHECKPOINT_EVERY_BYTES;
}

/* A checkpoint is taken between two flushes, and written when its bytes are durable. */
static void keep_checkpoint(struct storer *storer, uint64_t durable)
{
    if (storer->checkpoint.image != NULL && durable >= storer->checkpoint.position) {
        checkpoint_write(&storer->checkpoint, &storer->heritage->directory,
                         storer->bets.descriptor);
    }
    if (storer->checkpoint.image == NULL && durable >= storer->checkpoint_end) {
        take_checkpoint(storer);
    }
}

/* Takes everything that has been appended to the disk: one pwrite, one fdatasync. */
static bool flush(struct storer *storer)
{
    struct ring_pending pending = ring_take_pending(&storer->segment);
    uint64_t end = pending.from + pending.count;
    if (end == atomic_load(&storer->segment.shared->positions.durable)) {
        return true;
    }
    disk_allocate_ahead(&storer->bets, end);
    fault_point("storer.before_write");
    if (!disk_write(&storer->disk, &storer->bets, storer->bets.descriptor, DATA_BETS_FILE,
                    pending.bytes, pending.count, pending.from)) {
        return false;
    }
    fault_point("storer.unreported");
    report(storer, false, end);
    int64_t began_ns = clock_monotonic_ns();
    if (!disk_sync(&storer->disk, storer->bets.descriptor, DATA_BETS_FILE)) {
        return false;
    }
    note_sync_time(storer->shared, (uint64_t)(clock_monotonic_ns() - began_ns));
    count(&storer->shared->flushes, 1);
    count(&storer->shared->flushed_bytes, pending.count);
    fault_point("storer.synced");
    report(storer, true, end);
    keep_checkpoint(storer, end);
    return true;
}

/* ----------------------------------------------------------------- done ---- */

static uint32_t agencies_missing(const struct storer *storer)
{
    uint64_t expected = storer->heritage->config.agencies_expected;
    uint64_t done = atomic_load(&storer->shared->agencies_done);
    return done >= expected ? 0 : (uint32_t)(expected - done);
}

/* The last one is taken off the gate only when the draw has been held. */
static void set_gate(const struct storer *storer)
{
    uint32_t missing = agencies_missing(storer);
    bool drawn = atomic_load(&storer->shared->drawn) != 0;
    gate_set_missing(storer->heritage->gate_id, drawn ? 0 : missing == 0 ? 1 : missing);
}

/* Agencies whose done is stored together: one write, one fdatasync. */
struct done_round {
    struct agency *agencies[DONE_ROUND_MAX];
    size_t count;
    char lines[DONE_ROUND_MAX * DONE_LINE_BYTES_MAX];
    size_t bytes;
};

static void gather_asked(const struct storer *storer, uint32_t *cursor, struct done_round *round)
{
    struct agency *agency = NULL;
    round->count = 0;
    round->bytes = 0;
    while (round->count < DONE_ROUND_MAX &&
           (agency = agencies_next_asked(&storer->segment, cursor)) != NULL) {
        round->agencies[round->count++] = agency;
        round->bytes +=
            (size_t)snprintf(round->lines + round->bytes, DONE_LINE_BYTES_MAX, "%u\n", agency->id);
    }
}

static void mark_done(struct storer *storer, const struct done_round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        agencies_set_done(&storer->segment, round->agencies[i]);
        log_info("action: agencia_terminada | result: success | agency: %u | cantidad: %llu | "
                 "faltan: %u",
                 round->agencies[i]->id, (unsigned long long)atomic_load(&round->agencies[i]->bets),
                 agencies_missing(storer));
    }
}

/* The agencies appended their last bets before they asked: flushing now makes all of those durable. */
static bool store_round(struct storer *storer, const struct done_round *round)
{
    if (!flush(storer)) {
        return false;
    }
    fault_point("done.before_write");
    if (!disk_write(&storer->disk, &storer->bets, storer->done.descriptor, DATA_DONE_FILE,
                    round->lines, round->bytes, storer->done.bytes)) {
        return false;
    }
    fault_point("done.written");
    if (!disk_sync(&storer->disk, storer->done.descriptor, DATA_DONE_FILE)) {
        return false;
    }
    storer->done.bytes += round->bytes;
    fault_point("done.synced");
    mark_done(storer, round);
    set_gate(storer);
    wake_waiters(&storer->segment, WAIT_FOR_DONE, UINT64_MAX);
    return true;
}

static bool store_done(struct storer *storer)
{
    if (!agencies_take_done_news(&storer->segment)) {
        return true;
    }
    struct done_round round;
    uint32_t cursor = 0;
    for (gather_asked(storer, &cursor, &round); round.count > 0;
         gather_asked(storer, &cursor, &round)) {
        if (!store_round(storer, &round)) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------- draw ---- */

static bool try_draw(struct storer *storer, const struct draw_stock *stored, uint64_t *winners)
{
    struct failure failure;
    const struct data_directory *directory = &storer->heritage->directory;
    uint32_t winning_number = (uint32_t)storer->heritage->config.winning_number;
    enum draw_end end = DRAW_FAILED;
    while ((end = draw_hold(directory, stored, winning_number, winners, &failure)) != DRAW_HELD) {
        if (end == DRAW_NOT_SYNCED) {
            disk_distrust(&storer->disk);
        }
        if (end == DRAW_DAMAGED) {
            storer->disk.lied = true;
        }
        if (storer->disk.lied || !disk_is_full(errno) || signals_terminate_requested()) {
            log_critical("action: sorteo | result: fail | error: %s", failure.text);
            return false;
        }
        disk_wait_for_room(&storer->disk, DATA_WINNERS_FILE);
        disk_release_allocated(&storer->bets);
    }
    disk_note_room(&storer->disk, DATA_WINNERS_FILE);
    return true;
}

static void log_draw(const struct storer *storer, uint64_t winners)
{
    log_info("action: sorteo | result: success | agencias: %llu | ganadores: %llu",
             (unsigned long long)atomic_load(&storer->shared->agencies_done),
             (unsigned long long)winners);
}

static void add_bets(void *context, const struct agency *agency)
{
    uint64_t *rows = context;
    *rows += atomic_load_explicit(&agency->bets, memory_order_relaxed);
}

static bool hold_draw_if_due(struct storer *storer)
{
    if (atomic_load(&storer->shared->drawn) != 0 || agencies_missing(storer) > 0) {
        return true;
    }
    int64_t began_ns = clock_monotonic_ns();
    struct draw_stock stored = {.bytes = agencies_close_for_draw(&storer->segment)};
    uint64_t winners = 0;
    (void)agencies_snapshot(&storer->segment, add_bets, &stored.rows);
    if (!flush(storer) || !try_draw(storer, &stored, &winners)) {
        return false;
    }
    atomic_store(&storer->shared->draw_ns, (uint64_t)(clock_monotonic_ns() - began_ns));
    atomic_store(&storer->shared->winners, winners);
    atomic_store(&storer->shared->drawn, 1);
    log_draw(storer, winners);
    fault_point("draw.before_gate");
    set_gate(storer);
    return true;
}

/* ----------------------------------------------------------------- life ---- */

/* An agency in done.csv whose storer died before it could say so. */
static void note_stored_done(void *context, uint32_t id)
{
    struct segment *segment = context;
    struct agency *agency = agencies_find(segment, id);
    if (agency != NULL && atomic_load(&agency->phase) != AGENCY_DONE) {
        agencies_set_done(segment, agency);
    }
}

/*
 * A storer that was killed between a failed sync and its own end is replaced like any other.
 * Its successor must not go on: its own sync would succeed, without the pages that failed.
 */
static bool is_disk_trusted(struct storer *storer)
{
    storer->disk.lied = atomic_load(&storer->shared->sync_failed) != 0;
    if (storer->disk.lied) {
        log_critical("action: storer_start | result: fail | error: a sync failed, and the storer "
                     "that it failed for died before it could stop the server");
    }
    return !storer->disk.lied;
}

static bool open_files(struct storer *storer)
{
    struct failure failure;
    storer->bets.descriptor =
        openat(storer->heritage->directory.descriptor, DATA_BETS_FILE, O_RDWR | O_CLOEXEC);
    if (storer->bets.descriptor < 0) {
        log_critical("action: storer_start | result: fail | error: open %s/%s: %s",
                     storer->heritage->directory.path, DATA_BETS_FILE, strerror(errno));
        return false;
    }
    enum done_open opened = done_file_open(&storer->heritage->directory, &storer->done,
                                           note_stored_done, &storer->segment, &failure);
    if (opened == DONE_NOT_SYNCED) {
        disk_distrust(&storer->disk);
    }
    if (opened != DONE_OPEN) {
        log_critical("action: storer_start | result: fail | error: %s", failure.text);
        return false;
    }
    return true;
}

static void close_files(struct storer *storer)
{
    checkpoint_drop(&storer->checkpoint);
    done_file_close(&storer->done);
    if (!storer->disk.lied) {
        disk_release_allocated(&storer->bets);
    }
    if (storer->bets.descriptor >= 0) {
        (void)close(storer->bets.descriptor);
    }
}

static bool has_unstored(const void *context)
{
    const struct storer *storer = context;
    const struct shared *shared = storer->segment.shared;
    return atomic_load(&shared->positions.head) != atomic_load(&shared->positions.durable) ||
           atomic_load(&shared->storer.done_pending) != 0;
}

static bool has_work(const void *context)
{
    return has_unstored(context) || signals_terminate_requested();
}

static bool work(struct storer *storer)
{
    return flush(storer) && store_done(storer) && hold_draw_if_due(storer);
}

/* While stopping: nobody is left who could append, and nothing is left to store. */
static bool is_drained(const struct storer *storer)
{
    struct gate_counts counts = {0};
    bool handlers_left = gate_read(storer->heritage->gate_id, &counts) && counts.handlers > 0;
    const struct shared *shared = storer->segment.shared;
    return !handlers_left &&
           atomic_load(&shared->positions.head) == atomic_load(&shared->positions.durable);
}

static int serve(struct storer *storer)
{
    for (;;) {
        heartbeat_beat(&storer->shared->beat_at_ms);
        if (!work(storer)) {
            return storer->disk.lied ? STORER_EXIT_DISK_LIED : STORER_EXIT_FAILED;
        }
        if (!signals_terminate_requested()) {
            storer_sleep(&storer->segment, has_work, storer, HEARTBEAT_EVERY_MS);
        } else if (is_drained(storer)) {
            take_checkpoint(storer);
            checkpoint_write(&storer->checkpoint, &storer->heritage->directory,
                             storer->bets.descriptor);
            return STORER_EXIT_DRAINED;
        } else {
            storer_sleep(&storer->segment, has_unstored, storer, DRAIN_LOOK_MS);
        }
    }
}

/* A draw that was held by a storer, or a server, before this one. */
static bool adopt_draw(struct storer *storer)
{
    struct failure failure;
    uint64_t winners = 0;
    enum draw_end end = draw_adopt(&storer->heritage->directory, &winners, &failure);
    if (end == DRAW_NOT_SYNCED) {
        disk_distrust(&storer->disk);
    }
    if (end != DRAW_HELD) {
        log_critical("action: sorteo | result: fail | error: %s", failure.text);
        return false;
    }
    const struct shared_supervisor *supervisor = &storer->segment.shared->supervisor;
    (void)agencies_close_for_draw(&storer->segment); /* a new segment does not know of it */
    atomic_store(&storer->shared->winners, winners);
    if (atomic_exchange(&storer->shared->drawn, 1) == 0 &&
        atomic_load(&supervisor->storer_deaths) > 0) {
        log_draw(storer, winners); /* the one that held it died before it could */
    }
    return true;
}

/*
 * What the storer before this one wrote and did not live to sync. It has left the
 * ring, so that as much again could be written behind it: synced before that,
 * never more than a ring's worth is at stake in a power loss (recovery.c).
 */
static bool sync_inherited(struct storer *storer)
{
    const struct shared_positions *positions = &storer->segment.shared->positions;
    uint64_t written = atomic_load(&positions->written);
    if (atomic_load(&positions->durable) == written) {
        return true;
    }
    if (!disk_sync(&storer->disk, storer->bets.descriptor, DATA_BETS_FILE)) {
        return false;
    }
    report(storer, true, written);
    return true;
}

static bool adopt_draw_if_held(struct storer *storer)
{
    bool held = false;
    if (!recovery_look_for_draw(&storer->heritage->directory, &held)) {
        log_critical("action: storer_start | result: fail | error: look for %s/%s: %s",
                     storer->heritage->directory.path, DATA_WINNERS_FILE, strerror(errno));
        return false;
    }
    return !held || adopt_draw(storer);
}

/* Takes over from the storer before this one, if there was one. */
static bool take_over(struct storer *storer)
{
    agencies_recount_done(&storer->segment);
    if (!sync_inherited(storer) || !adopt_draw_if_held(storer)) {
        return false;
    }
    atomic_store(&storer->shared->done_pending, 1);
    set_gate(storer);
    wake_everybody(&storer->segment);
    return true;
}

/* A supervisor that has stopped waiting meanwhile is going to say so by SIGTERM. */
static void tell_ready(int ready)
{
    log_info("action: storer_start | result: success | pid: %d", (int)getpid());
    if (ready >= 0) {
        if (write(ready, "", 1) != 1) {
            log_warning("action: storer_start | result: fail | tell: %s", strerror(errno));
        }
        (void)close(ready);
    }
}

int storer_run(const struct heritage *heritage, int ready)
{
    struct storer storer = {
        .heritage = heritage,
        .segment = heritage->segment,
        .shared = &heritage->segment.shared->storer,
        .disk = {.heritage = heritage, .segment = heritage->segment},
        .bets = {.name = DATA_BETS_FILE, .descriptor = -1},
        .done = {.descriptor = -1},
    };
    storer.checkpoint_end =
        atomic_load(&storer.segment.shared->positions.durable) + CHECKPOINT_EVERY_BYTES;
    signals_post_on_terminate(&storer.shared->wakeup);
    signals_unblock();
    int status = STORER_EXIT_FAILED;
    if (is_disk_trusted(&storer) && open_files(&storer) && take_over(&storer)) {
        tell_ready(ready);
        status = serve(&storer);
    } else if (storer.disk.lied) {
        status = STORER_EXIT_DISK_LIED;
    }
    close_files(&storer);
    log_info("action: storer_stop | result: %s | durable: %llu",
             status == STORER_EXIT_DRAINED ? "success" : "fail",
             (unsigned long long)atomic_load(&heritage->segment.shared->positions.durable));
    return status;
}
