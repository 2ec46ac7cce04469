/*
 * disk.c - see disk.h.
 */
#include "server/storer/disk.h"

#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "server/signals.h"
#include "shm/waiting.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RETRY_MS = 200 };

#define ALLOCATE_BYTES (UINT64_C(64) * 1024 * 1024)

/* ----------------------------------------------------------------- room ---- */

bool disk_is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
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
        log_critical("action: store | result: in_progress | file: %s/%s | error: %s | "
                     "waiting: for room, nothing is acknowledged meanwhile",
                     disk->heritage->directory.path, name, strerror(error));
    }
    atomic_store(&shared->retry_errno, error);
    atomic_fetch_add_explicit(&shared->write_retries, 1, memory_order_relaxed);
    wait_for_work(disk->segment, is_stopping, NULL, RETRY_MS);
}

void disk_note_room(struct disk *disk, const char *name)
{
    struct shared_storer *shared = &disk->segment->shared->storer;
    if (atomic_load(&shared->retry_errno) != 0) {
        atomic_store(&shared->retry_errno, 0);
        log_warning("action: store | result: success | file: %s/%s | room: there is again",
                    disk->heritage->directory.path, name);
    }
}

void disk_allocate_ahead(struct disk_file *file, uint64_t end)
{
    if (end > file->allocated) {
        file->allocated = end + ALLOCATE_BYTES;
        (void)fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)end, (off_t)ALLOCATE_BYTES);
    }
}

/* Cutting a file at the size that it has frees the blocks behind it. */
void disk_release_allocated(struct disk_file *file)
{
    struct stat status;
    if (file->descriptor < 0 || file->allocated == 0 || file->allocated == DISK_ALLOCATE_NEVER) {
        return;
    }
    if (fstat(file->descriptor, &status) != 0 || ftruncate(file->descriptor, status.st_size) != 0) {
        log_warning("action: store | result: fail | file: %s | release blocks: %s", file->name,
                    strerror(errno));
    }
    file->allocated = DISK_ALLOCATE_NEVER;
}

/* -------------------------------------------------------------- writing ---- */

bool disk_write(struct disk *disk, struct disk_file *own, int descriptor, const char *name,
                const char *bytes, size_t count, uint64_t position)
{
    while (count > 0) {
        ssize_t written = pwrite(descriptor, bytes, count, (off_t)position);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
            position += (uint64_t)written;
            disk_note_room(disk, name);
        } else if (written < 0 && disk_is_full(errno) && !signals_terminate_requested()) {
            disk_wait_for_room(disk, name);
            disk_release_allocated(own);
        } else if (written < 0 && errno != EINTR) {
            log_critical("action: store | result: fail | file: %s/%s | position: %llu | error: "
                         "%s%s",
                         disk->heritage->directory.path, name, (unsigned long long)position,
                         strerror(errno), file_size_limit_hint(errno));
            return false;
        }
    }
    return true;
}

void disk_distrust(struct disk *disk)
{
    atomic_store(&disk->segment->shared->storer.sync_failed, 1);
    disk->lied = true;
}

bool disk_sync(struct disk *disk, int descriptor, const char *name)
{
    if (file_sync_data(descriptor)) {
        return true;
    }
    disk_distrust(disk);
    log_critical("action: store | result: fail | file: %s/%s | fdatasync: %s | "
                 "stopping: what is in memory can't be trusted any more",
                 disk->heritage->directory.path, name, strerror(errno));
    return false;
}

/* -------------------------------------------------------------- identity ---- */

static bool complain_of(struct disk *disk, const char *name, const char *found)
{
    disk_distrust(disk);
    log_critical("action: store | result: fail | file: %s/%s | found: %s | stopping: somebody "
                 "changed the data directory of a running server, and nothing more is "
                 "acknowledged; put the file back, or restore all files from one backup",
                 disk->heritage->directory.path, name, found);
    return false;
}

bool disk_is_in_place(struct disk *disk, int descriptor, const char *name, uint64_t bytes)
{
    struct stat open_file;
    struct stat named;
    if (fstat(descriptor, &open_file) != 0) {
        return complain_of(disk, name, strerror(errno));
    }
    if (open_file.st_nlink == 0) {
        return complain_of(disk, name, "it was removed or replaced");
    }
    if ((uint64_t)open_file.st_size < bytes) {
        return complain_of(disk, name, "it was cut: it is shorter than what was written");
    }
    if (fstatat(disk->heritage->directory.descriptor, name, &named, AT_SYMLINK_NOFOLLOW) != 0) {
        return complain_of(disk, name, "it was moved away");
    }
    return (named.st_dev == open_file.st_dev && named.st_ino == open_file.st_ino) ||
           complain_of(disk, name, "another file stands there");
}

/* --------------------------------------------------------------- control ---- */

bool disk_write_control(struct disk *disk, struct disk_file *own, const struct control *control)
{
    struct failure failure;
    bool synced = true;
    while (!control_write(&disk->heritage->directory, control, &synced, &failure)) {
        if (!synced) {
            disk_distrust(disk);
        }
        if (!synced || !disk_is_full(errno) || signals_terminate_requested()) {
            log_critical("action: store | result: fail | error: %s", failure.text);
            return false;
        }
        disk_wait_for_room(disk, DATA_CONTROL_FILE);
        disk_release_allocated(own);
    }
    disk_note_room(disk, DATA_CONTROL_FILE);
    return true;
}
