/*
 * archive.h - the draws before the current one: draws/NAME/, each with the files of a draw.
 *
 * The current draw's files stand in the data directory itself. When the next draw is opened they
 * are moved to draws/NAME/, so an archive has the same files under the same names, and every
 * program reads both alike. The steps, each durable before the next one:
 *
 *     1. draws/NAME/control is written: what became of the draw (archive_prepare)
 *     2. control is replaced by that of the next draw, with `archiving NAME`: from here on the
 *        next draw is the current one. The caller does it (control_write)
 *     3. each file is renamed into draws/NAME/ (archive_complete)
 *     4. control is replaced without `archiving` (archive_complete)
 *
 * Whoever is killed between two steps leaves a directory from which the steps go on: before 2
 * the old draw is the current one, and after it each start completes 3 and 4 before it looks at
 * any file.
 *
 * Opening and listing keep no state and are for any process of the server and lottery-admin.
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include "lib/failure.h"
#include "store/control.h"
#include "store/data_directory.h"

#include <limits.h>
#include <stdbool.h>

#define ARCHIVE_DIRECTORY "draws"

/* A draw of the archive, open for reading. Not to be copied: directory.path points into it. */
struct archive {
    struct data_directory directory; /* path and descriptor; without locks */
    char path[PATH_MAX];
};

/*
 * Makes draws/NAME/ of the finished draw and writes its control there, durably. Whatever a
 * call before this one has left is replaced. Fails when there is an archive of that name with
 * another identity, or one of its files. *synced is false if a sync was what failed. Called by the
 * supervisor; also while the draw goes on, to see whether it would succeed.
 */
bool archive_prepare(const struct data_directory *directory, const struct control *finished,
                     bool *synced, struct failure *failure);

/*
 * Moves the files of the draw that control->archiving names, and writes control without it,
 * durably. Does nothing when it names none. Refuses when archive_prepare has not been there, and
 * moves no file further when one is in both places. Called by the supervisor during recovery, before any other file is looked at.
 */
bool archive_complete(const struct data_directory *directory, struct control *control,
                      struct failure *failure);

/*
 * Opens draws/NAME/ and checks who it belongs to, as data_directory_open does. `name` may be
 * any text; what is no draw's name is refused. Returns false with the failure and errno (ENOENT:
 * there is no such draw); else the caller calls archive_close.
 */
bool archive_open(const struct data_directory *directory, const char *name, struct archive *archive,
                  struct failure *failure);

/* Closes it; also what was not opened, when it is zeroed. */
void archive_close(struct archive *archive);

/*
 * Calls `each` with the name of every archive, in ascending order of names. The current draw's
 * may be among them, when the next one was to be opened and could not be. Returns false with the
 * failure when the directory can't be read; that there is no archive at all is none.
 */
bool archive_list(const struct data_directory *directory,
                  void (*each)(void *context, const char *name), void *context,
                  struct failure *failure);

/*
 * Finds the archived draw of this identity, and reads its control. False where there is none, or none
 * that can be read. Called by lottery-shipper.
 */
bool archive_find(const struct data_directory *directory, const char *identity,
                  struct control *found);

/* True when draws/ has an entry of this name, whatever it is. */
bool archive_has(const struct data_directory *directory, const char *name);

#endif
