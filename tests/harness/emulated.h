/*
 * emulated.h - for tests of what user-mode emulation does not have.
 *
 * Such a test is skipped there, and says so: scripts/run-tests.sh counts it as
 * skipped, never as passed.
 */
#ifndef HARNESS_EMULATED_H
#define HARNESS_EMULATED_H

#include "lib/robust_mutex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h> /* after what it needs */

/* Ends a test that kills the owner of a lock, where the lock would stay locked for ever. */
static inline void skip_without_robust_mutexes(void)
{
    if (!robust_mutex_works()) {
        (void)fputs("skipped: emulated, a lock whose owner dies stays locked\n", stderr);
        skip();
    }
}

#endif
