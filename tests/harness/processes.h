/*
 * processes.h - what tests of several processes need, and what they must not leave behind.
 *
 * A directory of its own for each test, and children that start together and
 * are gone when the test is over, however it went. Children are killed when the
 * test's process dies (PR_SET_PDEATHSIG), so a test program that is ended by
 * its time limit leaves none.
 *
 * Calls that fail end the test, by cmocka's assertions, in the test's process.
 * A child must not use those: it says what it found by its exit status.
 */
#ifndef TESTS_HARNESS_PROCESSES_H
#define TESTS_HARNESS_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---------------------------------------------------------- directories ---- */

enum { SCRATCH_PATH_BYTES = 64 };

/* An empty directory that no other test has; its device and inode make names that are unique. */
struct scratch {
    char path[SCRATCH_PATH_BYTES];
    uint64_t device, inode;
    int descriptor; /* of the directory */
};

void scratch_open(struct scratch *scratch);

/* Removes the directory and all that is in it. */
void scratch_close(struct scratch *scratch);

/* Writes a file of the directory anew, and reads it whole: allocated, one NUL behind its bytes. */
void scratch_write(const struct scratch *scratch, const char *name, const void *bytes,
                   size_t count);
char *scratch_read(const struct scratch *scratch, const char *name, size_t *count);
bool scratch_has(const struct scratch *scratch, const char *name);

/* ------------------------------------------------------------ processes ---- */

enum { PROCESSES_MAX = 64 };

/* The children of one test. */
struct processes {
    pid_t pids[PROCESSES_MAX]; /* 0: a free entry */
    int barrier[2];            /* a pipe; children that wait at it go when its writer is closed */
};

void processes_open(struct processes *processes);

/* Kills and reaps every child that is left. */
void processes_close(struct processes *processes);

/*
 * Forks a child that runs body(context) and ends with its result as exit status. While
 * the barrier is up the child waits at it first; it is up from processes_open
 * on until processes_release, which lets all children go at once.
 */
pid_t processes_start(struct processes *processes, int (*body)(void *context), void *context);
void processes_release(struct processes *processes);

/* Waits for a child to end; returns its wait status (waitpid). */
int processes_wait(struct processes *processes, pid_t pid);

/* Kills a child and reaps it; returns its wait status. */
int processes_kill(struct processes *processes, pid_t pid);

/* True when the child has ended by itself, which is then reaped, its status in *status. */
bool processes_has_ended(struct processes *processes, pid_t pid, int *status);

/* Expects that a child ends by exit, with this status. */
void processes_expect_exit(struct processes *processes, pid_t pid, int exit_status);

/*
 * Looks again and again, leaving the processor to others in between, until the
 * condition holds; fails the test when it does not within ten seconds.
 */
void processes_await(bool (*condition)(const void *context), const void *context);

/*
 * For a child's body: tells its test by one byte into the pipe, then lives until it is
 * killed. Returns 1 where the byte can't be written.
 */
int processes_tell_and_live_on(int told);

/* Milliseconds of the monotonic clock. */
int64_t processes_now_ms(void);

/*
 * A child that dies where a test lets it: no core file, and no report of a
 * sanitizer in place of the signal.
 */
void processes_die_quietly(void);

#endif
