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

/* Fails the test where there is no such stream in time. */
void streams_make(struct engine *engine, const char *stream, const char *const *subjects,
                  size_t subject_count, unsigned replicas);

#endif
