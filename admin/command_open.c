/*
 * command_open.c - `lottery-admin open NAME`: the next draw, in the place of the current one.
 *
 * The server judges whether it may be opened, and opens it; this only asks (asking.h).
 */
#include "admin/asking.h"
#include "lib/timestamp.h"

#include <stdio.h>

static bool take_closing_time(const struct invocation *invocation, struct admin_request *request)
{
    const char *given = command_option(invocation, OPTION_CLOSES);
    if (given == NULL || timestamp_parse(given, &request->closes_at_ms)) {
        return true;
    }
    program_complain(invocation->manual, PROGRAM_EXIT_USAGE,
                     "--closes: \"%.60s\" is no moment like 2026-11-28T20:00:00Z", given);
    return false;
}

int command_open(const struct invocation *invocation, const struct server_config *config)
{
    struct admin_request request = {.command = ADMIN_OPEN,
                                    .abandon = command_option(invocation, OPTION_ABANDON) != NULL};
    if (!control_is_draw_name(invocation->operand)) {
        program_misused(invocation->manual,
                        "\"%.60s\" is no name of a draw: 1 to %d letters, digits, '.', '_' and "
                        "'-', the first one a letter or a digit",
                        invocation->operand, CONTROL_DRAW_BYTES - 1);
        return PROGRAM_EXIT_USAGE;
    }
    (void)snprintf(request.draw, sizeof request.draw, "%.*s", CONTROL_DRAW_BYTES - 1,
                   invocation->operand);
    if (!asking_take_text(invocation, OPTION_AGENCIES, "agencies", request.agencies,
                          sizeof request.agencies) ||
        !asking_take_text(invocation, OPTION_CENTRES, "centres", request.centres,
                          sizeof request.centres) ||
        !asking_take_text(invocation, OPTION_REASON, "reason", request.reason,
                          sizeof request.reason) ||
        !asking_take_number(invocation, &request) || !take_closing_time(invocation, &request)) {
        return PROGRAM_EXIT_USAGE;
    }
    if (request.reason[0] != '\0' && !request.abandon) {
        program_misused(invocation->manual, "--reason is for --abandon");
        return PROGRAM_EXIT_USAGE;
    }
    return asking_carry_out(invocation, config, &request);
}
