/*
 * done_file.h - done.csv: the agencies that are done, a line each, appended.
 *
 * A set: a number that stands there twice counts once. What a crash can leave
 * is a last line cut short or never written to its page; it is cut off when
 * the file is opened.
 */
#ifndef SERVER_DONE_FILE_H
#define SERVER_DONE_FILE_H

#include "lib/failure.h"
#include "server/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

struct done_file {
    int descriptor; /* -1: not open */
    uint64_t bytes; /* of good lines: where the next one goes */
};

enum done_open {
    DONE_OPEN,
    DONE_NOT_OPEN,  /* it could not be opened, read or cut: another try may do better */
    DONE_NOT_SYNCED /* a sync failed: what the disk holds is not known */
};

/*
 * Opens the file, made where it is missing, syncs it and reads it from the disk
 * (file_io.h), so that whatever is read is durable, calls `each` for every agency in it,
 * and cuts a damaged tail off. Unless it is open, describes the failure. Called by
 * recovery and by each storer.
 */
enum done_open done_file_open(const struct data_directory *directory, struct done_file *file,
                              void (*each)(void *context, uint32_t agency), void *context,
                              struct failure *failure);

void done_file_close(struct done_file *file);

#endif
