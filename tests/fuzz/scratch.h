/*
 * scratch.h - a data directory of its own for the targets that read files.
 *
 * Made once a process, in memory where the machine has /dev/shm, and removed at
 * exit. What a file holds before and after is compared byte by byte.
 */
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* The names of all files that a server, or a target, makes. */
static const char *const scratch_names[] = {
    "lock",        "control",        "bets.csv", "done.csv",   "control.tmp", "checkpoint",
    "winners.csv", "checkpoint.tmp", "layout",   "config.ini", "admin.sock"};

static char scratch_path[] = "/dev/shm/lottery-fuzz-XXXXXX";
static int scratch_directory = -1;

static inline void scratch_clear(void)
{
    for (size_t i = 0; i < sizeof scratch_names / sizeof scratch_names[0]; i++) {
        (void)unlinkat(scratch_directory, scratch_names[i], 0);
    }
}

static inline void scratch_remove(void)
{
    scratch_clear();
    (void)close(scratch_directory);
    (void)rmdir(scratch_path);
}

/* Makes the directory at the first call, and empties it at each. */
static inline void scratch_open(void)
{
    if (scratch_directory < 0) {
        FUZZ_EXPECT(mkdtemp(scratch_path) != NULL);
        scratch_directory = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FUZZ_EXPECT(scratch_directory >= 0 && atexit(scratch_remove) == 0);
    }
    scratch_clear();
}

static inline void scratch_write(const char *name, const void *bytes, size_t count)
{
    int file = openat(scratch_directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_EXPECT(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    (void)close(file);
}

/* The bytes in the file; -1 where there is none. */
static inline ssize_t scratch_bytes(const char *name)
{
    struct stat status;
    return fstatat(scratch_directory, name, &status, 0) == 0 ? (ssize_t)status.st_size : -1;
}

/* True when the file holds exactly these bytes. */
static inline bool scratch_holds(const char *name, const void *bytes, size_t count)
{
    int file = openat(scratch_directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    char *content = malloc(count + 1);
    FUZZ_EXPECT(content != NULL);
    bool same = read(file, content, count + 1) == (ssize_t)count &&
                (count == 0 || memcmp(content, bytes, count) == 0);
    free(content);
    (void)close(file);
    return same;
}

#endif
