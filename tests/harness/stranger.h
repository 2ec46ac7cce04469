/*
 * stranger.h - a child of a test as another user, for what only another user can try.
 *
 * Only root can become somebody else: where the tests run as an ordinary user those
 * that need a stranger are skipped (STRANGER_NEEDED), and say so.
 */
#ifndef HARNESS_STRANGER_H
#define HARNESS_STRANGER_H

#include <stdbool.h>
#include <sys/types.h>

/* "nobody" of every Linux: the overflow uid. */
enum { STRANGER_UID = 65534, STRANGER_GID = 65534 };

/* True when this process may become the stranger. */
bool stranger_is_possible(void);

/* Leaves the test, as skipped, where there can't be a stranger. */
#define STRANGER_NEEDED()                                                                          \
    do {                                                                                           \
        if (!stranger_is_possible()) {                                                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* Makes this process, a forked child, the stranger for good. False when that failed. */
bool stranger_become(void);

#endif
