/*
 * data_directory.c - see data_directory.h. The lock is a flock(2): it belongs
 * to the open file description, which every child inherits, and so is given up
 * by the last process of the server, however it ends.
 */
#include "server/data_directory.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/file_io.h"
#include "server/lock_holders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0755, FILE_MODE = 0644, LOCK_RETRY_MS = 20, LINE_BYTES = 256 };

#define LOCK_FILE       "lock"
#define OLD_LAYOUT_FILE "layout" /* what servers up to version 1.0 had for control */

/* ----------------------------------------------------------------- lock ---- */

/* Who has the lock now, and who took it: a killed supervisor's children hold it on. */
static bool describe_holders(const struct data_directory *directory, struct failure *failure)
{
    char pids[LINE_BYTES] = "";
    lock_holders_list(directory->lock, pids, sizeof pids);
    char written[LINE_BYTES] = "";
    ssize_t got = pread(directory->lock, written, sizeof written - 1, 0);
    written[got > 0 ? got : 0] = '\0';
    return failure_set(failure,
                       "data directory %s is in use by another server (lock held by %s%s; started "
                       "as pid %s)",
                       directory->path, pids[0] == '\0' ? "processes that can't be seen" : "pid",
                       pids, written);
}

static void pause_for(uint64_t pause_ms)
{
    struct timespec pause = clock_interval((int64_t)pause_ms);
    (void)nanosleep(&pause, NULL);
}

/* A start that failed may have taken the file away again while we waited for it. */
static bool check_lock(const struct data_directory *directory, struct failure *failure)
{
    struct stat status;
    if (fstat(directory->lock, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" LOCK_FILE, directory->path);
    }
    return status.st_nlink > 0 ||
           failure_set(failure, "%s/" LOCK_FILE " has just been removed: try again",
                       directory->path);
}

/* flock has no time limit of its own, and a signal would have to be spent on one. */
static bool take_lock(struct data_directory *directory, uint64_t patience_ms,
                      struct failure *failure)
{
    for (uint64_t waited_ms = 0;; waited_ms += LOCK_RETRY_MS) {
        if (flock(directory->lock, LOCK_EX | LOCK_NB) == 0) {
            return check_lock(directory, failure);
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return failure_set_errno(failure, "lock %s/" LOCK_FILE, directory->path);
        }
        if (waited_ms >= patience_ms) {
            return describe_holders(directory, failure);
        }
        pause_for(LOCK_RETRY_MS);
    }
}

/* The supervisor's pid, for those who find the directory locked. */
static bool write_pid(const struct data_directory *directory, struct failure *failure)
{
    char pid[LINE_BYTES];
    int bytes = snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ftruncate(directory->lock, 0) != 0 ||
        !file_write_all(directory->lock, pid, (size_t)bytes, 0)) {
        return failure_set_errno(failure, "write %s/" LOCK_FILE, directory->path);
    }
    return true;
}

/* -------------------------------------------------------------- control ---- */

/* True when there is something under this name that is not empty. */
static bool holds_something(const struct data_directory *directory, const char *name)
{
    struct stat status;
    return fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (!S_ISREG(status.st_mode) || status.st_size > 0);
}

/* Without control there may be nothing: each start makes it before any other file but the lock. */
static bool is_virgin(const struct data_directory *directory, struct failure *failure)
{
    static const char *const files[] = {DATA_BETS_FILE, DATA_DONE_FILE, DATA_WINNERS_FILE,
                                        DATA_CHECKPOINT_FILE};
    if (holds_something(directory, OLD_LAYOUT_FILE)) {
        return failure_set(failure,
                           "data directory %s was written by a server of version 1.0, which noted "
                           "less than this one relies on: nothing was touched; finish its "
                           "lottery with that server, or name another data.directory",
                           directory->path);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (holds_something(directory, files[i])) {
            return failure_set(failure,
                               "%s/" DATA_CONTROL_FILE " is missing, and %s is there: nothing was "
                               "touched; restore all files from one backup, or name an empty "
                               "data.directory",
                               directory->path, files[i]);
        }
    }
    return true;
}

static bool read_control(struct data_directory *directory, struct failure *failure)
{
    switch (control_read(directory, &directory->control, failure)) {
    case CONTROL_READ:
        directory->has_control = true;
        return true;
    case CONTROL_ABSENT:
        return is_virgin(directory, failure);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

int data_directory_open_file(const struct data_directory *directory, const char *name, int flags,
                             struct failure *failure)
{
    int file = openat(directory->descriptor, name, flags | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        (void)failure_set_errno(failure, "open %s/%s", directory->path, name);
    }
    return file;
}

/* ----------------------------------------------------------------- open ---- */

/* A directory that was just made has to be found again after a power loss: its parent is synced. */
static bool sync_parent(const struct data_directory *directory, struct failure *failure)
{
    int parent = openat(directory->descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = parent >= 0 && file_sync_directory(parent, directory->path);
    if (!synced) {
        (void)failure_set_errno(failure, "sync the parent of %s", directory->path);
    }
    if (parent >= 0) {
        (void)close(parent);
    }
    return synced;
}

static bool open_directory(struct data_directory *directory, struct failure *failure)
{
    directory->made = mkdir(directory->path, DIRECTORY_MODE) == 0;
    if (!directory->made && errno != EEXIST) {
        return failure_set_errno(failure, "create data directory %s", directory->path);
    }
    directory->descriptor = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (directory->descriptor < 0 || fstat(directory->descriptor, &status) != 0) {
        return failure_set_errno(failure, "open data directory %s", directory->path);
    }
    if (directory->made && !sync_parent(directory, failure)) {
        return false;
    }
    directory->device = status.st_dev;
    directory->inode = status.st_ino;
    directory->lock =
        openat(directory->descriptor, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    return directory->lock >= 0 ||
           failure_set_errno(failure, "open %s/" LOCK_FILE, directory->path);
}

bool data_directory_open(const char *path, uint64_t patience_ms, struct data_directory *directory,
                         struct failure *failure)
{
    *directory = (struct data_directory){.path = path, .descriptor = -1, .lock = -1};
    if (open_directory(directory, failure) && take_lock(directory, patience_ms, failure) &&
        read_control(directory, failure) && write_pid(directory, failure)) {
        return true;
    }
    data_directory_close(directory);
    return false;
}

void data_directory_discard(struct data_directory *directory)
{
    if (directory->made && directory->descriptor >= 0) {
        (void)unlinkat(directory->descriptor, LOCK_FILE, 0);
        (void)rmdir(directory->path); /* stays where anybody put anything into it */
    }
    data_directory_close(directory);
}

void data_directory_close(struct data_directory *directory)
{
    if (directory->lock >= 0) {
        (void)close(directory->lock);
        directory->lock = -1;
    }
    if (directory->descriptor >= 0) {
        (void)close(directory->descriptor);
        directory->descriptor = -1;
    }
}
