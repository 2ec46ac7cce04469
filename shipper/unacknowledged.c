/*
 * unacknowledged.c - see unacknowledged.h.
 */
#include "shipper/unacknowledged.h"

#include "lib/fault_point.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 64 * 1024, NAMES_MAX = 100 };

/* "bets.csv.unacknowledged.7", and for the second one of the epoch "bets.csv.unacknowledged.7.2". */
static void write_name(char name[UNACKNOWLEDGED_NAME_BYTES], const char *of, uint64_t epoch,
                       unsigned number)
{
    if (number == 1) {
        (void)snprintf(name, UNACKNOWLEDGED_NAME_BYTES, "%.20s.unacknowledged.%" PRIu64, of, epoch);
    } else {
        (void)snprintf(name, UNACKNOWLEDGED_NAME_BYTES, "%.20s.unacknowledged.%" PRIu64 ".%u", of,
                       epoch, number);
    }
}

static uint64_t count_lines(const char *bytes, size_t count)
{
    uint64_t lines = 0;
    for (const char *at = bytes; (at = memchr(at, '\n', count - (size_t)(at - bytes))) != NULL;) {
        at++;
        lines++;
    }
    return lines;
}

/* Copies [from, to) of `file` to the beginning of `copy`, durably, and counts its lines. */
static bool copy_bytes(int file, uint64_t from, uint64_t to, int copy, uint64_t *lines)
{
    char bytes[COPY_BYTES];
    *lines = 0;
    for (uint64_t at = from; at < to;) {
        const uint64_t left = to - at;
        ssize_t got =
            file_read_up_to(file, bytes, left < COPY_BYTES ? (size_t)left : COPY_BYTES, at);
        if (got <= 0 || !file_write_all(copy, bytes, (size_t)got, at - from)) {
            errno = got == 0 ? EIO : errno;
            return false;
        }
        *lines += count_lines(bytes, (size_t)got);
        at += (uint64_t)got;
    }
    return file_sync(copy);
}

/* True when the file `name` has exactly these bytes: a move that was not finished has left it. */
static bool has_same_bytes(const struct data_directory *directory, const char *name, int file,
                           uint64_t from, uint64_t to)
{
    char ours[COPY_BYTES];
    char theirs[COPY_BYTES];
    struct stat status;
    struct failure ignored;
    int other = data_directory_open_file(directory, name, O_RDONLY, &ignored);
    bool same = other >= 0 && fstat(other, &status) == 0 && (uint64_t)status.st_size == to - from;
    for (uint64_t at = from; same && at < to;) {
        const uint64_t left = to - at;
        const size_t wanted = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        ssize_t got = file_read_up_to(file, ours, wanted, at);
        same = got > 0 && file_read_up_to(other, theirs, (size_t)got, at - from) == got &&
               memcmp(ours, theirs, (size_t)got) == 0;
        at += got > 0 ? (uint64_t)got : 0;
    }
    if (other >= 0) {
        (void)close(other);
    }
    return same;
}

/* Gives `from` the first name that is free; a name whose file has the same bytes is as good. */
static bool take_free_name(const struct data_directory *directory, const char *from, const char *of,
                           uint64_t epoch, char name[UNACKNOWLEDGED_NAME_BYTES])
{
    for (unsigned number = 1; number <= NAMES_MAX; number++) {
        write_name(name, of, epoch, number);
        if (renameat2(directory->descriptor, from, directory->descriptor, name, RENAME_NOREPLACE) ==
            0) {
            return true;
        }
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

static bool copy_to_name(const struct data_directory *directory, int file, const char *name,
                         uint64_t end, uint64_t size, uint64_t epoch, struct unacknowledged *moved,
                         struct failure *failure)
{
    char unfinished[UNACKNOWLEDGED_NAME_BYTES];
    (void)snprintf(unfinished, sizeof unfinished, "%.20s.unacknowledged.tmp", name);
    int copy =
        data_directory_open_file(directory, unfinished, O_WRONLY | O_CREAT | O_TRUNC, failure);
    if (copy < 0) {
        return false;
    }
    bool copied = copy_bytes(file, end, size, copy, &moved->lines);
    int error = errno;
    (void)close(copy);
    errno = error;
    if (!copied) {
        return failure_set_errno(failure, "copy bytes of %s/%s to %s", directory->path, name,
                                 unfinished);
    }
    fault_point("unacknowledged.copied");
    write_name(moved->name, name, epoch, 1);
    if (has_same_bytes(directory, moved->name, file, end, size)) {
        (void)unlinkat(directory->descriptor, unfinished, 0);
        return true;
    }
    return take_free_name(directory, unfinished, name, epoch, moved->name) ||
           failure_set_errno(failure, "rename %s/%s", directory->path, unfinished);
}

bool unacknowledged_move(const struct data_directory *directory, int file, const char *name,
                         uint64_t end, uint64_t epoch, struct unacknowledged *moved,
                         struct failure *failure)
{
    struct stat status;
    *moved = (struct unacknowledged){.bytes = 0};
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/%s", directory->path, name);
    }
    const uint64_t size = (uint64_t)status.st_size;
    if (size <= end) {
        return true;
    }
    moved->bytes = size - end;
    if (!copy_to_name(directory, file, name, end, size, epoch, moved, failure)) {
        return false;
    }
    if (!file_sync_directory(directory->descriptor, directory->path)) {
        return failure_set_errno(failure, "sync %s", directory->path);
    }
    fault_point("unacknowledged.named");
    if (ftruncate(file, (off_t)end) != 0 || !file_sync(file)) {
        return failure_set_errno(failure, "cut %s/%s", directory->path, name);
    }
    fault_point("unacknowledged.cut");
    return true;
}

bool unacknowledged_rename(const struct data_directory *directory, const char *name, uint64_t epoch,
                           struct failure *failure)
{
    char to[UNACKNOWLEDGED_NAME_BYTES];
    struct stat status;
    if (fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ||
               failure_set_errno(failure, "look at %s/%s", directory->path, name);
    }
    return take_free_name(directory, name, name, epoch, to) ||
           failure_set_errno(failure, "rename %s/%s", directory->path, name);
}
