/*
 * shipper_program.c - see shipper_program.h.
 */
#include "server/shipper_program.h"

#include "lib/log.h"
#include "server/heritage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_INHERITED = 3 }; /* after the standard streams */

static const char own_program[] = "/proc/self/exe";
static const char name_of_it[] = "lottery-shipper";

bool shipper_program_find(struct shipper_program *program, const struct server_config *config,
                          struct failure *failure)
{
    *program = (struct shipper_program){.path = ""};
    if (!server_config_replicates(config)) {
        return true;
    }
    ssize_t bytes = readlink(own_program, program->path, sizeof program->path - sizeof name_of_it);
    if (bytes <= 0) {
        return failure_set_errno(failure, "read %s", own_program);
    }
    program->path[bytes] = '\0';
    char *slash = strrchr(program->path, '/');
    size_t directory_bytes = slash == NULL ? 0 : (size_t)(slash - program->path) + 1;
    memcpy(program->path + directory_bytes, name_of_it, sizeof name_of_it);
    return access(program->path, X_OK) == 0 ||
           failure_set_errno(failure, "replication.servers is set, and %s is needed: execute it",
                             program->path);
}

bool shipper_program_name_node(struct shipper_program *program, const struct server_config *config,
                               const struct data_directory *directory, struct failure *failure)
{
    struct replication_state state;
    if (!server_config_replicates(config)) {
        return true;
    }
    if (!replication_settle(directory, &state, failure)) {
        return false;
    }
    replication_name_node(&state, config->replication_node, program->node);
    return true;
}

/* ------------------------------------------------------------- command line ---- */

void shipper_command_add_flag(struct shipper_command *command, const char *option)
{
    invariant(command->count + 1 < SHIPPER_COMMAND_ARGUMENTS, "%zu arguments", command->count);
    command->arguments[command->count++] = option;
}

void shipper_command_add(struct shipper_command *command, const char *option, const char *value)
{
    if (value[0] != '\0') {
        shipper_command_add_flag(command, option);
        shipper_command_add_flag(command, value);
    }
}

void shipper_command_begin(struct shipper_command *command, const struct shipper_program *program,
                           const struct server_config *config,
                           const struct data_directory *directory)
{
    *command = (struct shipper_command){.arguments = {program->path}, .count = 1};
    if (directory->access.has_group) {
        (void)snprintf(command->group, sizeof command->group, "%u",
                       (unsigned)directory->access.group);
    }
    shipper_command_add(command, "--directory", directory->path);
    shipper_command_add(command, "--group", command->group);
    shipper_command_add(command, "--servers", config->replication_servers);
    shipper_command_add(command, "--centre", config->replication_centre);
    shipper_command_add(command, "--node", program->node);
    shipper_command_add(command, "--credentials", config->replication_credentials);
    shipper_command_add(command, "--ca", config->replication_ca);
    shipper_command_add(command, "--certificate", config->replication_certificate);
    shipper_command_add(command, "--key", config->replication_key);
    shipper_command_add(command, "--log-level", log_level_name((enum log_level)config->log_level));
    shipper_command_add(command, "--log-format", log_format_names[config->log_format]);
}

void shipper_command_execute(const struct shipper_command *command)
{
    (void)execv(command->arguments[0], (char *const *)command->arguments);
}

/* ----------------------------------------------------- of the supervisor's child ---- */

bool shipper_program_execute(const struct heritage *heritage, struct failure *failure)
{
    const struct server_config *config = &heritage->config;
    const struct data_directory *directory = &heritage->directory;
    struct shipper_command command;
    char key[SHIPPER_COMMAND_NUMBER_BYTES];
    char replicas[SHIPPER_COMMAND_NUMBER_BYTES];
    char patience[SHIPPER_COMMAND_NUMBER_BYTES];
    (void)snprintf(key, sizeof key, "%08" PRIx32, directory->ipc_key);
    (void)snprintf(replicas, sizeof replicas, "%" PRIu32, config->replication_replicas);
    (void)snprintf(patience, sizeof patience, "%" PRIu64, config->timeout_shutdown_ms);
    shipper_command_begin(&command, &heritage->shipper, config, directory);
    shipper_command_add(&command, "--segment", key);
    shipper_command_add(&command, "--identity", directory->control.identity);
    shipper_command_add(&command, "--centres", config->centres_expected);
    shipper_command_add(&command, "--replicas", replicas);
    shipper_command_add(&command, "--patience", patience);
    if (config->confinement == CONFINEMENT_ENFORCE) {
        shipper_command_add_flag(&command, "--confined");
    }
    (void)syscall(SYS_close_range, FIRST_INHERITED, ~0U, 0); /* else each closes at the execution */
    shipper_command_execute(&command);
    return failure_set_errno(failure, "execute %s", heritage->shipper.path);
}
