/*
 * shipper_call.c - see shipper_call.h.
 */
#include "server/shipper_call.h"

#include "lib/log.h"
#include "server/shipper_program.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NOT_EXECUTED = 127 };

/* What is executed, and what its options point to. */
struct call {
    struct shipper_program program;
    struct shipper_command command;
    char takeover_after[SHIPPER_COMMAND_NUMBER_BYTES];
    char descriptor[SHIPPER_COMMAND_NUMBER_BYTES];
    char words[SHIPPER_COMMAND_NUMBER_BYTES];
};

static bool make_call(struct call *call, const struct server_config *config,
                      const struct data_directory *directory, int words, struct failure *failure)
{
    if (!shipper_program_find(&call->program, config, failure) ||
        !shipper_program_name_node(&call->program, config, directory, failure)) {
        return false;
    }
    (void)snprintf(call->takeover_after, sizeof call->takeover_after, "%" PRIu64,
                   config->replication_takeover_after_ms);
    (void)snprintf(call->descriptor, sizeof call->descriptor, "%d", directory->descriptor);
    (void)snprintf(call->words, sizeof call->words, "%d", words);
    shipper_command_begin(&call->command, &call->program, config, directory);
    shipper_command_add_flag(&call->command, "--follow");
    shipper_command_add(&call->command, "--descriptor", call->descriptor);
    shipper_command_add(&call->command, "--words", call->words);
    shipper_command_add(&call->command, "--takeover-after", call->takeover_after);
    return true;
}

static bool is_inherited(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFD);
    return flags >= 0 && fcntl(descriptor, F_SETFD, flags & ~FD_CLOEXEC) == 0;
}

static _Noreturn void become(const struct call *call, pid_t parent, int directory, int words)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && is_inherited(directory) &&
        is_inherited(words)) {
        shipper_command_execute(&call->command);
        log_error(LOG_STANDBY_SHIPPER_NOT_STARTED, "result: fail | error: execute %s: %s",
                  call->program.path, strerror(errno));
    }
    _exit(NOT_EXECUTED);
}

pid_t shipper_call_follow(const struct server_config *config,
                          const struct data_directory *directory, int words,
                          struct failure *failure)
{
    struct call call;
    const pid_t parent = getpid();
    if (!make_call(&call, config, directory, words, failure)) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(&call, parent, directory->descriptor, words);
    }
    if (pid < 0) {
        (void)failure_set_errno(failure, "start lottery-shipper: fork");
    }
    return pid;
}
