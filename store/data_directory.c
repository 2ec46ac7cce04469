/*
 * data_directory.c - see data_directory.h. The locks are flock(2)s. They belong
 * to open file descriptions, which every child inherits, so the kernel gives them up when the
 * last process of the server ends, in whatever way. The directory is locked first, because a
 * `lock` that was removed and made again by hand is another file, which nobody has locked. The
 * file `lock` is locked as well for programs that look there.
 */
#include "store/data_directory.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "store/archive.h"
#include "store/file_io.h"
#include "store/lock_holders.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_RETRY_MS = 20, LINE_BYTES = 256, OPEN_TRIES = 8 };

#define OLD_LAYOUT_FILE "layout" /* what servers up to version 1.0 had for control */

/* ---------------------------------------------------------------- files ---- */

mode_t data_directory_file_mode(const struct data_directory *directory)
{
    return data_access_file_mode(&directory->access);
}

static void write_path(const struct data_directory *directory, const char *name,
                       char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", directory->path, name);
}

/*
 * Checks a file before it is opened: opening a pipe would block, and a link leads elsewhere. A file
 * that is replaced meanwhile is looked at again.
 */
static bool check_name(const struct data_directory *directory, const char *name,
                       struct failure *failure)
{
    struct stat status;
    char path[PATH_MAX];
    bool right = false;
    write_path(directory, name, path);
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        if (fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT || failure_set_errno(failure, "look at %s", path);
        }
        right = data_access_check(&status, &directory->access, false, path, failure);
        if (right || errno != ESTALE) {
            break;
        }
    }
    return right;
}

/* Opens, or else makes with O_EXCL: O_CREAT alone does not tell whether it has made the file. */
static int open_or_make(const struct data_directory *directory, const char *name, int flags,
                        bool *made)
{
    const int always = O_NOFOLLOW | O_CLOEXEC;
    int present = (flags & ~(O_CREAT | O_TRUNC)) | always;
    int absent = (flags & ~O_TRUNC) | O_CREAT | O_EXCL | always;
    const mode_t mode = data_directory_file_mode(directory);
    int file = -1;
    *made = false;
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        file = (flags & O_EXCL) != 0 ? -1 : openat(directory->descriptor, name, present, mode);
        bool may_make = (flags & O_CREAT) != 0 && ((flags & O_EXCL) != 0 || errno == ENOENT);
        if (file >= 0 || !may_make) {
            break;
        }
        file = openat(directory->descriptor, name, absent, mode);
        *made = file >= 0;
        if (*made || errno != EEXIST || (flags & O_EXCL) != 0) {
            break;
        }
    }
    return file;
}

static bool settle_file(const struct data_directory *directory, int file, bool made, int flags,
                        const char *path, struct failure *failure)
{
    if (made) {
        return data_access_set(file, data_directory_file_mode(directory), &directory->access, path,
                               failure);
    }
    struct stat status;
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "stat %s", path);
    }
    if (!data_access_check(&status, &directory->access, false, path, failure)) {
        return false;
    }
    return (flags & O_TRUNC) == 0 || ftruncate(file, 0) == 0 ||
           failure_set_errno(failure, "empty %s", path);
}

/* Opens what stands under the name now. errno ESTALE: it was replaced meanwhile. */
static int open_once(const struct data_directory *directory, const char *name, int flags,
                     struct failure *failure)
{
    char path[PATH_MAX];
    bool made = false;
    write_path(directory, name, path);
    if (!check_name(directory, name, failure)) {
        return -1;
    }
    int file = open_or_make(directory, name, flags, &made);
    if (file < 0) {
        failure_set_errno(failure, "open %s", path);
        return -1;
    }
    if (settle_file(directory, file, made, flags, path, failure)) {
        return file;
    }
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

int data_directory_open_file(const struct data_directory *directory, const char *name, int flags,
                             struct failure *failure)
{
    int file = -1;
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        file = open_once(directory, name, flags, failure);
        if (file >= 0 || errno != ESTALE) {
            break;
        }
    }
    return file;
}

/* ---------------------------------------------------------------- locks ---- */

/*
 * Names the processes that hold the lock now, and the supervisor that took it, which may have
 * ended while its children go on.
 */
static bool describe_holders(const struct data_directory *directory, int locked,
                             struct failure *failure)
{
    char pids[LINE_BYTES] = "";
    char written[LINE_BYTES] = "";
    lock_holders_list(locked, pids, sizeof pids);
    int file = openat(directory->descriptor, DATA_LOCK_FILE,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) {
        ssize_t got = read(file, written, sizeof written - 1);
        written[got > 0 ? got : 0] = '\0';
        close(file);
    }
    return failure_set(failure,
                       "data directory %s is in use by another server (lock held by %s%s%s%s)",
                       directory->path, pids[0] == '\0' ? "processes that can't be seen" : "pid",
                       pids, written[0] == '\0' ? "" : "; started as pid ", written);
}

