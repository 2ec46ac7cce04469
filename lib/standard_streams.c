/*
 * standard_streams.c - see standard_streams.h.
 */
#include "lib/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool standard_streams_open(struct failure *failure)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF) {
            continue;
        }
        /* The lower ones are open, so open(2) returns this number, the lowest that is free. */
        if (open("/dev/null", O_RDWR) < 0) {
            return failure_set_errno(failure, "opening /dev/null for closed descriptor %d", stream);
        }
    }
    return true;
}
