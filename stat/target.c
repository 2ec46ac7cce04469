/*
 * target.c - see target.h.
 */
#include "stat/target.h"

#include "lib/clock.h"
#include "shm/gate.h"
#include "stat/following.h"
#include "store/data_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* A start makes its shared memory within this time after it took the lock; later, it was removed. */
enum { STARTING_MAX_S = 5, FOLLOWING_MAX_MS = 5000, NAME_BYTES = 40 };

enum lock_state { LOCK_HELD, LOCK_FREE, LOCK_UNREADABLE };

/* The data directory whose server is looked for. */
struct place {
    const char *path;
    int descriptor;
    struct stat status;
    enum lock_state lock;
};

/* ------------------------------------------------------------- permission ---- */

/* Describes that only the directory's owner, and the group of data.group, may look. */
static enum target_answer answer_forbidden(const struct stat *status, const char *what,
                                           struct failure *failure)
{
    const struct passwd *entry = getpwuid(status->st_uid);
    char owner[NAME_BYTES];
    if (entry != NULL) {
        snprintf(owner, sizeof owner, "%s", entry->pw_name);
    } else {
        snprintf(owner, sizeof owner, "uid %u", (unsigned)status->st_uid);
    }
    failure_set(failure,
                "permission denied: %s: run lottery-stat as the server's user, %s, or set "
                "data.group to a group of yours and restart the server",
                what, owner);
    return TARGET_FAILED;
}

/* ------------------------------------------------------------------- lock ---- */

static enum lock_state try_lock(int file)
{
    if (flock(file, LOCK_SH | LOCK_NB) == 0) {
        flock(file, LOCK_UN);
        return LOCK_FREE;
    }
    return errno == EWOULDBLOCK ? LOCK_HELD : LOCK_UNREADABLE;
}

/*
 * Whether a process of a server lives, which then holds the locks. The directory's lock is
 * asked first, because nobody can remove it; if the file system can't lock directories, the
 * lock of the file.
 */
static enum lock_state read_lock(const struct place *place, struct failure *failure)
{
    if (try_lock(place->descriptor) == LOCK_HELD) {
        return LOCK_HELD;
    }
    int file =
        openat(place->descriptor, DATA_LOCK_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        return LOCK_FREE;
    }
    enum lock_state state = file < 0 ? LOCK_UNREADABLE : try_lock(file);
    if (state == LOCK_UNREADABLE) {
        failure_set_errno(failure, "look at the lock of %s/" DATA_LOCK_FILE, place->path);
    }
    int error = errno;
    if (file >= 0) {
        close(file);
    }
    errno = error;
    return state;
}

/* ----------------------------------------------------------------- answer ---- */

/*
 * The segment of this key may be another directory's, because a key is a hash; and anybody can
 * make a segment of that name, so only one of the directory's owner counts.
 */
static bool is_ours(const struct segment *segment, const struct stat *status)
{
    const struct shared_identity *identity = &segment->shared->identity;
    return segment->owner == status->st_uid && identity->directory_device == status->st_dev &&
           identity->directory_inode == status->st_ino;
}

/*
 * The set is made after the segment and removed before it, so a set without a segment shows that
 * the segment was removed. Without a set, the age of the lock decides.
 */