/* Tries again and again, because flock has no time limit. */
static bool take_lock(const struct data_directory *directory, int file, uint64_t patience_ms,
                      struct failure *failure)
{
    const struct timespec pause = clock_interval(LOCK_RETRY_MS);
    for (uint64_t waited_ms = 0;; waited_ms += LOCK_RETRY_MS) {
        if (flock(file, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return failure_set_errno(failure, "lock %s", directory->path);
        }
        if (waited_ms >= patience_ms) {
            return describe_holders(directory, file, failure);
        }
        nanosleep(&pause, NULL);
    }
}

/* Network file systems make byte-range locks of flocks, which need a file open for writing. */
static bool is_lock_unsupported(int error)
{
    return error == EBADF || error == EOPNOTSUPP || error == ENOLCK || error == EINVAL ||
           error == ENOSYS;
}

static bool lock_directory(const struct data_directory *directory, uint64_t patience_ms,
                           struct failure *failure)
{
    if (!take_lock(directory, directory->descriptor, patience_ms, failure)) {
        if (!is_lock_unsupported(errno)) {
            return false;
        }
        log_warning(LOG_DIRECTORY_NOT_LOCKED,
                    "result: fail | directory: %s | error: %s | reason: its file system locks no "
                    "directories; the file " DATA_LOCK_FILE
                    " alone keeps other servers out: don't remove it",
                    directory->path, strerror(errno));
    }
    /* Another start, which failed, may have removed it while we waited for its lock. */
    struct stat status;
    return (stat(directory->path, &status) == 0 && status.st_dev == directory->device &&
            status.st_ino == directory->inode) ||
           failure_set(failure, "data directory %s has just been removed: try again",
                       directory->path);
}

/* Opens and locks `lock`, and checks that it was not removed between the two. */
static bool lock_file(struct data_directory *directory, uint64_t patience_ms,
                      struct failure *failure)
{
    struct stat status;
    directory->lock =
        data_directory_open_file(directory, DATA_LOCK_FILE, O_RDWR | O_CREAT, failure);
    if (directory->lock < 0 || !take_lock(directory, directory->lock, patience_ms, failure)) {
        return false;
    }
    if (fstat(directory->lock, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_LOCK_FILE, directory->path);
    }
    return status.st_nlink > 0 ||
           failure_set(failure, "%s/" DATA_LOCK_FILE " has just been removed: try again",
                       directory->path);
}

/* Writes the supervisor's pid, for starts that find the directory locked. */
static bool write_pid(const struct data_directory *directory, struct failure *failure)
{
    char pid[LINE_BYTES];
    int bytes = snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ftruncate(directory->lock, 0) != 0 ||
        !file_write_all(directory->lock, pid, (size_t)bytes, 0)) {
        return failure_set_errno(failure, "write %s/" DATA_LOCK_FILE, directory->path);
    }
    return true;
}

/* -------------------------------------------------------------- control ---- */

/* True when there is something of this name that is not an empty file. */
static bool holds_something(const struct data_directory *directory, const char *name)
{
    struct stat status;
    return fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (!S_ISREG(status.st_mode) || status.st_size > 0);
}

/*
 * Without control there must be nothing: each start, and each standby, writes it before any other
 * file but `lock` and `replication`.
 */
static bool is_virgin(const struct data_directory *directory, struct failure *failure)
{
    static const char *const files[] = {DATA_BETS_FILE,       DATA_DONE_FILE, DATA_WINNERS_FILE,
                                        DATA_CHECKPOINT_FILE, DATA_SEAL_FILE, DATA_DRAW_FILE,
                                        ARCHIVE_DIRECTORY};
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
        directory->ipc_key = directory->control.ipc_key;
        /* Its writer may have died between the rename and the sync. What is done by this control,
         * such as moving files, must not be found by a power loss with the control before it. */
        return file_sync_directory(directory->descriptor, directory->path) ||
               failure_set_errno(failure, "sync %s", directory->path);
    case CONTROL_ABSENT:
        return is_virgin(directory, failure);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

/* ----------------------------------------------------------------- open ---- */

/*
 * Sets the mode of a directory that we have made, or checks the one that was there. That one
 * keeps its mode, also if data.group was set later.
 */
static bool settle_directory(const struct data_directory *directory, const struct stat *status,
                             struct failure *failure)
{
    const struct data_access *access = &directory->access;
    if (directory->made) {
        return data_access_set(directory->descriptor, data_access_directory_mode(access), access,
                               directory->path, failure) &&
               (file_sync_parent(directory->descriptor, directory->path) ||
                failure_set_errno(failure, "sync the parent of %s", directory->path));
    }
    if (access->has_group && (status->st_mode & S_IRWXG) == 0) {
        log_warning(LOG_DIRECTORY_WITHOUT_GROUP,
                    "result: in_progress | directory: %s | reason: data.group is set, and the "
                    "directory was made without it: the group can't look into it until chgrp -R %u "
                    "%s && chmod -R g=rX %s",
                    directory->path, (unsigned)access->group, directory->path, directory->path);
    }
    return data_access_check(status, access, true, directory->path, failure);
}

/* A directory that we may not open is refused as another user's when it is that. */
static bool describe_unopened(const struct data_directory *directory, struct failure *failure)
{
    struct stat status;
    int error = errno;
    if (error == EACCES && stat(directory->path, &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid != geteuid()) {
        return data_access_check(&status, &directory->access, true, directory->path, failure);
    }
    errno = error;
    return failure_set_errno(failure, "open data directory %s", directory->path);
}

static bool open_directory(struct data_directory *directory, struct failure *failure)
{
    directory->made = mkdir(directory->path, data_access_directory_mode(&directory->access)) == 0;
    if (!directory->made && errno != EEXIST) {
        return failure_set_errno(failure, "create data directory %s", directory->path);
    }
    directory->descriptor = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->descriptor < 0) {
        return describe_unopened(directory, failure);
    }
    struct stat status;
    if (fstat(directory->descriptor, &status) != 0) {
        return failure_set_errno(failure, "open data directory %s", directory->path);
    }
    directory->device = status.st_dev;
    directory->inode = status.st_ino;
    return settle_directory(directory, &status, failure);
}

/* Checks all files at the start, and not each one only when it is needed. */
static bool check_files(const struct data_directory *directory, struct failure *failure)
{
    static const char *const names[] = {
        DATA_LOCK_FILE,           DATA_CONTROL_FILE,        DATA_BETS_FILE,
        DATA_DONE_FILE,           DATA_CHECKPOINT_FILE,     DATA_WINNERS_FILE,
        DATA_SEAL_FILE,           DATA_SEAL_SIGNATURE_FILE, DATA_DRAW_FILE,
        DATA_DRAW_SIGNATURE_FILE, DATA_REPLICATION_FILE,    DATA_OPENING_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!check_name(directory, names[i], failure)) {
            return false;
        }
    }
    return true;
}

