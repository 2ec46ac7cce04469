/*
 * place.h - opens a data directory to read it, whether a server runs on it or not.
 *
 * Takes no lock and makes nothing. The directory's own mode says whether a group may read it, as
 * data.group would. Called by lottery-admin's commands.
 */
#ifndef ADMIN_PLACE_H
#define ADMIN_PLACE_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>

/* A seal has some 150 bytes for each of at most 32,767 agencies. */
enum { PLACE_FILE_BYTES_MAX = 16 * 1024 * 1024 };

/*
 * Opens the directory `path`, which stays the caller's. Returns false with the failure when it
 * can't be opened, or belongs to another user, who would have to ask. After true the caller calls
 * place_close.
 */
bool place_open(const char *path, struct data_directory *directory, struct failure *failure);

/* Explains, by errno, why a data directory can't be opened, and what to do. Returns false. */
bool place_explain_unopened(const char *path, struct failure *failure);

/* Closes it; also one that was not opened. */
void place_close(struct data_directory *directory);

/*
 * Reads control, as control_read does; CONTROL_ABSENT comes with a failure, too.
 */
enum control_answer place_read_control(const struct data_directory *directory,
                                       struct control *control, struct failure *failure);

/*
 * Reads a whole file of at most PLACE_FILE_BYTES_MAX bytes, as seal.json is one. Returns its text,
 * terminated, which the caller frees, and its bytes; NULL with errno (ENOENT: there is none) and
 * the failure.
 */
char *place_read_file(const struct data_directory *directory, const char *name, size_t *bytes,
                      struct failure *failure);

#endif
