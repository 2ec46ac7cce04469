/*
 * mirror_file.c - see mirror_file.h.
 */
#include "shipper/mirror_file.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "shipper/unacknowledged.h"
#include "store/file_io.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPARE_BYTES = 64 * 1024 };

bool mirror_file_open(struct mirror_file *file, struct failure *failure)
{
    file->descriptor =
        data_directory_open_file(file->directory, file->name, O_RDWR | O_CREAT, failure);
    return file->descriptor >= 0;
}

void mirror_file_close(struct mirror_file *file)
{
    if (file->descriptor >= 0) {
        (void)close(file->descriptor);
    }
    file->descriptor = -1;
    file->own_bytes = 0;
    file->unsynced_bytes = 0;
}

enum mirror_end mirror_file_measure(struct mirror_file *file, uint64_t synced, bool is_own,
                                    struct failure *failure)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0) {
        (void)failure_set_errno(failure, "stat %s/%s", file->directory->path, file->name);
        return MIRROR_FAILED;
    }
    if ((uint64_t)status.st_size < synced) {
        (void)failure_set(failure,
                          "%s/%s ends at byte %" PRIu64 ", and %" PRIu64
                          " were synced (" DATA_REPLICATION_FILE
                          "): it was changed or lost, nothing was touched; name an empty "
                          "data.directory, and all comes from the log",
                          file->directory->path, file->name, (uint64_t)status.st_size, synced);
        return MIRROR_REFUSED;
    }
    file->own_bytes = is_own ? (uint64_t)status.st_size : 0;
    return MIRROR_APPLIED;
}

bool mirror_file_sync(struct mirror_file *file, struct failure *failure)
{
    if (file->unsynced_bytes > 0 && !file_sync_data(file->descriptor)) {
        return failure_set_errno(failure, "sync %s/%s", file->directory->path, file->name);
    }
    file->unsynced_bytes = 0;
    return true;
}

bool mirror_file_put_aside(struct mirror_file *file, uint64_t end, uint64_t epoch,
                           struct failure *failure)
{
    struct unacknowledged moved;
    if (file->descriptor < 0) {
        return true;
    }
    if (!unacknowledged_move(file->directory, file->descriptor, file->name, end, epoch, &moved,
                             failure)) {
        return false;
    }
    file->own_bytes = 0;
    if (moved.bytes > 0) {
        log_warning(LOG_UNACKNOWLEDGED_MOVED,
                    "result: success | file: %s/%s | %s: %" PRIu64 " | bytes: %" PRIu64
                    " | after: %" PRIu64 " | moved_to: %s | epoch: %" PRIu64
                    " | reason: another node took over before these were in the log, so with "
                    "ack_after: replicated none of them was acknowledged",
                    file->directory->path, file->name, file->line_is, moved.lines, moved.bytes, end,
                    moved.name, epoch);
    }
    return true;
}

/* ----------------------------------------------------------------- apply ---- */

/* Compares `count` bytes with the file's. *same is set where it can be read. */
static bool compare(const struct mirror_file *file, const char *bytes, size_t count,
                    uint64_t offset, bool *same)
{
    char ours[COMPARE_BYTES];
    *same = true;
    for (size_t at = 0; at < count && *same;) {
        const size_t wanted = count - at < sizeof ours ? count - at : sizeof ours;
        ssize_t got = file_read_up_to(file->descriptor, ours, wanted, offset + at);
        if (got < 0) {
            return false;
        }
        *same = (size_t)got == wanted && memcmp(ours, bytes + at, wanted) == 0;
        at += wanted;
    }
    return true;
}

static enum mirror_end refuse_difference(const struct mirror_file *file,
                                         const struct record *record, struct failure *failure)
{
    (void)failure_set(failure,
                      "%s/%s has other bytes than the log between %" PRIu64 " and %" PRIu64
                      ", which %s wrote in epoch %" PRIu64
                      " before any other node took over: nothing was touched; keep this directory "
                      "for whoever finds out why, name an empty data.directory, and all comes from "
                      "the log",
                      file->directory->path, file->name, record->offset,
                      record->offset + record->length, record->node, record->epoch);
    return MIRROR_REFUSED;
}

/*
 * Compares what a former primary has with the log. Where they differ behind a claim, its own bytes are
 * put aside from there on; *kept says how many of the record's bytes need not be written.
 */
static enum mirror_end compare_own(struct mirror_file *file, const struct record *record,
                                   size_t *kept, struct failure *failure)
{
    const uint64_t own = file->own_bytes - record->offset;
    const size_t count = own < record->length ? (size_t)own : (size_t)record->length;
    bool same = true;
    *kept = 0;
    if (!compare(file, record->bytes, count, record->offset, &same)) {
        (void)failure_set_errno(failure, "read %s/%s", file->directory->path, file->name);
        return MIRROR_FAILED;
    }
    if (same) {
        *kept = count;
        return MIRROR_APPLIED;
    }
    if (file->claim_epoch == 0 || record->offset < file->claim_end) {
        return refuse_difference(file, record, failure);
    }
    return mirror_file_put_aside(file, record->offset, file->claim_epoch, failure) ? MIRROR_APPLIED
                                                                                   : MIRROR_FAILED;
}

enum mirror_end mirror_file_apply(struct mirror_file *file, const struct record *record,
                                  struct failure *failure)
{
    size_t kept = 0;
    if (record->offset < file->own_bytes) {
        enum mirror_end end = compare_own(file, record, &kept, failure);
        if (end != MIRROR_APPLIED) {
            return end;
        }
    }
    if (kept < record->length) {
        if (!file_write_all(file->descriptor, (const char *)record->bytes + kept,
                            (size_t)record->length - kept, record->offset + kept)) {
            (void)failure_set_errno(failure, "write %s/%s", file->directory->path, file->name);
            return MIRROR_FAILED;
        }
        file->unsynced_bytes += record->length - kept;
        fault_point("mirror.written");
    }
    return MIRROR_APPLIED;
}