bool data_directory_open(const char *path, const char *group, uint64_t patience_ms,
                         struct data_directory *directory, struct failure *failure)
{
    *directory = (struct data_directory){.path = path, .descriptor = -1, .lock = -1};
    if (data_access_resolve(group, &directory->access, failure) &&
        open_directory(directory, failure) && check_files(directory, failure) &&
        lock_directory(directory, patience_ms, failure) &&
        lock_file(directory, patience_ms, failure) && read_control(directory, failure) &&
        write_pid(directory, failure)) {
        return true;
    }
    data_directory_close(directory);
    return false;
}

/* A start would make the directory: somebody who may write has to be able to. */
static bool try_parent(const char *path, struct failure *failure)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    return faccessat(AT_FDCWD, dirname(parent), W_OK | X_OK, AT_EACCESS) == 0 ||
           failure_set_errno(failure, "create data directory %s", path);
}

/* A shared lock can be had where nobody has an exclusive one; it ends with the descriptor. */
static bool is_locked(const struct data_directory *directory)
{
    return flock(directory->descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* Everything that is there already, in the order of a start. */
static bool try_what_is_there(struct data_directory *directory, const struct stat *status,
                              struct failure *failure)
{
    if (!data_access_check(status, &directory->access, true, directory->path, failure) ||
        !check_files(directory, failure)) {
        return false;
    }
    if (faccessat(directory->descriptor, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        return failure_set_errno(failure, "write into data directory %s", directory->path);
    }
    switch (control_read(directory, &directory->control, failure)) {
    case CONTROL_READ:
        return true;
    case CONTROL_ABSENT:
        return is_virgin(directory, failure);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

static void look_at_content(const struct data_directory *directory,
                            struct data_directory_glance *glance)
{
    struct stat bets;
    glance->control = directory->control;
    glance->has_bets =
        fstatat(directory->descriptor, DATA_BETS_FILE, &bets, AT_SYMLINK_NOFOLLOW) == 0 &&
        bets.st_size > 0;
}

bool data_directory_try(const char *path, const char *group, struct data_directory_glance *glance,
                        struct failure *failure)
{
    struct data_directory directory = {.path = path, .lock = -1};
    struct stat status;
    *glance = (struct data_directory_glance){.in_use = false};
    if (!data_access_resolve(group, &directory.access, failure)) {
        return false;
    }
    directory.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory.descriptor < 0) {
        return errno == ENOENT ? try_parent(path, failure) : describe_unopened(&directory, failure);
    }
    glance->in_use = is_locked(&directory);
    bool right = fstat(directory.descriptor, &status) == 0
                     ? try_what_is_there(&directory, &status, failure)
                     : failure_set_errno(failure, "open data directory %s", path);
    look_at_content(&directory, glance);
    data_directory_close(&directory);
    return right;
}

void data_directory_discard(struct data_directory *directory)
{
    if (directory->made && directory->descriptor >= 0) {
        unlinkat(directory->descriptor, DATA_LOCK_FILE, 0);
        rmdir(directory->path); /* stays where anybody put anything into it */
    }
    data_directory_close(directory);
}

void data_directory_close(struct data_directory *directory)
{
    if (directory->lock >= 0) {
        close(directory->lock);
        directory->lock = -1;
    }
    if (directory->descriptor >= 0) {
        close(directory->descriptor);
        directory->descriptor = -1;
    }
}
