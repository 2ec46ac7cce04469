/*
 * lock_owner_main.c - lottery-lock-owner: stops the process that holds the append lock, for the
 * demonstration (scripts/demo.sh).
 *
 *     lottery-lock-owner DATA-DIRECTORY
 *
 * The lock is held for microseconds, and nothing outside the server can know who has it. So this
 * reads the mutex's word again and again, stops whom it names (SIGSTOP), and looks whether the word
 * still names it: then it was stopped with the lock in its hand. Else it goes on (SIGCONT). Prints
 * the pid of a process that was stopped so, and leaves it stopped; the caller kills it. Exit status
 * 1 when none was found in SEARCH_MS, or there is no server. If this program is killed, one handler
 * may stay stopped.
 */
#include "lib/clock.h"
#include "lib/failure.h"
#include "stat/target.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

enum { SEARCH_MS = 30000, STOP_TAKES_NS = 2000000, LOOKS_A_CLOCK = 1024 };

/* Who holds the lock now; 0: nobody. glibc keeps the owner's thread in the word (futex(2)). */
static pid_t owner_of(const struct segment *segment)
{
    const volatile int *word = &segment->shared->append.mutex.__data.__lock;
    return (pid_t)((uint32_t)*word & FUTEX_TID_MASK);
}

/* Stops it, and tells whether it had the lock then. */
static bool catch_owner(const struct segment *segment, pid_t pid)
{
    const struct timespec moment = {.tv_nsec = STOP_TAKES_NS};
    if (kill(pid, SIGSTOP) != 0) {
        return false;
    }
    (void)nanosleep(&moment, NULL);
    if (owner_of(segment) == pid) {
        return true;
    }
    (void)kill(pid, SIGCONT);
    return false;
}

/* The process of a thread: the storer has several, and signals and ps know it by the first one's. */
static pid_t process_of(pid_t thread)
{
    enum { LINE_BYTES = 128, DECIMAL = 10 };
    static const char name[] = "Tgid:";
    char path[LINE_BYTES];
    char line[LINE_BYTES];
    pid_t process = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    FILE *status = fopen(path, "re");
    if (status == NULL) {
        return thread;
    }
    while (process == 0 && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            process = (pid_t)strtol(line + strlen(name), NULL, DECIMAL);
        }
    }
    (void)fclose(status);
    return process > 0 ? process : thread;
}

static pid_t find_owner(const struct segment *segment)
{
    int64_t until_ms = clock_monotonic_ms() + SEARCH_MS;
    while (clock_monotonic_ms() < until_ms) {
        for (int look = 0; look < LOOKS_A_CLOCK; look++) {
            pid_t pid = owner_of(segment);
            if (pid > 0 && catch_owner(segment, pid)) {
                return process_of(pid);
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct target target;
    struct failure failure;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: lottery-lock-owner DATA-DIRECTORY\n");
        return EXIT_FAILURE;
    }
    if (target_attach(argv[1], &target, &failure) != TARGET_FOUND) {
        (void)fprintf(stderr, "lottery-lock-owner: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    pid_t pid = find_owner(&target.segment);
    target_leave(&target);
    if (pid == 0) {
        (void)fprintf(stderr, "lottery-lock-owner: nobody was caught with the lock\n");
        return EXIT_FAILURE;
    }
    printf("%d\n", (int)pid);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
