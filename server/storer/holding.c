/*
 * holding.c - see holding.h.
 */
#include "server/storer/holding.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/signals.h"
#include "server/storer/flush.h"
#include "shm/agencies.h"
#include "store/draw.h"

#include <inttypes.h>
#include <string.h>

/*
 * Makes winners.csv, waiting for room where the disk is full. False, and the log says why, where it
 * can't be made, or the server is stopping.
 */
static bool make_winners(struct storage *storage, const struct draw_stock *stored,
                         struct draw_record *record)
{
    struct disk *disk = storage->disk;
    struct failure failure;
    for (;;) { /* until there is room */
        switch (draw_hold(&disk->heritage->directory, stored, storage->control.terms.winning_number,
                          signals_terminate_requested, record, &failure)) {
        case DRAW_HELD:
            disk_note_room(disk, DATA_WINNERS_FILE);
            return true;
        case DRAW_INTERRUPTED:
            log_info("action: sorteo | result: in_progress | reason: %s", failure.text);
            return false;
        case DRAW_NO_ROOM:
            if (!signals_terminate_requested()) {
                disk_wait_for_room(disk, DATA_WINNERS_FILE);
                continue;
            }
            break;
        case DRAW_NOT_SYNCED:
            disk_distrust(disk, DISK_SYNC_FAILED);
            break;
        case DRAW_DAMAGED:
            disk_distrust(disk, DISK_DAMAGED);
            break;
        case DRAW_FAILED:
        case DRAW_MISSING:
            break;
        }
        log_critical("action: sorteo | result: fail | error: %s", failure.text);
        return false;
    }
}

/* A storer that is stopping may end well without winners.csv: the next start makes it. */
static bool may_leave_to_next_start(const struct storage *storage)
{
    return signals_terminate_requested() && storage->disk->trust == DISK_TRUSTED;
}

/* The log has the draw before any handler can see it, and so before any agency is told winners. */
static void tell_draw(const struct storage *storage)
{
    log_info("action: sorteo | result: success | agencias: %" PRIu64 " | ganadores: %" PRIu64
             " | numero: %" PRIu32 " | apuestas: %" PRIu64,
             atomic_load(&storage->disk->segment->shared->storer.agencies_done),
             storage->control.draw.winners, storage->control.terms.winning_number,
             storage->control.draw.bets);
}

/* From here on the winners are told. */
static void show_draw(const struct storage *storage)
{
    struct shared_storer *shared = &storage->disk->segment->shared->storer;
    const struct draw_record *draw = &storage->control.draw;
    atomic_store(&shared->winners, draw->winners);
    atomic_store(&shared->winners_bytes, draw->winners_bytes);
    atomic_store(&shared->winners_checksum, draw->winners_file_checksum);
    atomic_store(&shared->drawn, 1);
}

/* ------------------------------------------------------------------ held ---- */

bool holding_is_due(struct storage *storage)
{
    return atomic_load(&storage->disk->segment->shared->storer.drawn) == 0 &&
           !signals_terminate_requested() &&
           quorum_is_complete(&storage->quorum, storage->disk->heritage);
}

static void add_bets(void *context, const struct agency *agency)
{
    uint64_t *rows = context;
    *rows += atomic_load_explicit(&agency->bets, memory_order_relaxed);
}

bool holding_hold_draw(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    const struct segment *segment = &heritage->segment;
    int64_t began_ns = clock_monotonic_ns();
    struct draw_stock stored = {.bytes = agencies_close_for_draw(segment)};
    stored.checksum = agencies_snapshot(segment, add_bets, &stored.rows).checksum;
    quorum_tell_cut_off(heritage);
    struct draw_record record;
    if (!flush_appended(storage)) {
        return false;
    }
    if (!make_winners(storage, &stored, &record)) {
        return may_leave_to_next_start(storage);
    }
    if (!storage_note_draw(storage, &record)) {
        return false;
    }
    fault_point("draw.noted");
    atomic_store(&segment->shared->storer.draw_ns, (uint64_t)(clock_monotonic_ns() - began_ns));
    tell_draw(storage);
    show_draw(storage);
    fault_point("draw.before_gate");
    quorum_set_gate(heritage);
    return true;
}

/* --------------------------------------------------------------- adopted ---- */

/* winners.csv was taken away: the draw's own record says what it has to be again. */
static bool restore_winners(struct storage *storage)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    const struct draw_record *held = &storage->control.draw;
    const struct draw_stock stored = {
        .bytes = held->bytes, .rows = held->bets, .checksum = held->checksum};
    struct draw_record again;
    if (!make_winners(storage, &stored, &again)) {
        return false;
    }
    if (memcmp(&again, held, sizeof again) != 0) {
        disk_distrust(storage->disk, DISK_DAMAGED);
        log_critical("action: sorteo | result: fail | error: the winners in %s are others than "
                     "those of the draw that was held: restore all files from one backup",
                     directory->path);
        return false;
    }
    log_warning("action: sorteo | result: success | file: %s/" DATA_WINNERS_FILE
                " | reason: it was missing, and has been made again as the draw gave it",
                directory->path);
    return true;
}

bool holding_adopt_draw(struct storage *storage)
{
    const struct segment *segment = storage->disk->segment;
    const struct shared *shared = segment->shared;
    struct failure failure;
    (void)agencies_close_for_draw(segment); /* a new segment does not know of it */
    enum draw_end end =
        draw_check(&storage->disk->heritage->directory, &storage->control.draw, &failure);
    if (end == DRAW_MISSING) {
        if (!restore_winners(storage)) {
            return may_leave_to_next_start(storage);
        }
    } else if (end != DRAW_HELD) {
        if (end == DRAW_DAMAGED) {
            disk_distrust(storage->disk, DISK_DAMAGED);
        }
        log_critical("action: sorteo | result: fail | error: %s", failure.text);
        return false;
    }
    if (atomic_load(&shared->storer.drawn) == 0 &&
        atomic_load(&shared->supervisor.storer_deaths) > 0) {
        tell_draw(storage); /* the one that held it died before it could, or just after */
    }
    show_draw(storage);
    return true;
}
