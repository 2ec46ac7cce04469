/*
 * file_io.c - see file_io.h.
 */
#include "store/file_io.h"

#include "lib/checksum.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The page cache keeps pages in pieces of up to this size, and drops whole pieces only. */
#define CACHED_PIECE_BYTES_MAX (UINT64_C(2) * 1024 * 1024)

enum { CHECKSUM_PIECE_BYTES = 128 * 1024 };

bool file_write_all(int file, const void *bytes, size_t count, uint64_t position)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t written = pwrite(file, at, count, (off_t)position);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            at += written;
            count -= (size_t)written;
            position += (uint64_t)written;
        }
    }
    return true;
}

bool file_is_disk_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

ssize_t file_read_up_to(int file, void *bytes, size_t count, uint64_t position)
{
    char *at = bytes;
    size_t used = 0;
    while (used < count) {
        ssize_t got = pread(file, at + used, count - used, (off_t)(position + used));
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)used;
}

int64_t file_checksum(int file, uint64_t count, uint64_t *checksum)
{
    char piece[CHECKSUM_PIECE_BYTES];
    uint64_t position = 0;
    *checksum = CHECKSUM_EMPTY;
    while (position < count) {
        uint64_t left = count - position;
        size_t wanted = left < sizeof piece ? (size_t)left : sizeof piece;
        ssize_t got = file_read_up_to(file, piece, wanted, position);
        if (got < 0) {
            return -1;
        }
        *checksum = checksum_extend(*checksum, piece, (size_t)got);
        position += (uint64_t)got;
        if ((size_t)got < wanted) {
            break;
        }
    }
    return (int64_t)position;
}

/* Calls again after EINTR, which says nothing about the disk. Any other error is final. */
static bool sync_by(int (*system_call)(int file), int file)
{
    int result = 0;
    do {
        result = system_call(file);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

bool file_sync(int file)
{
    return sync_by(fsync, file);
}

bool file_sync_data(int file)
{
    return sync_by(fdatasync, file);
}

_Static_assert(EOPNOTSUPP == ENOTSUP, "one error of two names");

bool file_sync_directory(int directory, const char *path)
{
    static bool warned; /* a child inherits it, so it does not repeat the supervisor's warning */
    if (file_sync(directory)) {
        return true;
    }
    if (errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) {
        return false;
    }
    if (!warned) {
        log_warning(LOG_DIRECTORY_NOT_SYNCED,
                    "result: fail | directory: %s | error: %s | not_promised: the file system "
                    "can't sync directories, so a file that was just made or renamed may be "
                    "missing after a power loss; what is in the files is synced as ever",
                    path, strerror(errno));
    }
    warned = true;
    return true;
}

bool file_sync_parent(int directory, const char *path)
{
    int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = parent >= 0 && file_sync_directory(parent, path);
    if (parent >= 0) {
        int error = errno;
        close(parent);
        errno = error;
    }
    return synced;
}

bool file_sync_and_forget(int file, uint64_t from)
{
    if (!file_sync(file)) {
        return false;
    }
    uint64_t pieces_from = from > CACHED_PIECE_BYTES_MAX ? from - CACHED_PIECE_BYTES_MAX : 0;
    const off_t to_the_end = 0;
    posix_fadvise(file, (off_t)pieces_from, to_the_end, POSIX_FADV_DONTNEED);
    return true;
}
