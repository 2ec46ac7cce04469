/*
 * test_robust_mutex.c - a kernel that has robust mutexes, and one that does not.
 */
#include "lib/robust_mutex.h"

#include "tests/harness/emulated.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void a_kernel_has_them(void **state)
{
    (void)state;
    skip_without_robust_mutexes();
    assert_true(robust_mutex_works());
}

/* From now on the kernel answers this process as user-mode emulation does. */
static bool forbid_robust_lists(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_get_robust_list, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

enum { SEEN_MISSING = EXIT_SUCCESS, SEEN_WORKING, NO_FILTER };

static int look_without(void *context)
{
    (void)context;
    if (!forbid_robust_lists()) {
        return NO_FILTER;
    }
    return robust_mutex_works() ? SEEN_WORKING : SEEN_MISSING;
}

static void emulation_lacks_them(void **state)
{
    (void)state;
    struct processes processes;
    processes_open(&processes);
    processes_release(&processes);
    int status = processes_wait(&processes, processes_start(&processes, look_without, NULL));
    processes_close(&processes);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTER) {
        skip(); /* emulated itself, or in a container that does not allow filters */
    }
    assert_int_equal(WEXITSTATUS(status), SEEN_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_has_them),
        cmocka_unit_test(emulation_lacks_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
