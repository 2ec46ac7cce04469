/*
 * flush.c - see flush.h.
 */
#include "server/storer/flush.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/ring.h"
#include "shm/waiting.h"
#include "store/file_io.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { REWRITE_BYTES = 64 * 1024 };

/* Wakes the handlers that wait for an acknowledgement, if `moved` is the position they wait for. */
static void wake_if_safe(const struct heritage *heritage, const _Atomic uint64_t *moved,
                         uint64_t position)
{
    if (heritage_safe_position(heritage) == moved) {
        fault_point("storer.reported");
        wake_waiters(&heritage->segment, WAIT_FOR_COMMIT, position);
    }
}

/*
 * Tells the handlers how far bets.csv is written. Of those that wait for space it wakes as many as
 * there is room for. Their bytes cause the next flush, and that one wakes others.
 */
static void report_written(const struct heritage *heritage, uint64_t position)
{
    const struct segment *segment = &heritage->segment;
    ring_report_written(segment, position);
    fault_point("storer.written");
    wake_for_space(segment, position, ring_room(segment));
    wake_if_safe(heritage, &segment->shared->positions.written, position);
}

/*
 * Tells the handlers how far bets.csv is durable. If the ring is empty, those that report_written
 * woke have appended nothing, and no flush is coming that would wake the others. Then it wakes all
 * that wait for space.
 */
static void report_durable(const struct heritage *heritage, uint64_t position)
{
    const struct segment *segment = &heritage->segment;
    ring_report_durable(segment, position);
    if (ring_room(segment) == segment->shared->identity.ring_bytes) {
        wake_waiters(segment, WAIT_FOR_SPACE, position);
    }
    wake_shipper(segment);
    wake_if_safe(heritage, &segment->shared->positions.durable, position);
}

static void count_sync(struct shared_storer *shared, uint64_t sync_ns)
{
    uint64_t worst_ns = atomic_load_explicit(&shared->sync_worst_ns, memory_order_relaxed);
    while (sync_ns > worst_ns &&
           !atomic_compare_exchange_weak_explicit(&shared->sync_worst_ns, &worst_ns, sync_ns,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    atomic_store_explicit(&shared->sync_last_ns, sync_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->sync_total_ns, sync_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->flushes, 1, memory_order_relaxed);
}

/* Makes what is written durable: the positions up to *end. The look finds what was done meanwhile. */
static bool sync_written(const struct storage *storage, const struct disk_file *bets, uint64_t *end,
                         uint64_t *sync_ns)
{
    struct disk *disk = storage->disk;
    struct shared *shared = disk->segment->shared;
    if (!disk_is_trusted(disk)) {
        return false;
    }
    *end = atomic_load(&shared->positions.written);
    int64_t began_ns = clock_monotonic_ns();
    if (!disk_sync(disk, bets)) {
        return false;
    }
    *sync_ns = (uint64_t)(clock_monotonic_ns() - began_ns);
    count_sync(&shared->storer, *sync_ns);
    return disk_is_in_place(disk, bets, *end) && disk_is_trusted(disk);
}

bool flush_sync(const struct storage *storage, const struct disk_file *bets, uint64_t *sync_ns)
{
    uint64_t end = 0;
    if (!sync_written(storage, bets, &end, sync_ns)) {
        return false;
    }
    fault_point("storer.synced");
    report_durable(storage->disk->heritage, end);
    return true;
}

bool flush_settle(struct storage *storage)
{
    const struct shared_positions *positions = &storage->disk->segment->shared->positions;
    uint64_t end = 0;
    uint64_t sync_ns = 0;
    if (atomic_load(&positions->durable) == atomic_load(&positions->written)) {
        return true;
    }
    if (!sync_written(storage, &storage->bets, &end, &sync_ns) ||
        !storage_note_begun(storage, end)) {
        return false;
    }
    fault_point("storer.synced");
    report_durable(storage->disk->heritage, end);
    return true;
}

/*
 * Writes [from, end) of bets.csv once more, as the page cache has it. A storer that was killed while
 * fdatasync ran has taken the error of a failed write-back with it: the kernel takes those pages for
 * clean, and a sync by itself would succeed without them.
 */
static bool rewrite_inherited(struct storage *storage, uint64_t from, uint64_t end)
{
    struct disk *disk = storage->disk;
    char bytes[REWRITE_BYTES];
    while (from < end) {
        size_t wanted = end - from < REWRITE_BYTES ? (size_t)(end - from) : REWRITE_BYTES;
        ssize_t count = file_read_up_to(storage->bets.descriptor, bytes, wanted, from);
        if (count <= 0) {
            log_critical(LOG_STORER_TAIL_UNREADABLE,
                         "result: fail | file: %s/" DATA_BETS_FILE " | position: %" PRIu64
                         " | read what was written last: %s",
                         disk->heritage->directory.path, from,
                         count == 0 ? "the file is shorter" : strerror(errno));
            return false;
        }
        if (!disk_write(disk, &storage->bets, bytes, (size_t)count, from)) {
            return false;
        }
        from += (uint64_t)count;
    }
    return true;
}

bool flush_inherited(struct storage *storage)
{
    const struct shared_positions *positions = &storage->disk->segment->shared->positions;
    uint64_t durable = atomic_load(&positions->durable);
    uint64_t written = atomic_load(&positions->written);
    return durable == written ||
           (storage_has_bets(storage, written) && rewrite_inherited(storage, durable, written) &&
            flush_settle(storage));
}

/*
 * The look before the write finds a file that was cut since the last flush: the write would fill
 * the hole with zeros, and the look after the sync would find nothing. With ack_after: written no
 * other look comes before the acknowledgement.
 */
bool flush_write(struct storage *storage, uint64_t *bytes)
{
    struct disk *disk = storage->disk;
    struct shared *shared = disk->segment->shared;
    struct ring_pending pending = ring_take_pending(disk->segment);
    uint64_t end = pending.from + pending.count;
    *bytes = pending.count;
    if (!storage_has_bets(storage, pending.from)) {
        return false;
    }
    if (pending.count == 0) {
        return true;
    }
    if (end - atomic_load(&shared->positions.durable) > shared->identity.ring_bytes &&
        !flush_settle(storage)) {
        return false;
    }
    disk_allocate_ahead(&storage->bets, end);
    fault_point("storer.before_write");
    if (!disk_write(disk, &storage->bets, pending.bytes, pending.count, pending.from)) {
        return false;
    }
    atomic_fetch_add_explicit(&shared->storer.flushed_bytes, pending.count, memory_order_relaxed);
    fault_point("storer.unreported");
    report_written(disk->heritage, end);
    return true;
}

bool flush_appended(struct storage *storage)
{
    uint64_t bytes = 0;
    return flush_write(storage, &bytes) && flush_settle(storage);
}
