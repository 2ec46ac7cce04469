/*
 * command_close.c - `lottery-admin close`: ends the sales of the current draw.
 *
 * The server closes and seals; this only asks for it (asking.h).
 */
#include "admin/asking.h"

int command_close(const struct invocation *invocation, const struct server_config *config)
{
    struct admin_request request = {.command = ADMIN_CLOSE};
    if (!asking_take_text(invocation, OPTION_WITHOUT, "without", request.without,
                          sizeof request.without) ||
        !asking_take_text(invocation, OPTION_REASON, "reason", request.reason,
                          sizeof request.reason)) {
        return PROGRAM_EXIT_USAGE;
    }
    return asking_carry_out(invocation, config, &request);
}
