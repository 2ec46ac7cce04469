/*
 * command_promote.c - `lottery-admin promote`: has a standby take over from its primary.
 *
 * The standby claims the centre's log, which ends the primary: no bet that was acknowledged is lost, and
 * agencies connect to the new one. The standby judges it; this only asks (asking.h). The answer comes from
 * the server that the standby becomes: once its recovery has judged the files, it listens, and its own
 * shipper has claimed; or why not.
 */
#include "admin/asking.h"

int command_promote(const struct invocation *invocation, const struct server_config *config)
{
    const struct admin_request request = {.command = ADMIN_PROMOTE};
    return asking_carry_out(invocation, config, &request);
}
