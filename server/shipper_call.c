/*
 * shipper_call.c - see shipper_call.h.
 */
#include "server/shipper_call.h"

#include "lib/log.h"
#include "server/shipper_program.h"
#include "store/replication.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, NUMBER_BYTES = 24, NOT_EXECUTED = 127 };

/* What is executed. */
struct call {
    struct shipper_program program;
    char node[REPLICATION_NODE_BYTES];
    char takeover_after[NUMBER_BYTES], descriptor[NUMBER_BYTES], words[NUMBER_BYTES];
    char group[NUMBER_BYTES];
    const char *arguments[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct call *call, const char *option, const char *value)
{
    if (value[0] != '\0') {
        call->arguments[call->count++] = option;
        call->arguments[call->count++] = value;
    }
}

static bool make_call(struct call *call, const struct server_config *config,
                      const struct data_directory *directory, int words, struct failure *failure)
{
    struct replication_state state;
    *call = (struct call){.count = 0};
    if (!shipper_program_find(&call->program, config, failure) ||
        !replication_settle(directory, &state, failure)) {
        return false;
    }
    replication_name_node(&state, config->replication_node, call->node);
    (void)snprintf(call->takeover_after, NUMBER_BYTES, "%" PRIu64,
                   config->replication_takeover_after_ms);
    (void)snprintf(call->descriptor, NUMBER_BYTES, "%d", directory->descriptor);
    (void)snprintf(call->words, NUMBER_BYTES, "%d", words);
    if (directory->access.has_group) {
        (void)snprintf(call->group, NUMBER_BYTES, "%u", (unsigned)directory->access.group);
    }
    call->arguments[call->count++] = call->program.path;
    call->arguments[call->count++] = "--follow";
    add(call, "--directory", directory->path);
    add(call, "--descriptor", call->descriptor);
    add(call, "--words", call->words);
    add(call, "--group", call->group);
    add(call, "--servers", config->replication_servers);
    add(call, "--centre", config->replication_centre);
    add(call, "--node", call->node);
    add(call, "--takeover-after", call->takeover_after);
    add(call, "--credentials", config->replication_credentials);
    add(call, "--ca", config->replication_ca);
    add(call, "--certificate", config->replication_certificate);
    add(call, "--key", config->replication_key);
    add(call, "--log-level", log_level_name((enum log_level)config->log_level));
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
        (void)execv(call->program.path, (char *const *)call->arguments);
        log_error("action: follow | result: fail | error: execute %s: %s", call->program.path,
                  strerror(errno));
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
