/*
 * whole_file.h - small files that are there whole or not at all: control, seal.json, draw.json, signatures.
 *
 * Such a file is written under another name, synced and renamed into place. If the process that
 * writes one dies, what stood there before, or nothing, still does, and the unfinished file is
 * overwritten by the next try.
 *
 * Called by the storer, by the supervisor at recovery and for a draw that is to be opened, by
 * lottery-shipper, and by lottery-admin for copies and certificates.
 */
#ifndef STORE_WHOLE_FILE_H
#define STORE_WHOLE_FILE_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Replaces the file `name` by these bytes, durably. Returns false with the failure and errno.
 * *synced is false if a sync was what failed; then it is not known what the disk holds.
 */
bool whole_file_write(const struct data_directory *directory, const char *name, const void *bytes,
                      size_t count, bool *synced, struct failure *failure);

#endif
