/*
 * streams.h - makes a stream, also in a cluster that has just been started.
 *
 * Why it exists: nodes that say that they are healthy may not have heard of each other for some
 * seconds, and refuse a stream of three copies until then ("no suitable peers for placement"). Nothing
 * that a node tells says when that has passed, so a refusal is tried again. Called by the test's process.
 */
#ifndef HARNESS_STREAMS_H
#define HARNESS_STREAMS_H

#include "engine/engine.h"
#include "tests/harness/deadline.h"

#include <stdbool.h>

/*
 * Tries until the deadline, each time for `timeout_ms`. False with the failure where there is no such
 * stream in time.
 */
bool streams_try(struct engine *engine, const char *stream, const char *const *subjects,
                 size_t subject_count, unsigned replicas, int64_t timeout_ms,
                 struct deadline deadline, struct failure *failure);

/* Fails the test where there is no such stream in time. */
void streams_make(struct engine *engine, const char *stream, const char *const *subjects,
                  size_t subject_count, unsigned replicas);

#endif
