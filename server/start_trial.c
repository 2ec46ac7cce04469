/*
 * start_trial.c - see start_trial.h.
 *
 * The port is tried by listening for a moment. An agency that connects just then finds the
 * connection closed, and tries again.
 */
#include "server/start_trial.h"

#include "lib/log.h"
#include "server/heritage.h"
#include "server/listener.h"
#include "shm/gate.h"
#include "shm/segment.h"
#include "store/data_directory.h"

static bool can_listen(const struct server_config *config, struct failure *failure)
{
    struct listeners listeners;
    if (!listeners_open(config, &listeners, failure)) {
        return false;
    }
    listeners_close(&listeners);
    return true;
}

bool start_trial_run(const struct server_config *config,
                     void (*tell)(const char *mistake, void *context), void *context, bool *runs)
{
    const struct segment_plan plan = {.ring_bytes = config->ring_bytes,
                                      .agency_limit = config->limit_agencies,
                                      .slot_capacity =
                                          config->limit_connections + HERITAGE_LEAVING_MAX};
    struct failure failure;
    bool right = true;
    if (!data_directory_try(config->data_directory, config->data_group, runs, &failure)) {
        tell(failure.text, context);
        right = false;
    }
    if (*runs) {
        return right;
    }
    if (!can_listen(config, &failure)) {
        tell(failure.text, context);
        right = false;
    }
    if (!segment_has_room(&plan, &failure)) {
        tell(failure.text, context);
        right = false;
    }
    if (!gate_has_room(&failure)) {
        tell(failure.text, context);
        right = false;
    }
    return right;
}