static bool has_been_removed(const struct place *place, uint32_t first_key)
{
    struct stat status;
    uint32_t key = first_key;
    for (int tries = 0; tries < SEGMENT_KEY_TRIES; tries++) {
        if (gate_exists(key, place->status.st_uid)) {
            return true;
        }
        key = segment_next_key(key);
    }
    return fstatat(place->descriptor, DATA_LOCK_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           time(NULL) - status.st_mtime > STARTING_MAX_S;
}

/* True for a state that is written now, and belongs to the directory's owner. */
static bool is_following(const struct place *place, struct replication_state *state)
{
    struct stat status;
    struct failure ignored;
    int file = openat(place->descriptor, DATA_REPLICATION_FILE,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool follows =
        fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == place->status.st_uid &&
        replication_read_file(file, DATA_REPLICATION_FILE, state, &ignored) == REPLICATION_READ &&
        (state->role == REPLICATION_STANDBY ||
         clock_wall_ms() - state->written_at_ms < FOLLOWING_MAX_MS);
    close(file);
    return follows;
}

static enum target_answer answer_absent(const struct place *place, uint32_t first_key,
                                        struct replication_state *state, struct failure *failure)
{
    if (place->lock != LOCK_HELD) {
        failure_set(failure, "no server: nobody holds %s/" DATA_LOCK_FILE, place->path);
        return TARGET_ABSENT;
    }
    if (is_following(place, state)) {
        char words[FOLLOWING_WORDS_BYTES];
        following_write_words(state, words);
        failure_set(failure, "a standby holds %s/" DATA_LOCK_FILE " and serves nobody: %s",
                    place->path, words);
        return TARGET_STANDBY;
    }
    if (has_been_removed(place, first_key)) {
        failure_set(failure,
                    "no server that could be asked: one holds %s/" DATA_LOCK_FILE
                    ", but its shared memory has been removed (rm, or RemoveIPC of "
                    "systemd-logind); it is about to end, its log says more",
                    place->path);
        return TARGET_ABSENT;
    }
    failure_set(failure,
                "the server is starting: it holds %s/" DATA_LOCK_FILE
                " but has no shared memory here yet",
                place->path);
    return TARGET_STARTING;
}

static enum target_answer answer_dead(const struct place *place, const struct segment *segment,
                                      struct failure *failure)
{
    failure_set(failure,
                "no server: nobody holds %s/" DATA_LOCK_FILE
                ", what is in /dev/shm%s was left by one that was killed",
                place->path, segment->name);
    return TARGET_ABSENT;
}

/* The segment is mapped and is this directory's. */
static enum target_answer judge(const struct place *place, const struct segment *segment,
                                struct failure *failure)
{
    const struct shared *shared = segment->shared;
    if (place->lock == LOCK_FREE) {
        return answer_dead(place, segment, failure);
    }
    if (atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire) == SHARED_STARTING) {
        failure_set(failure, "the server is starting: pid %d reads what is stored in %s",
                    (int)shared->identity.supervisor_pid, place->path);
        return TARGET_STARTING;
    }
    return TARGET_FOUND;
}

/* Looks at one key. False when this directory's segment is not there, so another key may do. */
static bool ask_key(const struct place *place, uint32_t key, struct segment *segment,
                    enum target_answer *answer, struct failure *failure)
{
    switch (segment_attach(key, segment, failure)) {
    case SEGMENT_ATTACHED: {
        bool ours = is_ours(segment, &place->status);
        *answer = ours ? judge(place, segment, failure) : TARGET_ABSENT;
        if (!ours || *answer != TARGET_FOUND) {
            segment_unmap(segment);
        }
        return ours;
    }
    case SEGMENT_STARTING:
        *answer = place->lock == LOCK_HELD ? TARGET_STARTING : answer_dead(place, segment, failure);
        return segment->owner == place->status.st_uid;
    case SEGMENT_OTHER_VERSION:
        *answer = TARGET_OTHER_VERSION;
        return segment->owner == place->status.st_uid;
    case SEGMENT_FORBIDDEN:
        *answer = answer_forbidden(&place->status, segment->name, failure);
        return segment->owner == place->status.st_uid;
    case SEGMENT_ABSENT:
        break;
    }
    return false;
}

/*
 * Reads control. False if it can't be read; a control of another user than the directory's owner
 * does not count.
 */
static bool read_control(const struct place *place, struct control *control)
{
    struct stat status;
    struct failure ignored;
    int file = openat(place->descriptor, DATA_CONTROL_FILE,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool read = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                status.st_uid == place->status.st_uid &&
                control_read_file(file, DATA_CONTROL_FILE, control, &ignored) == CONTROL_READ;
    close(file);
    return read;
}

/* Tries the keys in the order in which a server tries them. */
static enum target_answer attach_in(struct place *place, struct target *target,
                                    struct failure *failure)
{
    if (fstat(place->descriptor, &place->status) != 0) {
        failure_set_errno(failure, "look at data directory %s", place->path);
        return TARGET_FAILED;
    }
    place->lock = read_lock(place, failure);
    if (place->lock == LOCK_UNREADABLE) {
        return errno == EACCES ? answer_forbidden(&place->status, place->path, failure)
                               : TARGET_FAILED;
    }
    /* The key that the last server noted; if it is not known, the first one that a server tries. */
    target->has_control = read_control(place, &target->control);
    uint32_t first_key = target->has_control
                             ? target->control.ipc_key
                             : segment_key(place->status.st_dev, place->status.st_ino);
    uint32_t key = first_key;
    for (int tries = 0; tries < SEGMENT_KEY_TRIES; tries++) {
        enum target_answer answer = TARGET_ABSENT;
        if (ask_key(place, key, &target->segment, &answer, failure)) {
            return answer;
        }
        key = segment_next_key(key);
    }
    return answer_absent(place, first_key, &target->replication, failure);
}

/* stat tells the directory's owner even if the directory can't be opened. */
static enum target_answer answer_unopened(const char *directory, struct failure *failure)
{
    struct stat status;
    if (errno == ENOENT || errno == ENOTDIR) {
        failure_set_errno(failure, "no server: data directory %s", directory);
        return TARGET_ABSENT;
    }
    if (errno == EACCES && stat(directory, &status) == 0) {
        return answer_forbidden(&status, directory, failure);
    }
    failure_set_errno(failure, "open data directory %s", directory);
    return TARGET_FAILED;
}

void target_leave(struct target *target)
{
    segment_unmap(&target->segment);
}

bool target_take_snapshot(const struct target *target, struct snapshot *snapshot,
                          struct failure *failure)
{
    bool taken = snapshot_take(&target->segment, target->has_control ? &target->control : NULL,
                               snapshot, failure);
    snapshot->disk = target->disk;
    return taken;
}

/* What can't be asked stays unknown. `free` is what a user who is not root may fill. */
static struct snapshot_disk look_at_disk(int directory)
{
    enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };
    struct snapshot_disk disk = {SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN};
    struct statvfs space;
    struct stat checkpoint;
    if (fstatvfs(directory, &space) == 0) {
        disk.free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
        disk.size_bytes = (uint64_t)space.f_blocks * space.f_frsize;
    }
    if (fstatat(directory, DATA_CHECKPOINT_FILE, &checkpoint, AT_SYMLINK_NOFOLLOW) == 0) {
        disk.checkpoint_at_ms = (uint64_t)checkpoint.st_mtim.tv_sec * MS_PER_SECOND +
                                (uint64_t)checkpoint.st_mtim.tv_nsec / NS_PER_MS;
    }
    return disk;
}

enum target_answer target_attach(const char *directory, struct target *target,
                                 struct failure *failure)
{
    struct place place = {.path = directory};
    place.descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place.descriptor < 0) {
        return answer_unopened(directory, failure);
    }
    target->disk = look_at_disk(place.descriptor);
    enum target_answer answer = attach_in(&place, target, failure);
    close(place.descriptor);
    return answer;
}
