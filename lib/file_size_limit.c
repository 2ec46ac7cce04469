/*
 * file_size_limit.c - see file_size_limit.h.
 */
#include "lib/file_size_limit.h"

#include <errno.h>
#include <signal.h>

void file_size_limit_as_error(void)
{
    signal(SIGXFSZ, SIG_IGN); /* fails only for a number that is no signal */
}

const char *file_size_limit_hint(int error)
{
    return error == EFBIG ? " (raise the limit of file sizes: ulimit -f)" : "";
}
