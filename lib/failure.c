/*
 * failure.c - writes the text of a failure. See failure.h.
 *
 * Pure: touches nothing but the struct that it was given.
 */
#include "lib/failure.h"

#include "lib/file_size_limit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool failure_set(struct failure *failure, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return false;
}

bool failure_set_errno(struct failure *failure, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    size_t used = strlen(failure->text);
    snprintf(failure->text + used, sizeof failure->text - used, ": %s%s", strerror(saved_errno),
             file_size_limit_hint(saved_errno));
    errno = saved_errno;
    return false;
}
