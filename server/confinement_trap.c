/*
 * confinement_trap.c - see confinement_trap.h. Role and names are global, because a signal handler
 * has no other way to them; each process has its own.
 */
#include "server/confinement_trap.h"

#include "lib/log.h"

#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NAMES_MAX = 512,
    CODE_SECCOMP = 1, /* SYS_SECCOMP of asm-generic/siginfo.h: by a filter, and not by kill(2) */
    SIGNAL_STATUS = 128
};

static const char *names[NAMES_MAX];
static const char *own_role = "";

void confinement_trap_name_calls(void)
{
    for (int number = 0; number < NAMES_MAX && names[number] == NULL; number++) {
        names[number] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    }
}

/* ------------------------------------------------------------- last words ---- */

static void tell(int number)
{
    const char *name = number >= 0 && number < NAMES_MAX ? names[number] : NULL;
    log_write_in_signal(
        LOG_LEVEL_CRITICAL, LOG_FORBIDDEN_CALL,
        "result: fail | role: %s | pid: %d | call: %s | number: %d | reason: this process may "
        "not do that; it ends",
        own_role, (int)getpid(), name == NULL ? "unknown" : name, number);
}

/*
 * Ends the process by another forbidden call: while its handler runs SIGSYS is blocked, and then
 * the kernel ends the process by it. So no right to send signals is needed. No process of the
 * server may execute programs.
 */
static void on_forbidden_call(int signal_number, siginfo_t *information, void *context)
{
    (void)signal_number;
    (void)context;
    if (information->si_code == CODE_SECCOMP) {
        tell(information->si_syscall);
    }
    (void)syscall(SYS_execve, NULL, NULL, NULL);
    _exit(SIGNAL_STATUS + SIGSYS);
}

void confinement_trap_set(const char *role)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    own_role = role;
    action.sa_sigaction = on_forbidden_call;
    sigfillset(&action.sa_mask);
    (void)sigaction(SIGSYS, &action, NULL);
}
