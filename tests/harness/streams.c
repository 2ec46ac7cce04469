/*
 * streams.c - see streams.h.
 */
#include "tests/harness/streams.h"

#include "tests/harness/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum { TIMEOUT_MS = 10000, PATIENCE_MS = 30000 };

void streams_make(struct engine *engine, const char *stream, const char *const *subjects,
                  size_t subject_count, unsigned replicas)
{
    struct failure failure;
    const struct deadline deadline = deadline_in(PATIENCE_MS);
    while (engine_make_stream(engine, stream, subjects, subject_count, replicas, TIMEOUT_MS,
                              &failure) != ENGINE_STORED) {
        if (!deadline_pause(deadline)) {
            fail_msg("%s", failure.text);
        }
    }
}
