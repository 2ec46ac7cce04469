/*
 * failure.h - one message that says what was tried, on what, and why it failed.
 *
 * A function that can fail during start-up takes a `struct failure *` and
 * returns false after describing the failure in it. Its caller decides what to
 * do; only main prints it and exits. Functions that run later, inside a
 * process's loop, log instead (log.h).
 */
#ifndef LIB_FAILURE_H
#define LIB_FAILURE_H

#include <stdbool.h>

enum { FAILURE_TEXT_BYTES = 512 };

/* Owned by the caller, who need not initialise it. */
struct failure {
    char text[FAILURE_TEXT_BYTES];
};

/*
 * Describes the failure, printf-like, cut at FAILURE_TEXT_BYTES - 1 bytes.
 * Always returns false, so that a caller can `return failure_set(...)`.
 * Keeps errno.
 */
bool failure_set(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does the same, and appends ": ", the text of errno and, where it is known, what to do. */
bool failure_set_errno(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
