/*
 * command_close_centre.c - `lottery-admin close-centre`: a draw of several centres is held without one.
 *
 * The server's shipper says so in the stream of the draw, where all centres read it; this only asks
 * for it (asking.h).
 */
#include "admin/asking.h"

#include <stdio.h>
#include <string.h>

int command_close_centre(const struct invocation *invocation, const struct server_config *config)
{
    struct admin_request request = {.command = ADMIN_CLOSE_CENTRE};
    if (!asking_take_text(invocation, OPTION_REASON, "reason", request.reason,
                          sizeof request.reason)) {
        return PROGRAM_EXIT_USAGE;
    }
    if (request.reason[0] == '\0' || !centre_set_is_name(invocation->operand)) {
        program_misused(invocation->manual,
                        "close-centre needs a centre's name, and --reason TEXT");
        return PROGRAM_EXIT_USAGE;
    }
    (void)snprintf(request.centre, sizeof request.centre, "%s", invocation->operand);
    return asking_carry_out(invocation, config, &request);
}
