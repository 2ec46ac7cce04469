/*
 * command_draw.c - `lottery-admin draw`: holds a sealed draw with a number that was drawn elsewhere.
 *
 * The seal's hash shows that whoever names the number has seen the seal. The server judges it; this
 * only asks (asking.h).
 */
#include "admin/asking.h"

int command_draw(const struct invocation *invocation, const struct server_config *config)
{
    struct admin_request request = {.command = ADMIN_DRAW};
    if (!asking_take_number(invocation, &request) ||
        !asking_take_text(invocation, OPTION_SEAL, "seal", request.seal, sizeof request.seal)) {
        return PROGRAM_EXIT_USAGE;
    }
    if (!request.has_number || request.seal[0] == '\0') {
        program_misused(invocation->manual, "draw needs --number N and --seal HASH");
        return PROGRAM_EXIT_USAGE;
    }
    return asking_carry_out(invocation, config, &request);
}
