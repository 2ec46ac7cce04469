/*
 * disk.c - see disk.h.
 */
#include "server/storer/disk.h"

#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "server/signals.h"
#include "shm/replica.h"
#include "shm/waiting.h"
#include "store/file_io.h"
#include "store/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What one pwrite takes. The page cache takes memory in pieces as large as a write, up to a huge page.
 * Free memory in whole huge pages is what a virtual machine has given back to its host, and each
 * page of it costs a fault there: a write of 8 MiB took 17 ms, and in portions of 256 KiB 0.9 ms. In
 * portions of this, what five agencies send with 64 batches in flight is written at once.
 */
enum { PORTION_BYTES = 1024 * 1024 };

enum { RETRY_MS = 200 };

#define ALLOCATE_BYTES (UINT64_C(64) * 1024 * 1024)

/* ---------------------------------------------------------------- trust ---- */

const char *disk_trust_name(enum disk_trust trust)
{
    static const char *const names[] = {
        [DISK_TRUSTED] = "trusted",
        [DISK_SYNC_FAILED] = "sync_failed",
        [DISK_FILE_CHANGED] = "file_changed",
        [DISK_DAMAGED] = "damaged",
        [DISK_DISTRUSTED_BEFORE] = "distrusted_before",
    };
    return names[trust];
}

void disk_distrust(struct disk *disk, enum disk_trust reason)
{
    atomic_store(&disk->segment->shared->storer.sync_failed, 1);
    enum disk_trust trusted = DISK_TRUSTED;
    (void)atomic_compare_exchange_strong(&disk->trust, &trusted, reason);
}

bool disk_is_trusted(const struct disk *disk)
{
    return atomic_load(&disk->trust) == DISK_TRUSTED;
}

/* ----------------------------------------------------------------- room ---- */

void disk_allocate_ahead(struct disk_file *file, uint64_t end)
{
    if (end > file->allocated) {
        file->allocated = end + ALLOCATE_BYTES;
        (void)fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)end, (off_t)ALLOCATE_BYTES);
    }
}

/* ftruncate to the size that the file has frees the blocks after its end. */
void disk_release_allocated(struct disk_file *file)
{
    struct stat status;
    if (file->descriptor < 0 || file->allocated == 0 || file->allocated == DISK_ALLOCATE_NEVER) {
        return;
    }
    if (fstat(file->descriptor, &status) != 0 || ftruncate(file->descriptor, status.st_size) != 0) {
        log_warning(LOG_STORE_BLOCKS_KEPT, "result: fail | file: %s | error: release blocks: %s",
                    file->name, strerror(errno));
    }
    file->allocated = DISK_ALLOCATE_NEVER;
}

bool disk_may_wait_for_room(const struct disk *disk, int error)
{
    return file_is_disk_full(error) && disk_is_trusted(disk) && !signals_terminate_requested();
}

static bool is_stopping(const void *context)
{
    (void)context;
    return signals_terminate_requested();
}

void disk_wait_for_room(struct disk *disk, const char *name)
{
    struct shared_storer *shared = &disk->segment->shared->storer;
    int error = errno;
    if (atomic_load(&shared->retry_errno) == 0) {
        log_critical(LOG_STORE_DISK_FULL,
                     "result: in_progress | file: %s/%s | error: %s | waiting: for room, nothing "
                     "is acknowledged meanwhile",
                     disk->heritage->directory.path, name, strerror(error));
    }
    atomic_store(&shared->retry_errno, error);
    atomic_fetch_add_explicit(&shared->write_retries, 1, memory_order_relaxed);
    wait_for_work(disk->segment, is_stopping, NULL, RETRY_MS);
    if (disk->ahead != NULL) {
        disk_release_allocated(disk->ahead);
    }
}

void disk_note_room(struct disk *disk, const char *name)
{
    struct shared_storer *shared = &disk->segment->shared->storer;
    if (atomic_load(&shared->retry_errno) != 0) {
        atomic_store(&shared->retry_errno, 0);
        log_warning(LOG_STORE_HAS_ROOM_AGAIN,
                    "result: success | file: %s/%s | room: there is again",
                    disk->heritage->directory.path, name);
    }
}

/* -------------------------------------------------------------- writing ---- */

