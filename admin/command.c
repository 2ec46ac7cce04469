/*
 * command.c - see command.h.
 */
#include "admin/command.h"

const char *command_option(const struct invocation *invocation, enum command_option option)
{
    return invocation->options[option - COMMAND_OPTION_FIRST];
}
