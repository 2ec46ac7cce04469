/*
 * processes.c - see processes.h.
 */
#include "tests/harness/processes.h"

#include "tests/harness/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    FILE_MODE = 0600,
    OPEN_DIRECTORIES = 16,
    PATIENCE_MS = 10000,
    MS_PER_SECOND = 1000,
    NS_PER_MS = 1000000,
    LOST_STATUS = 125 /* of a child whose test is gone */
};

/* ---------------------------------------------------------- directories ---- */

void scratch_open(struct scratch *scratch)
{
    struct stat status;
    *scratch = (struct scratch){.path = "/tmp/lottery-test-XXXXXX", .descriptor = -1};
    assert_non_null(mkdtemp(scratch->path));
    scratch->descriptor = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(scratch->descriptor >= 0);
    assert_int_equal(fstat(scratch->descriptor, &status), 0);
    scratch->device = status.st_dev;
    scratch->inode = status.st_ino;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_close(struct scratch *scratch)
{
    if (scratch->descriptor >= 0) {
        (void)close(scratch->descriptor);
        (void)nftw(scratch->path, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
        scratch->descriptor = -1;
    }
}

void scratch_write(const struct scratch *scratch, const char *name, const void *bytes, size_t count)
{
    int file =
        openat(scratch->descriptor, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    assert_true(file >= 0);
    for (size_t written = 0; written < count;) {
        ssize_t step = write(file, (const char *)bytes + written, count - written);
        assert_true(step > 0);
        written += (size_t)step;
    }
    assert_int_equal(close(file), 0);
}

char *scratch_read(const struct scratch *scratch, const char *name, size_t *count)
{
    struct stat status;
    int file = openat(scratch->descriptor, name, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(bytes);
    *count = 0;
    while (*count < (size_t)status.st_size) {
        ssize_t step = read(file, bytes + *count, (size_t)status.st_size - *count);
        assert_true(step > 0);
        *count += (size_t)step;
    }
    bytes[*count] = '\0';
    (void)close(file);
    return bytes;
}

bool scratch_has(const struct scratch *scratch, const char *name)
{
    return faccessat(scratch->descriptor, name, F_OK, 0) == 0;
}

/* ------------------------------------------------------------ processes ---- */

void processes_open(struct processes *processes)
{
    *processes = (struct processes){.barrier = {-1, -1}};
    assert_int_equal(pipe2(processes->barrier, O_CLOEXEC), 0);
}

void processes_release(struct processes *processes)
{
    for (size_t i = 0; i < 2; i++) {
        if (processes->barrier[i] >= 0) {
            (void)close(processes->barrier[i]);
            processes->barrier[i] = -1;
        }
    }
}

void processes_close(struct processes *processes)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes->pids[i] > 0) {
            (void)processes_kill(processes, processes->pids[i]);
        }
    }
    processes_release(processes);
}

static void wait_at_barrier(const struct processes *processes)
{
    char nothing = 0;
    if (processes->barrier[0] >= 0) {
        (void)close(processes->barrier[1]);
        while (read(processes->barrier[0], &nothing, 1) < 0 && errno == EINTR) {
        }
    }
}

static size_t find_entry(const struct processes *processes, pid_t pid)
{
    size_t i = 0;
    while (i < PROCESSES_MAX && processes->pids[i] != pid) {
        i++;
    }
    assert_true(i < PROCESSES_MAX);
    return i;
}

pid_t processes_start(struct processes *processes, int (*body)(void *context), void *context)
{
    size_t entry = find_entry(processes, 0);
    pid_t test = getpid();
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != test) {
            _exit(LOST_STATUS);
        }
        wait_at_barrier(processes);
        _exit(body(context));
    }
    processes->pids[entry] = pid;
    return pid;
}

static int reap(struct processes *processes, pid_t pid)
{
    int status = 0;
    pid_t reaped = 0;
    do {
        reaped = waitpid(pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    processes->pids[find_entry(processes, pid)] = 0;
    assert_int_equal(reaped, pid);
    return status;
}

int processes_wait(struct processes *processes, pid_t pid)
{
    return reap(processes, pid);
}

int processes_kill(struct processes *processes, pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0); /* not reaped yet, so it is still this child */
    return reap(processes, pid);
}

bool processes_has_ended(struct processes *processes, pid_t pid, int *status)
{
    pid_t reaped = waitpid(pid, status, WNOHANG);
    assert_true(reaped >= 0);
    if (reaped == pid) {
        processes->pids[find_entry(processes, pid)] = 0;
    }
    return reaped == pid;
}

void processes_expect_exit(struct processes *processes, pid_t pid, int exit_status)
{
    int status = processes_wait(processes, pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != exit_status) {
        fail_msg("a child ended with wait status 0x%04x instead of exit status %d",
                 (unsigned)status, exit_status);
    }
}

int processes_tell_and_live_on(int told)
{
    if (write(told, "x", 1) != 1) {
        return 1;
    }
    for (;;) {
        (void)pause();
    }
}

int64_t processes_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

void processes_await(bool (*condition)(const void *context), const void *context)
{
    int64_t deadline_ms = processes_now_ms() + PATIENCE_MS * deadline_patience();
    while (!condition(context)) {
        if (processes_now_ms() > deadline_ms) {
            fail_msg("what was awaited has not come in %d ms", PATIENCE_MS);
        }
        (void)sched_yield();
    }
}

void processes_die_quietly(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT};
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        (void)signal(fatal[i], SIG_DFL);
    }
}
