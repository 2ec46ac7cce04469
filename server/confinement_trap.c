/*
 * confinement_trap.c - see confinement_trap.h. Role and names are global, because a signal handler
 * has no other way to them; each process has its own.
 */
#include "server/confinement_trap.h"

#include "lib/decimal.h"
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
    LINE_BYTES = 256,
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

/* A line in the making; a signal handler may not call snprintf. */
struct words {
    char text[LINE_BYTES];
    size_t used;
};

static void add_text(struct words *words, const char *text)
{
    while (*text != '\0' && words->used < LINE_BYTES - 1) {
        words->text[words->used++] = *text++;
    }
    words->text[words->used] = '\0';
}

static void add_number(struct words *words, uint32_t number)
{
    char digits[DECIMAL_UINT32_BYTES_MAX + 1];
    *decimal_write(digits, number) = '\0';
    add_text(words, digits);
}

static void tell(int number)
{
    struct words words = {.used = 0};
    const char *name = number >= 0 && number < NAMES_MAX ? names[number] : NULL;
    add_text(&words, "result: fail | role: ");
    add_text(&words, own_role);
    add_text(&words, " | pid: ");
    add_number(&words, (uint32_t)getpid());
    add_text(&words, " | call: ");
    add_text(&words, name == NULL ? "unknown" : name);
    add_text(&words, " | number: ");
    add_number(&words, (uint32_t)number);
    add_text(&words, " | reason: this process may not do that; it ends");
    log_write_in_signal(LOG_LEVEL_CRITICAL, LOG_FORBIDDEN_CALL, words.text);
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
