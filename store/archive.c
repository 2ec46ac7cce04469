/*
 * archive.c - see archive.h.
 */
#include "store/archive.h"

#include "lib/fault_point.h"
#include "store/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything of a draw but control, in the order in which it is moved. */
static const char *const files[] = {
    DATA_BETS_FILE,           DATA_DONE_FILE, DATA_CHECKPOINT_FILE,     DATA_SEAL_FILE,
    DATA_SEAL_SIGNATURE_FILE, DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE, DATA_WINNERS_FILE};

enum { FILES = sizeof files / sizeof files[0] };

/* ----------------------------------------------------------- directories ---- */

/* Opens a directory inside another one. `path` is for messages. Returns -1 with errno. */
static int open_below(const struct data_directory *directory, int parent, const char *name,
                      const char *path, struct failure *failure)
{
    struct stat status;
    int opened = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) {
        (void)failure_set_errno(failure, "open %s", path);
        return -1;
    }
    bool accepted = fstat(opened, &status) == 0
                        ? data_access_check(&status, &directory->access, true, path, failure)
                        : failure_set_errno(failure, "stat %s", path);
    if (!accepted) {
        int error = errno;
        (void)close(opened);
        errno = error;
        return -1;
    }
    return opened;
}

/* Opens draws/. */
static int open_archives(const struct data_directory *directory, struct failure *failure)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/" ARCHIVE_DIRECTORY, directory->path);
    return open_below(directory, directory->descriptor, ARCHIVE_DIRECTORY, path, failure);
}

/* Makes a directory if it is not there, with our mode and group, whatever the umask is. */
static bool make_directory(const struct data_directory *directory, int parent, const char *name,
                           const char *path, struct failure *failure)
{
    mode_t mode = data_access_directory_mode(&directory->access);
    if (mkdirat(parent, name, mode) != 0) {
        return errno == EEXIST || failure_set_errno(failure, "create %s", path);
    }
    int made = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool set = made >= 0 ? data_access_set(made, mode, &directory->access, path, failure)
                         : failure_set_errno(failure, "open %s", path);
    if (made >= 0) {
        (void)close(made);
    }
    return set;
}

bool archive_open(const struct data_directory *directory, const char *name, struct archive *archive,
                  struct failure *failure)
{
    *archive =
        (struct archive){.directory = {.descriptor = -1, .lock = -1, .access = directory->access}};
    archive->directory.path = archive->path;
    if (!control_is_draw_name(name)) {
        errno = ENOENT;
        return failure_set(failure, "\"%.60s\" is no name of a draw", name);
    }
    (void)snprintf(archive->path, sizeof archive->path, "%s/" ARCHIVE_DIRECTORY "/%s",
                   directory->path, name);
    int archives = open_archives(directory, failure);
    if (archives < 0) {
        return false;
    }
    archive->directory.descriptor = open_below(directory, archives, name, archive->path, failure);
    int error = errno;
    (void)close(archives);
    errno = error;
    return archive->directory.descriptor >= 0;
}

void archive_close(struct archive *archive)
{
    if (archive->directory.path != NULL && archive->directory.descriptor >= 0) {
        (void)close(archive->directory.descriptor);
        archive->directory.descriptor = -1;
    }
}

/* ------------------------------------------------------------------ list ---- */

