/*
 * ownership.c - see ownership.h.
 */
#include "server/supervisor/ownership.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

enum { LOOK_EVERY_MS = 500 };

/* The server replaces the last two by a rename, which gives them another inode. */
static const struct {
    const char *name;
    bool same_inode;
} files[OWNERSHIP_FILES] = {
    {DATA_LOCK_FILE, true},     {DATA_BETS_FILE, true},     {DATA_DONE_FILE, true},
    {DATA_CONTROL_FILE, false}, {DATA_WINNERS_FILE, false}, {DATA_SEAL_FILE, false},
    {DATA_DRAW_FILE, false},
};

/* ----------------------------------------------------------------- loss ---- */

/* Notes that something is lost, and logs what. Returns false. */
static bool lose(struct ownership *ownership, const char *what, const char *advice)
{
    log_critical(LOG_OWNERSHIP_LOST, "result: fail | reason: %s | advice: %s", what, advice);
    ownership->state = OWNERSHIP_LOST;
    return false;
}

/*
 * The same for the data. What is acknowledged from now on could not be found again, so all waiting
 * for the disk is ended.
 */
static bool lose_data(struct ownership *ownership, const char *what)
{
    wait_halt(&ownership->heritage->segment);
    return lose(
        ownership, what,
        "it was moved, removed, replaced or cut (mv, rm, a restored backup, a mount) while the "
        "server was running; nothing is acknowledged from now on. Put the right data directory in "
        "its place, and start the server again: agencies resume from what "
        "is in it");
}

/* -------------------------------------------------------------- looking ---- */

/* True when the error says that nothing has the name. A path that can't be walked says nothing. */
static bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE;
}

static bool look_at_directory(struct ownership *ownership)
{
    const struct data_directory *directory = &ownership->heritage->directory;
    struct stat status;
    struct failure what;
    if (stat(directory->path, &status) != 0) {
        if (!is_absence(errno)) {
            return true;
        }
        failure_set_errno(&what,
                          "data directory %s (inode %" PRIu64 ") is no longer under its name",
                          directory->path, directory->inode);
        return lose_data(ownership, what.text);
    }
    const uint64_t device = status.st_dev;
    const uint64_t inode = status.st_ino;
    if (device == directory->device && inode == directory->inode) {
        return true;
    }
    failure_set(&what,
                "another one stands in the place of data directory %s: it was inode %" PRIu64
                " of device %" PRIx64 ", and inode %" PRIu64 " of device %" PRIx64 " is there now",
                directory->path, directory->inode, directory->device, inode, device);
    return lose_data(ownership, what.text);
}

static bool look_at_file(struct ownership *ownership, size_t index)
{
    const struct data_directory *directory = &ownership->heritage->directory;
    struct ownership_file *file = &ownership->files[index];
    const char *name = files[index].name;
    struct stat status;
    struct failure what;
    if (fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (!file->seen || !is_absence(errno)) {
            return true;
        }
        failure_set_errno(&what, "%s/%s (inode %" PRIu64 ") is no longer under its name",
                          directory->path, name, file->inode);
        return lose_data(ownership, what.text);
    }
    const struct ownership_file found = {
        .seen = true, .device = status.st_dev, .inode = status.st_ino};
    bool same = found.device == file->device && found.inode == file->inode;
    if (file->seen && files[index].same_inode && !same) {
        failure_set(&what,
                    "another file stands in the place of %s/%s: it was inode %" PRIu64
                    ", and inode %" PRIu64 " with %" PRId64 " bytes is there now",
                    directory->path, name, file->inode, found.inode, (int64_t)status.st_size);
        return lose_data(ownership, what.text);
    }
    *file = found;
    return true;
}

/*
 * The file holds at least what is durable, and no more than was appended. `durable` is read before
 * the file's size and `head` after it, because all three only grow.
 */
static bool look_at_bets(struct ownership *ownership)
{
    const struct data_directory *directory = &ownership->heritage->directory;
    const struct shared_positions *positions = &ownership->heritage->segment.shared->positions;
    struct stat status;
    struct failure what;
    uint64_t durable = atomic_load(&positions->durable);
    if (fstatat(directory->descriptor, DATA_BETS_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return true; /* look_at_file judges a file that is missing */
    }
    uint64_t head = atomic_load(&positions->head);
    uint64_t bytes = (uint64_t)status.st_size;
    if (bytes >= durable && bytes <= head) {
        return true;
    }
    failure_set(&what,
                "%s/" DATA_BETS_FILE " has %llu bytes, and %llu were stored and %llu sent: "
                "somebody %s",
                directory->path, (unsigned long long)bytes, (unsigned long long)durable,
                (unsigned long long)head, bytes < durable ? "cut it" : "wrote into it");
    return lose_data(ownership, what.text);
}

/* If they are lost, the files are sound, so whoever is connected is still answered. */
static bool look_at_objects(struct ownership *ownership)
{
    const struct heritage *heritage = ownership->heritage;
    struct failure what;
    return (segment_is_in_place(&heritage->segment, &what) &&
            gate_is_in_place(heritage->gate_id, heritage->directory.ipc_key, &what)) ||
           lose(ownership, what.text,
                "ipcrm or rm did it, or systemd-logind, which removes what an ordinary user has "
                "when that user logs out: set RemoveIPC=no in /etc/systemd/logind.conf, or run "
                "the server as a system user. No bet is lost; start the server again");
}

/* ----------------------------------------------------------------- life ---- */

/* Looks at all of it, up to the first that is lost. */
static void look(struct ownership *ownership)
{
    ownership->looked_at_ms = clock_monotonic_ms();
    heartbeat_beat(&ownership->heritage->segment.shared->supervisor.beat_at_ms);
    bool holds = look_at_directory(ownership);
    for (size_t i = 0; i < OWNERSHIP_FILES && holds; i++) {
        holds = look_at_file(ownership, i);
    }
    if (holds && look_at_bets(ownership)) {
        look_at_objects(ownership);
    }
}

void ownership_begin(struct ownership *ownership, struct heritage *heritage)
{
    *ownership = (struct ownership){.heritage = heritage};
    look(ownership);
}

int64_t ownership_patience_ms(const struct ownership *ownership)
{
    int64_t left_ms = ownership->looked_at_ms + LOOK_EVERY_MS - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

bool ownership_holds(struct ownership *ownership)
{
    if (ownership->state == OWNERSHIP_HELD && ownership_patience_ms(ownership) == 0) {
        look(ownership);
    }
    return ownership->state == OWNERSHIP_HELD;
}
