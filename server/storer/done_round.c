/*
 * done_round.c - see done_round.h.
 */
#include "server/storer/done_round.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/storer/flush.h"
#include "shm/agencies.h"
#include "shm/replica.h"
#include "shm/waiting.h"

#include <inttypes.h>

enum { DONE_ROUND_MAX = 256 };

struct done_round {
    struct agency *agencies[DONE_ROUND_MAX];
    size_t count;
};

/* Takes the next agencies that have asked. False when there are none. */
static bool gather(struct done_round *round, const struct segment *segment, uint32_t *cursor)
{
    struct agency *agency = NULL;
    round->count = 0;
    while (round->count < DONE_ROUND_MAX &&
           (agency = agencies_next_asked(segment, cursor)) != NULL) {
        round->agencies[round->count++] = agency;
    }
    return round->count > 0;
}

/*
 * Appends the agencies' lines to done.csv, durably, and has control say so. Their bets are durable.
 * Nothing is appended for an agency that has asked, so its counts are final.
 */
static bool store_lines(struct storage *storage, const struct done_round *round)
{
    struct disk *disk = storage->disk;
    const struct disk_file *file = &storage->done_csv;
    char lines[DONE_ROUND_MAX * DONE_LINE_BYTES_MAX];
    size_t bytes = 0;
    for (size_t i = 0; i < round->count; i++) {
        const struct agency *agency = round->agencies[i];
        const struct done_line line = {
            .agency = agency->id,
            .bets = atomic_load(&agency->bets),
            .position = atomic_load(&disk->segment->shared->positions.durable),
            .checksum = atomic_load(&agency->checksum),
        };
        bytes += done_file_write_line(lines + bytes, &line);
    }
    uint64_t end = storage->done.bytes + bytes;
    if (!disk_is_in_place(disk, file, storage->done.bytes)) {
        return false;
    }
    fault_point("done.before_write");
    if (!disk_write(disk, file, lines, bytes, storage->done.bytes)) {
        return false;
    }
    fault_point("done.written");
    if (!disk_sync(disk, file) || !disk_is_in_place(disk, file, end)) {
        return false;
    }
    storage->done.bytes = end;
    replica_note_done(disk->segment, end);
    fault_point("done.synced");
    return storage_note_done(storage);
}

/* The log has it before any handler can see it, and so before the agency is answered. */
static void tell_and_mark_done(const struct heritage *heritage, struct agency *agency)
{
    uint64_t missing = quorum_missing(heritage);
    const struct slot *asker = agencies_done_asker(&heritage->segment, agency);
    log_info(LOG_AGENCY_DONE,
             "result: success | agency: %u | cantidad: %" PRIu64 " | faltan: %" PRIu64
             " | pid: %d | ip: %s",
             agency->id, atomic_load(&agency->bets), missing > 0 ? missing - 1 : 0,
             asker == NULL ? 0 : (int)atomic_load(&asker->pid),
             asker == NULL ? "gone" : asker->peer);
    agencies_set_done(&heritage->segment, agency);
}

/* Sales are closed, and done.csv with them: what these agencies have is final without a line. */
static void close_out_asked(const struct segment *segment)
{
    struct agency *agency = NULL;
    uint32_t cursor = 0;
    while ((agency = agencies_next_asked(segment, &cursor)) != NULL) {
        agencies_set_closed_out(agency);
    }
    wake_waiters(segment, WAIT_FOR_DONE, UINT64_MAX);
}

bool done_round_store_asked(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    const struct segment *segment = &heritage->segment;
    struct done_round round;
    uint32_t cursor = 0;
    if (!agencies_take_done_news(segment)) {
        return true;
    }
    if (!storage_is_on_sale(storage)) {
        close_out_asked(segment);
        return true;
    }
    while (gather(&round, segment, &cursor)) {
        /* They appended their last bets before they asked: this flush takes all of those. */
        if (!flush_appended(storage) || !store_lines(storage, &round)) {
            return false;
        }
        for (size_t i = 0; i < round.count; i++) {
            tell_and_mark_done(heritage, round.agencies[i]);
        }
        quorum_set_gate(heritage);
        wake_waiters(segment, WAIT_FOR_DONE, UINT64_MAX);
        checkpoints_hurry(&storage->checkpoints);
    }
    return true;
}

bool done_round_adopt(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    if (storage->done.bytes > storage->control.done_bytes && !storage_note_done(storage)) {
        return false;
    }
    for (size_t i = 0; i < storage->done.count; i++) {
        struct agency *agency = agencies_find(&heritage->segment, storage->done.lines[i].agency);
        if (agency != NULL && atomic_load(&agency->phase) != AGENCY_DONE) {
            tell_and_mark_done(heritage, agency);
        }
    }
    return true;
}
