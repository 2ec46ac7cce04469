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

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0755, FILE_MODE = 0644, LOCK_RETRY_MS = 20, LINE_BYTES = 256 };

#define LOCK_FILE   "lock"
#define LAYOUT_FILE "layout"
/* The version of what the files mean, and the ring of the server that wrote them last. */
#define LAYOUT_VERSION 1U
#define VERSION_NAME   "lottery data "
#define RING_NAME      "\nring_bytes "
#define LAYOUT_FORMAT  VERSION_NAME "%u" RING_NAME "%llu\n"

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

/* --------------------------------------------------------------- layout ---- */

/* The number behind `name` in the layout file. */
static bool read_figure(const char *text, const char *name, uint64_t *value)
{
    const char *place = strstr(text, name);
    if (place == NULL || !isdigit((unsigned char)place[strlen(name)])) {
        return false;
    }
    *value = strtoull(place + strlen(name), NULL, 10);
    return true;
}

/* Reads the layout file; a missing one, or one that a crash left empty, is of a new directory. */
static bool check_layout(struct data_directory *directory, struct failure *failure)
{
    char text[LINE_BYTES] = "";
    int file = openat(directory->descriptor, LAYOUT_FILE, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT ||
               failure_set_errno(failure, "open %s/" LAYOUT_FILE, directory->path);
    }
    ssize_t got = read(file, text, sizeof text - 1);
    if (got < 0) {
        (void)failure_set_errno(failure, "read %s/" LAYOUT_FILE, directory->path);
    }
    (void)close(file);
    if (got < 0) {
        return false;
    }
    uint64_t version = 0;
    if (text[0] != '\0' &&
        (!read_figure(text, VERSION_NAME, &version) ||
         !read_figure(text, RING_NAME, &directory->last_ring_bytes) || version != LAYOUT_VERSION)) {
        text[strcspn(text, "\r\n")] = '\0';
        return failure_set(failure,
                           "data directory %s: its layout is '%s', this server knows version %u; "
                           "nothing was touched",
                           directory->path, text, LAYOUT_VERSION);
    }
    return true;
}

static bool write_layout(const struct data_directory *directory, const char *text,
                         struct failure *failure)
{
    int file = openat(directory->descriptor, LAYOUT_FILE ".tmp",
                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        return failure_set_errno(failure, "create %s/" LAYOUT_FILE ".tmp", directory->path);
    }
    bool synced = file_write_all(file, text, strlen(text), 0) && file_sync(file);
    (void)close(file);
    if (!synced || renameat(directory->descriptor, LAYOUT_FILE ".tmp", directory->descriptor,
                            LAYOUT_FILE) != 0) {
        return failure_set_errno(failure, "write %s/" LAYOUT_FILE, directory->path);
    }
    return file_sync_directory(directory->descriptor, directory->path) ||
           failure_set_errno(failure, "sync %s", directory->path);
}

bool data_directory_claim(struct data_directory *directory, uint64_t ring_bytes,
                          struct failure *failure)
{
    if (directory->last_ring_bytes == ring_bytes) {
        return true;
    }
    char text[LINE_BYTES];
    (void)snprintf(text, sizeof text, LAYOUT_FORMAT, LAYOUT_VERSION,
                   (unsigned long long)ring_bytes);
    if (!write_layout(directory, text, failure)) {
        return false;
    }
    directory->last_ring_bytes = ring_bytes;
    return true;
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
        check_layout(directory, failure) && write_pid(directory, failure)) {
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
