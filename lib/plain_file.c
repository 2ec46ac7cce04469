/*
 * plain_file.c - see plain_file.h. What is opened is looked at, not the name: that may change.
 */
#include "lib/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode) ? "a directory" : S_ISFIFO(mode) ? "a pipe" : "a device";
}

static bool is_plain(int file, uint64_t bytes_max, struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return failure_set(failure, "%s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return failure_set(failure, "it is %s, and no regular file", kind_of(status.st_mode));
    }
    return (uint64_t)status.st_size <= bytes_max ||
           failure_set(failure, "it has %" PRIu64 " bytes, and at most %" PRIu64 " are read",
                       (uint64_t)status.st_size, bytes_max);
}

int plain_file_open(const char *path, uint64_t bytes_max, struct failure *failure)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
        (void)failure_set(failure, "%s", strerror(errno));
        return -1;
    }
    if (!is_plain(file, bytes_max, failure)) {
        (void)close(file);
        return -1;
    }
    return file;
}
