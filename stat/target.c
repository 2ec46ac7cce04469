/*
 * target.c - see target.h.
 */
#include "stat/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "lock"

enum lock_state { LOCK_HELD, LOCK_FREE, LOCK_UNREADABLE };

/* ------------------------------------------------------------------- lock ---- */

static enum lock_state try_lock(int file, const char *directory, struct failure *failure)
{
    if (flock(file, LOCK_SH | LOCK_NB) == 0) {
        (void)flock(file, LOCK_UN);
        return LOCK_FREE;
    }
    if (errno == EWOULDBLOCK) {
        return LOCK_HELD;
    }
    (void)failure_set_errno(failure, "look at the lock of %s/" LOCK_FILE, directory);
    return LOCK_UNREADABLE;
}

/* Whether any process of a server lives: it holds the lock then. */
static enum lock_state read_lock(int directory_descriptor, const char *directory,
                                 struct failure *failure)
{
    int file = openat(directory_descriptor, LOCK_FILE, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        (void)failure_set_errno(failure, "open %s/" LOCK_FILE, directory);
        return errno == ENOENT ? LOCK_FREE : LOCK_UNREADABLE;
    }
    enum lock_state state = try_lock(file, directory, failure);
    (void)close(file);
    return state;
}

/* ----------------------------------------------------------------- answer ---- */

/* The segment of our key may be another directory's: a key is only a hash. */
static bool is_ours(const struct segment *segment, const struct stat *status)
{
    const struct shared_identity *identity = &segment->shared->identity;
    return identity->directory_device == status->st_dev &&
           identity->directory_inode == status->st_ino;
}

static enum target_answer answer_absent(const char *directory, enum lock_state lock,
                                        struct failure *failure)
{
    if (lock == LOCK_HELD) {
        (void)failure_set(failure,
                          "the server is starting: it holds %s/" LOCK_FILE
                          " but has no shared memory here yet",
                          directory);
        return TARGET_STARTING;
    }
    (void)failure_set(failure, "no server: nobody holds %s/" LOCK_FILE, directory);
    return TARGET_ABSENT;
}

static enum target_answer answer_dead(const char *directory, const struct segment *segment,
                                      struct failure *failure)
{
    (void)failure_set(failure,
                      "no server: nobody holds %s/" LOCK_FILE
                      ", what is in /dev/shm%s was left by one that was killed",
                      directory, segment->name);
    return TARGET_ABSENT;
}

/* The segment is mapped, and unmapped again unless the answer is TARGET_FOUND. */
static enum target_answer judge(const char *directory, const struct stat *status,
                                enum lock_state lock, const struct segment *segment,
                                struct failure *failure)
{
    const struct shared *shared = segment->shared;
    if (!is_ours(segment, status)) {
        return answer_absent(directory, lock, failure);
    }
    if (lock == LOCK_FREE) {
        return answer_dead(directory, segment, failure);
    }
    if (atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire) == SHARED_STARTING) {
        (void)failure_set(failure, "the server is starting: pid %d reads what is stored in %s",
                          (int)shared->identity.supervisor_pid, directory);
        return TARGET_STARTING;
    }
    return TARGET_FOUND;
}

static enum target_answer attach_locked(const char *directory, const struct stat *status,
                                        enum lock_state lock, struct segment *segment,
                                        struct failure *failure)
{
    switch (segment_attach(segment_key(status->st_dev, status->st_ino), segment, failure)) {
    case SEGMENT_ATTACHED: {
        enum target_answer answer = judge(directory, status, lock, segment, failure);
        if (answer != TARGET_FOUND) {
            segment_unmap(segment);
        }
        return answer;
    }
    case SEGMENT_ABSENT:
        return answer_absent(directory, lock, failure);
    case SEGMENT_STARTING:
        return lock == LOCK_HELD ? TARGET_STARTING : answer_dead(directory, segment, failure);
    case SEGMENT_OTHER_VERSION:
        break;
    }
    return TARGET_OTHER_VERSION;
}

static enum target_answer attach_in(int descriptor, const char *directory, struct segment *segment,
                                    struct failure *failure)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        (void)failure_set_errno(failure, "look at data directory %s", directory);
        return TARGET_FAILED;
    }
    enum lock_state lock = read_lock(descriptor, directory, failure);
    return lock == LOCK_UNREADABLE ? TARGET_FAILED
                                   : attach_locked(directory, &status, lock, segment, failure);
}

enum target_answer target_attach(const char *directory, struct segment *segment,
                                 struct failure *failure)
{
    int descriptor = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        (void)failure_set_errno(failure, "no server: data directory %s", directory);
        return TARGET_ABSENT;
    }
    if (descriptor < 0) {
        (void)failure_set_errno(failure, "open data directory %s", directory);
        return TARGET_FAILED;
    }
    enum target_answer answer = attach_in(descriptor, directory, segment, failure);
    (void)close(descriptor);
    return answer;
}
