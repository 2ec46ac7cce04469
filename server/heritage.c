/*
 * heritage.c - see heritage.h.
 */
#include "server/heritage.h"

#include "lib/log.h"
#include "server/listener.h"
#include "shm/gate.h"

#include <sys/stat.h>
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
    uint32_t key = segment_key(directory->device, directory->inode);
    uint32_t expected = (uint32_t)config->agencies_expected;
    if (!gate_create(key, expected == 0 ? 1 : expected, &heritage->gate_id, failure)) {
        segment_remove(&heritage->segment);
        return false;
    }
    heritage->segment.shared->identity.gate_id = heritage->gate_id;
    segment_publish(&heritage->segment, SHARED_STARTING);
    log_info("action: shared_memory | result: success | segment: /dev/shm%s | semaphores: 0x%08x | "
             "semid: %d | huge_pages: %s",
             heritage->segment.name, key, heritage->gate_id,
             heritage->segment.huge_pages ? "yes" : "no");
    return true;
}

static void close_shared_memory(struct heritage *heritage)
{
    gate_remove(heritage->gate_id);
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
    (void)umask(S_IRWXG | S_IRWXO); /* nothing is ever wider than it is meant to become */
    if (!data_directory_open(heritage->config.data_directory, heritage->config.data_group,
                             LOCK_PATIENCE_MS, &heritage->directory, failure)) {
        return false;
    }
    heritage->listener = listener_open(&heritage->config, failure);
    if (heritage->listener < 0) {
        data_directory_discard(&heritage->directory);
        return false;
    }
    if (!open_shared_memory(heritage, failure)) {
        (void)close(heritage->listener);
        data_directory_discard(&heritage->directory);
        return false;
    }
    return true;
}

void heritage_close(struct heritage *heritage)
{
    close_shared_memory(heritage);
    data_directory_close(&heritage->directory);
    if (heritage->listener >= 0) {
        (void)close(heritage->listener);
    }
}
