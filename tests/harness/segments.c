/*
 * segments.c - see segments.h.
 */
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static uint32_t at_least_one(uint32_t count)
{
    return count == 0 ? 1 : count;
}

void segments_create(const struct scratch *scratch, struct segment_plan plan,
                     struct segment *segment)
{
    struct failure failure;
    plan.directory_device = scratch->device;
    plan.directory_inode = scratch->inode;
    plan.agency_limit = at_least_one(plan.agency_limit);
    plan.agencies_expected = at_least_one(plan.agencies_expected);
    plan.slot_capacity = at_least_one(plan.slot_capacity);
    if (!segment_create(&plan, segment, &failure)) {
        fail_msg("%s", failure.text);
    }
}

void segments_remove(struct scratch *scratch, struct segment *segment)
{
    if (segment->shared != NULL) {
        segment_remove(segment);
    }
    scratch_close(scratch);
}
