/*
 * segments.h - the shared memory of a test's server, named by the test's own directory.
 *
 * The test's end removes both. If its process is killed first, the segment stays in /dev/shm.
 */
#ifndef TESTS_HARNESS_SEGMENTS_H
#define TESTS_HARNESS_SEGMENTS_H

#include "shm/segment.h"
#include "tests/harness/processes.h"

/*
 * Makes the segment of a server whose data directory is `scratch`. `plan` says the rest; 0 in
 * agency_limit, agencies_expected or slot_capacity is 1. Fails the test when it can't be made.
 */
void segments_create(const struct scratch *scratch, struct segment_plan plan,
                     struct segment *segment);

/* Removes the segment, where there is one, and its directory: the end of a test. */
void segments_remove(struct scratch *scratch, struct segment *segment);

#endif
