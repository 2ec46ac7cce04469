/*
 * heritage.c - see heritage.h.
 */
#include "server/heritage.h"

#include "lib/log.h"
#include "shm/gate.h"
#include "shm/waiting.h"

#include <unistd.h>

enum { LOCK_PATIENCE_MS = 3000 }; /* the children of a killed supervisor are finishing */

static bool open_shared_memory(struct heritage *heritage, struct failure *failure)
{
    const struct server_config *config = &heritage->config;
    const struct data_directory *directory = &heritage->directory;
    const struct segment_plan plan = {
        .directory_device = directory->device,
        .directory_inode = directory->inode,
        .ring_bytes = config->ring_bytes,
        .agency_limit = (uint32_t)config->limit_agencies,
        .agencies_expected = (uint32_t)config->agencies_expected,
        .slot_capacity = (uint32_t)config->limit_connections,
    };
    if (!segment_create(&plan, &heritage->segment, failure)) {
        return false;
    }
    uint32_t key = directory->has_control ? directory->control.ipc_key
                                          : segment_key(directory->device, directory->inode);
    uint32_t expected = (uint32_t)config->agencies_expected;
    if (!gate_create(key, expected, &heritage->gate_id, failure)) {
        segment_remove(&heritage->segment);
        return false;
    }
    heritage->ipc_key = key;
    heritage->segment.shared->identity.gate_id = heritage->gate_id;
    segment_publish(&heritage->segment, SHARED_STARTING);
    log_count_losses_in(&heritage->segment.shared->log);
    log_info("action: shared_memory | result: success | segment: /dev/shm%s | semaphores: 0x%08x | "
             "semid: %d | huge_pages: %s",
             heritage->segment.name, key, heritage->gate_id,
             heritage->segment.huge_pages ? "yes" : "no");
    return true;
}

static void close_shared_memory(struct heritage *heritage)
{
    gate_remove(heritage->gate_id);
    log_count_losses_in(NULL);
    segment_remove(&heritage->segment);
    log_info("action: remove_shared_memory | result: success");
}

/*
 * Everything that the children inherit, in order; what was opened is closed again on failure.
 * The lock comes first: once we have it, no process of a server that was killed is left, and so
 * none that still holds the port (a child has it from its fork until it closes it).
 */
bool heritage_open(struct heritage *heritage, struct failure *failure)
{
    heritage->supervisor_pid = getpid();
    if (!data_directory_open(heritage->config.data_directory, LOCK_PATIENCE_MS,
                             &heritage->directory, failure)) {
        return false;
    }
    if (!listeners_open(&heritage->config, &heritage->listeners, failure)) {
        data_directory_discard(&heritage->directory);
        return false;
    }
    if (!open_shared_memory(heritage, failure)) {
        listeners_close(&heritage->listeners);
        data_directory_discard(&heritage->directory);
        return false;
    }
    return true;
}

void heritage_close(struct heritage *heritage)
{
    close_shared_memory(heritage);
    data_directory_close(&heritage->directory);
    listeners_close(&heritage->listeners);
}

void heritage_clear_up(struct heritage *heritage)
{
    wait_halt(&heritage->segment);
    close_shared_memory(heritage);
}
