/*
 * streams.c - see streams.h.
 */
#include "tests/harness/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum { TIMEOUT_MS = 10000, PATIENCE_MS = 30000 };

bool streams_try(struct engine *engine, const char *stream, const char *const *subjects,
                 size_t subject_count, unsigned replicas, int64_t timeout_ms,
                 struct deadline deadline, struct failure *failure)
{
    while (engine_make_stream(engine, stream, subjects, subject_count, replicas, timeout_ms,
                              failure) != ENGINE_STORED) {
        if (!deadline_pause(deadline)) {
            return false;
        }
    }
    return true;
}

void streams_make(struct engine *engine, const char *stream, const char *const *subjects,
                  size_t subject_count, unsigned replicas)
{
    struct failure failure;
    if (!streams_try(engine, stream, subjects, subject_count, replicas, TIMEOUT_MS,
                     deadline_in(PATIENCE_MS), &failure)) {
        fail_msg("%s", failure.text);
    }
}
