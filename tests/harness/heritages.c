/*
 * heritages.c - see heritages.h.
 */
#include "tests/harness/heritages.h"

#include "shm/gate.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum { NO_GATE = -1 };

void heritages_open(struct scratch *scratch, struct processes *processes, struct heritage *heritage,
                    struct segment_plan plan)
{
    static struct service_manager nobody; /* closed: children close it again */
    scratch_open(scratch);
    processes_open(processes);
    processes_release(processes);
    heritage->gate_id = NO_GATE;
    heritage->manager = &nobody;
    heritage->directory = scratch_directory(scratch);
    segments_create(scratch, plan, &heritage->segment);
}

void heritages_add_lottery(const struct scratch *scratch, struct heritage *heritage)
{
    uint32_t key = segment_key(scratch->device, scratch->inode);
    struct failure failure = {.text = ""};
    bool synced = false;
    heritage->directory.control =
        (struct control){.identity = "00112233445566778899aabbccddeeff",
                         .ring_bytes = heritage->segment.shared->identity.ring_bytes,
                         .terms = {.draw = "1", .agencies_expected = 1, .agencies_allowed = "1"}};
    scratch_write(scratch, DATA_BETS_FILE, "", 0);
    if (!gate_create(key, 1, &heritage->gate_id, &failure) ||
        !control_write(&heritage->directory, &heritage->directory.control, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
}

void heritages_close(struct scratch *scratch, struct processes *processes,
                     struct heritage *heritage)
{
    processes_close(processes);
    if (heritage->gate_id != NO_GATE) {
        gate_remove(heritage->gate_id);
    }
    if (heritage->segment.shared != NULL) {
        segment_remove(&heritage->segment);
    }
    scratch_close(scratch);
}