bool disk_write(struct disk *disk, const struct disk_file *file, const char *bytes, size_t count,
                uint64_t position)
{
    while (count > 0) {
        size_t portion = count < PORTION_BYTES ? count : PORTION_BYTES;
        ssize_t written = pwrite(file->descriptor, bytes, portion, (off_t)position);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
            position += (uint64_t)written;
            disk_note_room(disk, file->name);
        } else if (written < 0 && disk_may_wait_for_room(disk, errno)) {
            disk_wait_for_room(disk, file->name);
        } else if (written < 0 && errno != EINTR) {
            log_critical(LOG_STORE_WRITE_FAILED,
                         "result: fail | file: %s/%s | position: %" PRIu64 " | error: %s%s",
                         disk->heritage->directory.path, file->name, position, strerror(errno),
                         file_size_limit_hint(errno));
            return false;
        }
    }
    return true;
}

bool disk_sync(struct disk *disk, const struct disk_file *file)
{
    if (file_sync_data(file->descriptor)) {
        return true;
    }
    disk_distrust(disk, DISK_SYNC_FAILED);
    log_critical(LOG_STORE_SYNC_FAILED,
                 "result: fail | file: %s/%s | fdatasync: %s | stopping: what is in memory can't "
                 "be trusted any more",
                 disk->heritage->directory.path, file->name, strerror(errno));
    return false;
}

/* -------------------------------------------------------------- identity ---- */

bool disk_identify(struct disk_file *file)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0) {
        return false;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return true;
}

static bool fail_as_changed(struct disk *disk, const struct disk_file *file, const char *found)
{
    disk_distrust(disk, DISK_FILE_CHANGED);
    log_critical(LOG_STORE_FILE_CHANGED,
                 "result: fail | file: %s/%s | found: %s | stopping: somebody changed the data "
                 "directory of a running server, and nothing more is "
                 "acknowledged; put the file back, or restore all files from one backup",
                 disk->heritage->directory.path, file->name, found);
    return false;
}

bool disk_is_in_place(struct disk *disk, const struct disk_file *file, uint64_t bytes)
{
    int directory = disk->heritage->directory.descriptor;
    struct stat named;
    if (fstatat(directory, file->name, &named, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail_as_changed(disk, file,
                               errno == ENOENT ? "it was removed or moved away" : strerror(errno));
    }
    if (named.st_dev != file->device || named.st_ino != file->inode) {
        return fail_as_changed(disk, file, "another file stands there");
    }
    return (uint64_t)named.st_size >= bytes ||
           fail_as_changed(disk, file, "it was cut: it is shorter than what was written");
}

/* ----------------------------------------------------------- whole files ---- */

/* What became of a try to replace a file. errno says why it failed. */
struct attempt {
    bool written, synced;
    struct failure failure;
};

/* True when, after this try, there is nothing left to do or nothing that can be done. */
static bool is_last_attempt(struct disk *disk, const char *name, const struct attempt *attempt)
{
    if (attempt->written) {
        disk_note_room(disk, name);
        return true;
    }
    if (!attempt->synced) {
        disk_distrust(disk, DISK_SYNC_FAILED);
    }
    if (!attempt->synced || !disk_may_wait_for_room(disk, errno)) {
        log_critical(LOG_STORE_SMALL_FILE_FAILED, "result: fail | error: %s",
                     attempt->failure.text);
        return true;
    }
    disk_wait_for_room(disk, name);
    return false;
}

bool disk_write_control(struct disk *disk, const struct control *control)
{
    struct attempt attempt;
    do {
        attempt.written =
            control_write(&disk->heritage->directory, control, &attempt.synced, &attempt.failure);
    } while (!is_last_attempt(disk, DATA_CONTROL_FILE, &attempt));
    if (attempt.written) {
        replica_note_file(disk->segment);
    }
    return attempt.written;
}

bool disk_write_whole(struct disk *disk, const char *name, const void *bytes, size_t count)
{
    struct attempt attempt;
    do {
        attempt.written = whole_file_write(&disk->heritage->directory, name, bytes, count,
                                           &attempt.synced, &attempt.failure);
    } while (!is_last_attempt(disk, name, &attempt));
    if (attempt.written) {
        replica_note_file(disk->segment);
    }
    return attempt.written;
}
