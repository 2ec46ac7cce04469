/*
 * disk.h - how the storer writes, and what it does when the disk is full or lies.
 *
 * A full disk is waited for: nothing is acknowledged, nothing refused, and it
 * goes on when there is room. A failed fdatasync is the end: the kernel may have
 * dropped the pages that it could not write, so trying again could succeed
 * without them. Used by the storer's process alone.
 */
#ifndef SERVER_STORER_DISK_H
#define SERVER_STORER_DISK_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of the data directory, open for writing. */
struct disk_file {
    const char *name;   /* in the data directory */
    int descriptor;     /* -1: not open */
    uint64_t allocated; /* blocks are allocated ahead up to here; DISK_ALLOCATE_NEVER: no more */
};

#define DISK_ALLOCATE_NEVER UINT64_MAX

struct disk {
    const struct heritage *heritage;
    const struct segment *segment;
    bool lied; /* a sync has failed, of this storer or the one before it; or a file was changed */
};

/*
 * Writes all of it at `position`, waiting for room where the disk is full.
 * False, and the log says why, where the disk refuses for another reason, or
 * the server is stopping and there is still no room: that loses nothing, it
 * was not acknowledged. `own` is the file that may have blocks allocated ahead,
 * which are given back when room is wanted.
 */
bool disk_write(struct disk *disk, struct disk_file *own, int descriptor, const char *name,
                const char *bytes, size_t count, uint64_t position);

/*
 * Notes that a sync has failed, here and in the segment, where a successor finds it if this
 * process is killed before it has ended. To be called right after the failure.
 */
void disk_distrust(struct disk *disk);

/* fdatasync(2), never again after it has failed. False, with the disk distrusted, when it fails. */
bool disk_sync(struct disk *disk, int descriptor, const char *name);

/*
 * True while the open file is still the one that stands under its name, and holds `bytes` bytes at least.
 * A file that was removed, renamed, replaced or cut is written to in vain: false, with the
 * disk distrusted and the log saying what was found, and nothing may be acknowledged any more.
 */
bool disk_is_in_place(struct disk *disk, int descriptor, const char *name, uint64_t bytes);

/* Writes control, waiting for room as disk_write does. False as there. */
bool disk_write_control(struct disk *disk, struct disk_file *own, const struct control *control);

/* True for the errors that mean "no room". */
bool disk_is_full(int error);

/* Says (once) that there is no room, and waits a moment: nothing tells when there is again. */
void disk_wait_for_room(struct disk *disk, const char *name);

/* There was room: says so where there had been none. */
void disk_note_room(struct disk *disk, const char *name);

/*
 * Allocates the file's blocks ahead of `end`, in large pieces and without
 * changing its size, so that an fdatasync has no new blocks to note. An aid
 * only: where it is not to be had nothing is lost.
 */
void disk_allocate_ahead(struct disk_file *file, uint64_t end);

/* Gives back what was allocated ahead and not written. */
void disk_release_allocated(struct disk_file *file);

#endif
