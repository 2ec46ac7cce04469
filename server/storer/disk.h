/*
 * disk.h - how the storer writes, and what it does when the disk is full or can't be trusted.
 *
 * While the disk is full, the storer waits: nothing is acknowledged and nothing is refused. A
 * failed fdatasync stops the server: the kernel may have dropped the pages that it could not write,
 * and the next fdatasync would succeed without them. Called by the storer's process alone. When it
 * dies, the segment still says whether the disk was distrusted.
 */
#ifndef SERVER_STORER_DISK_H
#define SERVER_STORER_DISK_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file of the data directory, open for writing. */
struct disk_file {
    const char *name; /* in the data directory */
    int descriptor;   /* -1: not open */
    dev_t device;     /* these two name the open file; set by disk_identify */
    ino_t inode;
    uint64_t allocated; /* blocks are allocated ahead up to here; DISK_ALLOCATE_NEVER: no more */
};

#define DISK_ALLOCATE_NEVER UINT64_MAX

/* Whether what is on the disk is what was written. Anything but DISK_TRUSTED stops the server. */
enum disk_trust {
    DISK_TRUSTED,
    DISK_SYNC_FAILED,      /* a sync has failed: what the disk holds is not known */
    DISK_FILE_CHANGED,     /* a file was removed, replaced or cut while it was open */
    DISK_DAMAGED,          /* a file does not hold what was stored in it */
    DISK_DISTRUSTED_BEFORE /* the storer before this one found one of these, and did not end */
};

struct disk {
    const struct heritage *heritage;
    const struct segment *segment;
    struct disk_file *ahead; /* its blocks ahead are given back when room is wanted; NULL: none */
    _Atomic(enum disk_trust)
        trust; /* set by disk_distrust alone; any thread of the storer reads it */
};

/* "trusted", "sync_failed", ..., as the log has it. */
const char *disk_trust_name(enum disk_trust trust);

/*
 * Ends the trust in the disk. Notes that in the segment first, so a successor finds it if this
 * process is killed before it has ended. The first reason stays. To be called right after the
 * failure was found, before anything else is done about it.
 */
void disk_distrust(struct disk *disk, enum disk_trust reason);

/* True until disk_distrust was called. Any thread of the storer may ask. */
bool disk_is_trusted(const struct disk *disk);

/*
 * Writes `count` bytes at `position`, and waits for room while the disk is full. False, and the log
 * says why, when the disk refuses for another reason; and when the server is stopping, or the disk is
 * not trusted any more, and there is still no room. No acknowledged bet is lost then, because the
 * bytes were not acknowledged.
 */
bool disk_write(struct disk *disk, const struct disk_file *file, const char *bytes, size_t count,
                uint64_t position);

/*
 * Calls fdatasync(2). False, with the disk distrusted, when it fails. The caller then has to end: a
 * second call could succeed without the pages that failed.
 */
bool disk_sync(struct disk *disk, const struct disk_file *file);

/*
 * Notes which file is open. To be called once, after the file was opened. False with errno when it
 * can't be told.
 */
bool disk_identify(struct disk_file *file);

/*
 * True while the open file stands under its name and holds at least `bytes` bytes. False, with the
 * disk distrusted and the log saying what was found, when it was removed, renamed, replaced or cut:
 * what is written to it is lost, so nothing may be acknowledged any more. One look at the name is
 * enough: no other file can have the device and inode of a file that is open.
 */
bool disk_is_in_place(struct disk *disk, const struct disk_file *file, uint64_t bytes);

/* Writes control, and waits for room as disk_write does. False as there. */
bool disk_write_control(struct disk *disk, const struct control *control);

/*
 * Replaces a small file of the directory, whole (store/whole_file.h), and waits for room as
 * disk_write does. False as there.
 */
bool disk_write_whole(struct disk *disk, const char *name, const void *bytes, size_t count);

/*
 * True while there may be room later, and something can still be stored then. `error` says why a
 * write failed. Where another thread's sync has failed, there is nothing to wait for.
 */
bool disk_may_wait_for_room(const struct disk *disk, int error);

/*
 * Waits a fifth of a second for room for the file; errno says why there is none. The first call
 * logs that. Then the blocks that were allocated ahead are given back, because they may be the room
 * that is wanted. The wait ends early when the storer is woken, or is asked to stop.
 */
void disk_wait_for_room(struct disk *disk, const char *name);

/* Notes that there was room for the file. Logs it when there had been none. */
void disk_note_room(struct disk *disk, const char *name);

/*
 * Allocates the file's blocks ahead of `end`, in large pieces and without changing its size.
 * fdatasync is faster then, because it has no new blocks to note. Nothing depends on it: a failure
 * is ignored.
 */
void disk_allocate_ahead(struct disk_file *file, uint64_t end);

/* Gives the blocks back that were allocated ahead and not written, and allocates none again. */
void disk_release_allocated(struct disk_file *file);

#endif
