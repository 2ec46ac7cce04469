/*
 * log_journal.c - see log_journal.h.
 */
#include "lib/log_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int log_journal_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (journal < 0 || connect(journal, (struct sockaddr *)&address, sizeof address) == 0) {
        return journal;
    }
    int error = errno;
    close(journal);
    errno = error;
    return -1;
}

bool log_journal_reads(int descriptor)
{
    enum { NAME_BYTES = 48 };
    const char *stream = getenv("JOURNAL_STREAM");
    char name[NAME_BYTES];
    struct stat status;
    if (stream == NULL || fstat(descriptor, &status) != 0) {
        return false;
    }
    (void)snprintf(name, sizeof name, "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
    return strcmp(name, stream) == 0;
}
