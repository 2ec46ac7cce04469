/*
 * mirror_file.h - a file of a standby that grows as the log does: bets.csv or done.csv.
 *
 * Why it exists: bytes of the log come to the offset that the log gives them. A former primary's file
 * has bytes already, and of these nobody knows yet whether they are the log's.
 *
 * What it promises: bytes that the file has of its own are compared and not written. Where they differ
 * behind the last claim, they are put aside from there on (unacknowledged.h). Where they differ before
 * it, nothing is touched. Nothing is durable before mirror_file_sync.
 *
 * Called by lottery-shipper as a standby, by its one thread.
 */
#ifndef SHIPPER_MIRROR_FILE_H
#define SHIPPER_MIRROR_FILE_H

#include "engine/record.h"
#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

/* How a step of the mirror ended. */
enum mirror_end {
    MIRROR_APPLIED,
    MIRROR_FAILED, /* a file can't be read, written or synced: a new process may succeed */
    MIRROR_REFUSED /* the files are not the log's, or the log is not one: a person decides */
};

struct mirror_file {
    const struct data_directory *directory;
    const char *name;
    const char *line_is; /* what a line of it is, in plural, for people */
    int descriptor;      /* -1: not open yet */
    uint64_t own_bytes;  /* of a former primary: it may have so many of its own; 0: none any more */
    uint64_t unsynced_bytes; /* written since the last sync */
    /* The last claim that was read, and where this file ended then. Behind it bytes may differ. */
    uint64_t claim_epoch, claim_end;
};

/* Opens it, or makes it. False with the failure. */
bool mirror_file_open(struct mirror_file *file, struct failure *failure);

/* Closes it, if it is open. It has no bytes of its own then. */
void mirror_file_close(struct mirror_file *file);

/*
 * A standby's file has at least the `synced` bytes of its state; MIRROR_REFUSED where it is shorter. The
 * file of a former primary, `is_own`, may have more than the log.
 */
enum mirror_end mirror_file_measure(struct mirror_file *file, uint64_t synced, bool is_own,
                                    struct failure *failure);

/* Makes what was written durable. False with the failure. */
bool mirror_file_sync(struct mirror_file *file, struct failure *failure);

/* Writes the bytes of the record at its offset; what the file has of its own is compared before. */
enum mirror_end mirror_file_apply(struct mirror_file *file, const struct record *record,
                                  struct failure *failure);

/* Moves what an open file has from `end` on to one named by `epoch`, and says so. False with the failure. */
bool mirror_file_put_aside(struct mirror_file *file, uint64_t end, uint64_t epoch,
                           struct failure *failure);

#endif
