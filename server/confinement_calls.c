/*
 * confinement_calls.c - see confinement_calls.h.
 */
#include "server/confinement_calls.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BINARY_TREE = 2, /* libseccomp 2.5: numbers are looked up by a tree, and not one by one */
    NUMBERS_MAX = 1024
};

bool confinement_calls_are_there(void)
{
    /* A filter that can't be read: EFAULT where there are filters, EINVAL or ENOSYS where not. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != 0 && errno == EFAULT;
}

/* ---------------------------------------------------------------- making ---- */

/* A filter in the making, and the numbers that it allows. */
struct making {
    scmp_filter_ctx context;
    bool allowed[NUMBERS_MAX];
};

/* Adds one row. A row that another one covers already is no error. */
static bool add_call(struct making *making, const struct confinement_call *call,
                     struct failure *failure)
{
    int number = seccomp_syscall_resolve_name(call->name);
    if (number < 0) {
        return true; /* this machine has no such call */
    }
    uint32_t action = call->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint16_t)call->error);
    struct scmp_arg_cmp conditions[CONFINEMENT_CONDITIONS];
    unsigned count = 0;
    for (; count < CONFINEMENT_CONDITIONS && call->conditions[count].mask != 0; count++) {
        const struct confinement_condition *condition = &call->conditions[count];
        conditions[count] = (struct scmp_arg_cmp){.arg = condition->argument,
                                                  .op = SCMP_CMP_MASKED_EQ,
                                                  .datum_a = condition->mask,
                                                  .datum_b = condition->value};
    }
    int result = seccomp_rule_add_array(making->context, action, number, count, conditions);
    if (result != 0 && result != -EEXIST) {
        errno = -result;
        return failure_set_errno(failure, "allow the system call %s", call->name);
    }
    if (call->error == 0 && number < NUMBERS_MAX) {
        making->allowed[number] = true;
    }
    return true;
}

/* Reads what the library exports, through a file that is memory. */
static bool read_program(scmp_filter_ctx context, struct confinement_filter *filter,
                         struct failure *failure)
{
    int file = memfd_create("lottery-filter", MFD_CLOEXEC);
    struct stat status;
    bool exported =
        file >= 0 && seccomp_export_bpf(context, file) == 0 && fstat(file, &status) == 0;
    size_t bytes = exported ? (size_t)status.st_size : 0;
    filter->program = exported ? malloc(bytes) : NULL;
    bool is_read =
        filter->program != NULL && pread(file, filter->program, bytes, 0) == (ssize_t)bytes;
    filter->instructions = (unsigned short)(bytes / sizeof *filter->program);
    if (!is_read) {
        failure_set_errno(failure, "read a seccomp filter");
        confinement_calls_free(filter);
    }
    if (file >= 0) {
        close(file);
    }
    return is_read;
}

static bool add_lists(struct making *making, const struct confinement_list *lists, size_t count,
                      struct failure *failure)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < lists[i].count; j++) {
            if (!add_call(making, &lists[i].calls[j], failure)) {
                return false;
            }
        }
    }
    return true;
}

bool confinement_calls_make(const struct confinement_list *lists, size_t count, bool only_tells,
                            struct confinement_filter *filter, struct failure *failure)
{
    struct making making = {.context = seccomp_init(only_tells ? SCMP_ACT_LOG : SCMP_ACT_TRAP)};
    *filter = (struct confinement_filter){.program = NULL};
    if (making.context == NULL) {
        return failure_set(failure, "make a seccomp filter: libseccomp has no memory");
    }
    (void)seccomp_attr_set(making.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(making.context, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    bool made =
        add_lists(&making, lists, count, failure) && read_program(making.context, filter, failure);
    for (size_t i = 0; made && i < NUMBERS_MAX; i++) {
        filter->calls += making.allowed[i] ? 1 : 0;
    }
    seccomp_release(making.context);
    return made;
}

void confinement_calls_free(struct confinement_filter *filter)
{
    free(filter->program);
    *filter = (struct confinement_filter){.program = NULL};
}

/* --------------------------------------------------------------- loading ---- */

/* Each process has its own copy of the program, and its own pid. */
static void fill_in_pid(const struct confinement_filter *filter)
{
    uint32_t pid = (uint32_t)getpid();
    for (size_t i = 0; i < filter->instructions; i++) {
        struct sock_filter *instruction = &filter->program[i];
        bool is_comparison = BPF_CLASS(instruction->code) == BPF_JMP;
        if (is_comparison && instruction->k == CONFINEMENT_OWN_PID) {
            instruction->k = pid;
        }
    }
}

bool confinement_calls_load(const struct confinement_filter *filter)
{
    fill_in_pid(filter);
    const struct sock_fprog program = {.len = filter->instructions, .filter = filter->program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
