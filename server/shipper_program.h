/*
 * shipper_program.h - where lottery-shipper is, its command line, and how a child of the supervisor
 * becomes it.
 *
 * Why it exists: the client of the engine starts threads, so it is in a program of its own, which is
 * executed. That program stands beside the server's own one; so both are of one version.
 *
 * The place is looked up at the start, before the supervisor may look at files no more. The program is
 * given all that the configuration says by its options: nothing is read a second time, and the secrets
 * are paths there, too. The supervisor's child leaves it no descriptor but the standard streams, so it
 * holds no lock.
 *
 * Called by the supervisor and its child, and by a standby (shipper_call.h).
 */
#ifndef SERVER_SHIPPER_PROGRAM_H
#define SERVER_SHIPPER_PROGRAM_H

#include "lib/failure.h"
#include "server/server_config.h"
#include "store/data_directory.h"
#include "store/replication.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct heritage;

struct shipper_program {
    char path[PATH_MAX]; /* "": nothing is copied */
    char node[REPLICATION_NODE_BYTES];
};

/*
 * Finds the program, where the configuration has replication.servers. False with the failure where it is
 * not there, or can't be executed.
 */
bool shipper_program_find(struct shipper_program *program, const struct server_config *config,
                          struct failure *failure);

/*
 * Finds out which node of the centre this is, where the configuration has replication.servers: the
 * directory has a number for that, and gets one. False with the failure.
 */
bool shipper_program_name_node(struct shipper_program *program, const struct server_config *config,
                               const struct data_directory *directory, struct failure *failure);

enum { SHIPPER_COMMAND_ARGUMENTS = 40, SHIPPER_COMMAND_NUMBER_BYTES = 24 };

/* A command line in the making, ended by NULL at any time. */
struct shipper_command {
    const char *arguments[SHIPPER_COMMAND_ARGUMENTS];
    size_t count;
    char group[SHIPPER_COMMAND_NUMBER_BYTES];
};

/*
 * Begins one with what each life of the program is told. It points to the three, and to itself: they
 * stay where they are until it is executed.
 */
void shipper_command_begin(struct shipper_command *command, const struct shipper_program *program,
                           const struct server_config *config,
                           const struct data_directory *directory);

/* Adds an option with its value, which stays the caller's; none where the value is "". */
void shipper_command_add(struct shipper_command *command, const char *option, const char *value);

/* Adds an option that has no value. */
void shipper_command_add_flag(struct shipper_command *command, const char *option);

/* Executes it in this process. Returns only where that fails, with errno. */
void shipper_command_execute(const struct shipper_command *command);

/* Executes the shipper of a server in this process. Returns only where that fails, with the failure. */
bool shipper_program_execute(const struct heritage *heritage, struct failure *failure);

#endif