bool archive_has(const struct data_directory *directory, const char *name)
{
    char below[sizeof ARCHIVE_DIRECTORY + CONTROL_DRAW_BYTES];
    struct stat status;
    (void)snprintf(below, sizeof below, ARCHIVE_DIRECTORY "/%.32s", name);
    return fstatat(directory->descriptor, below, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int is_archive(const struct dirent *entry)
{
    return control_is_draw_name(entry->d_name);
}

bool archive_list(const struct data_directory *directory,
                  void (*each)(void *context, const char *name), void *context,
                  struct failure *failure)
{
    struct dirent **entries = NULL;
    int archives = open_archives(directory, failure);
    if (archives < 0) {
        return errno == ENOENT;
    }
    int count = scandirat(archives, ".", &entries, is_archive, alphasort);
    int error = errno;
    (void)close(archives);
    if (count < 0) {
        errno = error;
        return failure_set_errno(failure, "read %s/" ARCHIVE_DIRECTORY, directory->path);
    }
    for (int i = 0; i < count; i++) {
        each(context, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return true;
}

/* What archive_find looks for. */
struct search {
    const struct data_directory *directory;
    const char *identity;
    struct control *found;
    bool is_found;
};

static void look_at(void *context, const char *name)
{
    struct search *search = context;
    struct archive archive;
    struct control control;
    struct failure ignored;
    if (search->is_found || !archive_open(search->directory, name, &archive, &ignored)) {
        return;
    }
    if (control_read(&archive.directory, &control, &ignored) == CONTROL_READ &&
        strcmp(control.identity, search->identity) == 0) {
        *search->found = control;
        search->is_found = true;
    }
    archive_close(&archive);
}

bool archive_find(const struct data_directory *directory, const char *identity,
                  struct control *found)
{
    struct search search = {.directory = directory, .identity = identity, .found = found};
    struct failure ignored;
    return archive_list(directory, look_at, &search, &ignored) && search.is_found;
}

/* ------------------------------------------------------------ archiving ---- */

static bool sync_directory(int descriptor, const char *path, bool *synced, struct failure *failure)
{
    *synced = file_sync_directory(descriptor, path);
    return *synced || failure_set_errno(failure, "sync %s", path);
}

/*
 * False when a draw of the same name, and not this one, is there; or a file that would be in the
 * way. No file of this draw can be there before the next one is the current one.
 */
static bool is_free_for(const struct archive *archive, const struct control *finished,
                        struct failure *failure)
{
    struct control there;
    struct stat status;
    for (size_t i = 0; i < FILES; i++) {
        if (fstatat(archive->directory.descriptor, files[i], &status, AT_SYMLINK_NOFOLLOW) == 0) {
            return failure_set(failure, "%s/%s is in the way of draw %s: move it away",
                               archive->path, files[i], finished->terms.draw);
        }
    }
    switch (control_read(&archive->directory, &there, failure)) {
    case CONTROL_ABSENT:
        return true;
    case CONTROL_READ:
        return strcmp(there.identity, finished->identity) == 0 ||
               failure_set(failure,
                           "%s is another draw's archive (%s, and this one is %s): move it away",
                           archive->path, there.identity, finished->identity);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

bool archive_prepare(const struct data_directory *directory, const struct control *finished,
                     bool *synced, struct failure *failure)
{
    char path[PATH_MAX];
    *synced = true;
    (void)snprintf(path, sizeof path, "%s/" ARCHIVE_DIRECTORY, directory->path);
    if (!make_directory(directory, directory->descriptor, ARCHIVE_DIRECTORY, path, failure) ||
        !sync_directory(directory->descriptor, directory->path, synced, failure)) {
        return false;
    }
    int archives = open_archives(directory, failure);
    if (archives < 0) {
        return false;
    }
    char below[PATH_MAX];
    (void)snprintf(below, sizeof below, "%s/" ARCHIVE_DIRECTORY "/%s", directory->path,
                   finished->terms.draw);
    bool made = make_directory(directory, archives, finished->terms.draw, below, failure) &&
                sync_directory(archives, path, synced, failure);
    (void)close(archives);
    fault_point("archive.made");
    struct archive archive = {.path = ""};
    made = made && archive_open(directory, finished->terms.draw, &archive, failure) &&
           is_free_for(&archive, finished, failure) &&
           control_write(&archive.directory, finished, synced, failure);
    archive_close(&archive);
    return made;
}

/* RENAME_NOREPLACE, also where the file system does not know it. */
static bool rename_to_free_name(int from, int to, const char *name)
{
    struct stat status;
    if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return false;
    }
    if (fstatat(to, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return renameat(from, name, to, name) == 0;
}

/* Moves one file, if it has not been moved. A file in both places is somebody's doing. */
static bool move_file(const struct data_directory *directory, const struct archive *archive,
                      const char *name, struct failure *failure)
{
    struct stat status;
    if (fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ||
               failure_set_errno(failure, "look at %s/%s", directory->path, name);
    }
    return rename_to_free_name(directory->descriptor, archive->directory.descriptor, name) ||
           failure_set_errno(failure, "move %s/%s to %s", directory->path, name, archive->path);
}

/* True when archive_prepare has written the control of the draw of this name there. */
static bool is_prepared(const struct archive *archive, const char *name, struct failure *failure)
{
    struct control there;
    enum control_answer answer = control_read(&archive->directory, &there, failure);
    return (answer == CONTROL_READ && strcmp(there.terms.draw, name) == 0) ||
           (answer != CONTROL_REFUSED &&
            failure_set(failure,
                        "%s has not the " DATA_CONTROL_FILE " of draw %s, whose files belong "
                        "there: restore it from a backup",
                        archive->path, name));
}

/* Moves all files that there are, and syncs both directories. */
static bool move_files(const struct data_directory *directory, const struct archive *archive,
                       struct failure *failure)
{
    bool synced = true;
    for (size_t i = 0; i < FILES; i++) {
        if (!move_file(directory, archive, files[i], failure)) {
            return false;
        }
        fault_point("archive.moved");
    }
    return sync_directory(archive->directory.descriptor, archive->path, &synced, failure) &&
           sync_directory(directory->descriptor, directory->path, &synced, failure);
}

bool archive_complete(const struct data_directory *directory, struct control *control,
                      struct failure *failure)
{
    bool synced = true;
    struct archive archive;
    if (control->archiving[0] == '\0') {
        return true;
    }
    if (!archive_open(directory, control->archiving, &archive, failure)) {
        return false;
    }
    bool moved = is_prepared(&archive, control->archiving, failure) &&
                 move_files(directory, &archive, failure);
    archive_close(&archive);
    if (!moved) {
        return false;
    }
    fault_point("archive.complete");
    control->archiving[0] = '\0';
    return control_write(directory, control, &synced, failure);
}
