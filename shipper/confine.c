/*
 * confine.c - see confine.h.
 */
#include "shipper/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* Adds what is refused to a filter that allows the rest. Returns 0, or an errno. */
static int refuse(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp makes_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    const uint32_t denied = SCMP_ACT_ERRNO(EPERM);
    int result = seccomp_rule_add(filter, denied, SCMP_SYS(execve), 0);
    result = result != 0 ? result : seccomp_rule_add(filter, denied, SCMP_SYS(execveat), 0);
    result = result != 0 ? result
                         : seccomp_rule_add_array(filter, denied, SCMP_SYS(mmap), 1, &makes_code);
    result = result != 0
                 ? result
                 : seccomp_rule_add_array(filter, denied, SCMP_SYS(mprotect), 1, &makes_code);
    return result != 0 ? -result : -seccomp_load(filter);
}

bool confine(struct failure *failure)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return failure_set_errno(failure, "make the memory of this process private");
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return failure_set(failure, "make a seccomp filter: libseccomp has no memory");
    }
    int error = refuse(filter);
    seccomp_release(filter);
    errno = error;
    return error == 0 || failure_set_errno(failure, "give up executing programs");
}
