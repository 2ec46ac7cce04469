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

enum {
    ARGUMENTS_MAX = 40,
    NUMBER_BYTES = 24,
    FIRST_INHERITED = 3 /* after the standard streams */
};

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

/* The command line in the making. */
struct command {
    const char *arguments[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct command *command, const char *option, const char *value)
{
    invariant(command->count + 2 < ARGUMENTS_MAX, "%zu arguments", command->count);
    if (value[0] != '\0') {
        command->arguments[command->count++] = option;
        command->arguments[command->count++] = value;
    }
}

bool shipper_program_execute(const struct heritage *heritage, struct failure *failure)
{
    const struct server_config *config = &heritage->config;
    const struct data_directory *directory = &heritage->directory;
    struct command command = {.arguments = {heritage->shipper.path}, .count = 1};
    char key[NUMBER_BYTES];
    char group[NUMBER_BYTES] = "";
    char replicas[NUMBER_BYTES];
    char patience[NUMBER_BYTES];
    (void)snprintf(key, sizeof key, "%08" PRIx32, directory->ipc_key);
    (void)snprintf(replicas, sizeof replicas, "%" PRIu32, config->replication_replicas);
    (void)snprintf(patience, sizeof patience, "%" PRIu64, config->timeout_shutdown_ms);
    if (directory->access.has_group) {
        (void)snprintf(group, sizeof group, "%u", (unsigned)directory->access.group);
    }
    add(&command, "--directory", directory->path);
    add(&command, "--group", group);
    add(&command, "--segment", key);
    add(&command, "--identity", directory->control.identity);
    add(&command, "--servers", config->replication_servers);
    add(&command, "--centre", config->replication_centre);
    add(&command, "--centres", config->centres_expected);
    add(&command, "--node", heritage->shipper.node);
    add(&command, "--replicas", replicas);
    add(&command, "--credentials", config->replication_credentials);
    add(&command, "--ca", config->replication_ca);
    add(&command, "--certificate", config->replication_certificate);
    add(&command, "--key", config->replication_key);
    add(&command, "--patience", patience);
    add(&command, "--log-level", log_level_name((enum log_level)config->log_level));
    if (config->confinement == CONFINEMENT_ENFORCE) {
        command.arguments[command.count++] = "--confined";
    }
    command.arguments[command.count] = NULL;
    (void)syscall(SYS_close_range, FIRST_INHERITED, ~0U, 0); /* else each closes at the execution */
    (void)execv(heritage->shipper.path, (char *const *)command.arguments);
    return failure_set_errno(failure, "execute %s", heritage->shipper.path);
}
