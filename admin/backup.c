/*
 * backup.c - see backup.h.
 */
#include "admin/backup.h"

#include "admin/draw_copy.h"
#include "admin/inspection.h"
#include "admin/place.h"
#include "lib/clock.h"
#include "store/archive.h"
#include "store/data_directory.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    DIRECTORY_MODE = 0700,
    /* A server that opens the next draw needs some ten milliseconds; another second, to be slow. */
    TRIES = 40,
    RETRY_MS = 50
};

#define UNFINISHED ".unfinished"

struct backup {
    struct data_directory source, copy;
    struct control control; /* that was copied */
    struct backup_report *report;
    struct failure *failure;
    bool failed; /* an archive could not be copied: the others are left out */
};

/* ------------------------------------------------------------- judgement ---- */

/*
 * Would a start accept the copy? Its bytes are held against what vouches for them, so that
 * damage is told while there are older backups, and not when this one is needed. The failure
 * names the source.
 */
static bool is_trusted(struct inspection *inspection, struct failure *failure)
{
    inspection_make(inspection);
    bool well = inspection->problems.count == 0;
    if (!well) {
        failure_set(failure, "%.350s: this directory can't be trusted, and is not copied",
                    inspection->problems.texts[0]);
    }
    inspection_close(inspection);
    return well;
}

/* `copied` is the copy's directory, under the path that it is a copy of. */
static bool is_current_trusted(const struct backup *backup)
{
    struct data_directory copied = backup->copy;
    copied.path = backup->source.path;
    struct inspection inspection = {
        .place = {.directory = &copied}, .full = true, .control = backup->control};
    return is_trusted(&inspection, backup->failure);
}

/* Its files were read whole when it was the current draw: they are compared by size and seal. */
static bool is_archive_trusted(const struct backup *backup, const struct control *control,
                               const struct archive *copied, const char *path)
{
    struct data_directory directory = copied->directory;
    bool is_moving = strcmp(backup->control.archiving, control->terms.draw) == 0;
    directory.path = path;
    struct inspection inspection = {
        .place = {.directory = &directory, .before = is_moving ? &backup->copy : NULL},
        .is_archive = true,
        .control = *control};
    return is_trusted(&inspection, backup->failure);
}

/* -------------------------------------------------------------- archives ---- */

/* Makes draws/ or draws/NAME/ in the copy. */
static bool make_below(const struct backup *backup, const char *name)
{
    return mkdirat(backup->copy.descriptor, name, DIRECTORY_MODE) == 0 || errno == EEXIST ||
           failure_set_errno(backup->failure, "create %s/%s", backup->copy.path, name);
}

static bool copy_archive_files(struct backup *backup, const struct archive *from,
                               const struct archive *to)
{
    struct draw_copy copy = {
        .from = &from->directory, .to = &to->directory, .failure = backup->failure};
    return draw_copy_still(&copy) &&
           (file_sync_directory(to->directory.descriptor, to->path) ||
            failure_set_errno(backup->failure, "sync %s", to->path)) &&
           is_archive_trusted(backup, &copy.control, to, from->path);
}

static bool copy_archive(struct backup *backup, const char *name)
{
    char below[sizeof ARCHIVE_DIRECTORY + CONTROL_DRAW_BYTES];
    struct archive from = {.path = ""};
    struct archive to = {.path = ""};
    (void)snprintf(below, sizeof below, ARCHIVE_DIRECTORY "/%.32s", name);
    bool copied = make_below(backup, below) &&
                  archive_open(&backup->source, name, &from, backup->failure) &&
                  archive_open(&backup->copy, name, &to, backup->failure) &&
                  copy_archive_files(backup, &from, &to);
    archive_close(&from);
    archive_close(&to);
    return copied;
}

/*
 * Where the next draw was about to be opened, the current one has a control in the archive already:
 * it is left out, and made again.
 */
static void take_archive(void *context, const char *name)
{
    struct backup *backup = context;
    if (backup->failed || strcmp(name, backup->control.terms.draw) == 0) {
        return;
    }
    backup->failed = !copy_archive(backup, name);
    backup->report->archived_draws += backup->failed ? 0 : 1;
}

static bool copy_archives(struct backup *backup)
{
    if (!archive_has(&backup->source, ".")) {
        return true;
    }
    if (!make_below(backup, ARCHIVE_DIRECTORY) ||
        !archive_list(&backup->source, take_archive, backup, backup->failure) || backup->failed) {
        return false;
    }
    int archives = openat(backup->copy.descriptor, ARCHIVE_DIRECTORY,
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool synced = archives >= 0 && file_sync_directory(archives, backup->copy.path);
    if (!synced) {
        failure_set_errno(backup->failure, "sync %s/" ARCHIVE_DIRECTORY, backup->copy.path);
    }
    if (archives >= 0) {
        (void)close(archives);
    }
    return synced;
}

/* --------------------------------------------------------------- copying ---- */

static void report_draw(struct backup_report *report, const struct draw_copy *copy)
{
    const struct control *control = &copy->control;
    *report = (struct backup_report){.bets_bytes = copy->bets_bytes,
                                     .agencies_done = copy->agencies_done};
    (void)snprintf(report->identity, sizeof report->identity, "%s", control->identity);
    (void)snprintf(report->draw, sizeof report->draw, "%s", control->terms.draw);
    (void)snprintf(report->state, sizeof report->state, "%s", control_state_name(control->state));
}

/*
 * Copies all files, and judges the copy. While the files of the draw before are on their way to
 * its archive nothing of them changes; a start with the copy completes the way.
 */
static bool copy_all(struct backup *backup)
{
    struct draw_copy copy = {
        .from = &backup->source, .to = &backup->copy, .failure = backup->failure};
    bool is_moving = backup->control.archiving[0] != '\0';
    bool copied = is_moving ? draw_copy_still(&copy) : draw_copy_changing(&copy);
    backup->control = copy.control;
    report_draw(backup->report, &copy);
    return copied && (is_moving || is_current_trusted(backup)) && copy_archives(backup);
}

/* Removes the directories of the archives, too. */
static void remove_archive(void *context, const char *name)
{
    const struct data_directory *copy = context;
    char below[sizeof ARCHIVE_DIRECTORY + CONTROL_DRAW_BYTES];
    struct archive archive;
    struct failure ignored;
    if (archive_open(copy, name, &archive, &ignored)) {
        draw_copy_remove(&archive.directory);
        archive_close(&archive);
    }
    (void)snprintf(below, sizeof below, ARCHIVE_DIRECTORY "/%.32s", name);
    (void)unlinkat(copy->descriptor, below, AT_REMOVEDIR);
}

static void empty_copy(struct data_directory *copy)
{
    struct failure ignored;
    (void)archive_list(copy, remove_archive, copy, &ignored);
    (void)unlinkat(copy->descriptor, ARCHIVE_DIRECTORY, AT_REMOVEDIR);
    draw_copy_remove(copy);
}

/* ------------------------------------------------------------ being moved ---- */

/* Reads control until no file is on its way to an archive, or nobody moves it any further. */
static bool await_rest(struct backup *backup)
{
    const struct timespec pause = clock_interval(RETRY_MS);
    for (int tries = 0; tries < TRIES; tries++) {
        if (place_read_control(&backup->source, &backup->control, backup->failure) !=
            CONTROL_READ) {
            return false;
        }
        if (backup->control.archiving[0] == '\0') {
            break;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

/* True when the next draw has been opened, or files moved, since control was read. */
static bool has_moved_on(const struct backup *backup, const struct control *before)
{
    struct control now;
    struct failure ignored;
    return control_read(&backup->source, &now, &ignored) == CONTROL_READ &&
           (strcmp(now.identity, before->identity) != 0 ||
            strcmp(now.archiving, before->archiving) != 0);
}

/* Copies, and begins again where the next draw was opened meanwhile. */
static bool copy_at_rest(struct backup *backup)
{
    for (int tries = 0; tries < TRIES; tries++) {
        if (!await_rest(backup)) {
            return false;
        }
        const struct control before = backup->control;
        bool copied = copy_all(backup);
        if (!has_moved_on(backup, &before)) {
            return copied;
        }
        empty_copy(&backup->copy);
        backup->failed = false;
    }
    return failure_set(backup->failure,
                       "%s: one draw after the other was opened while it was copied: try again",
                       backup->source.path);
}

/* ------------------------------------------------------------ directories ---- */

static bool open_copy(struct backup *backup, const char *path)
{
    backup->copy = (struct data_directory){.path = path, .descriptor = -1, .lock = -1};
    if (mkdir(path, DIRECTORY_MODE) != 0) {
        return failure_set_errno(
            backup->failure, "create %s (remove it, where a backup that was ended left it)", path);
    }
    backup->copy.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return backup->copy.descriptor >= 0 || failure_set_errno(backup->failure, "open %s", path);
}

/* Makes the copy durable under its name. RENAME_NOREPLACE: not even an empty one is replaced. */
static bool give_name(const struct backup *backup, const char *destination)
{
    if (!file_sync_directory(backup->copy.descriptor, backup->copy.path)) {
        return failure_set_errno(backup->failure, "sync %s", backup->copy.path);
    }
    if (renameat2(AT_FDCWD, backup->copy.path, AT_FDCWD, destination, RENAME_NOREPLACE) != 0) {
        return failure_set_errno(backup->failure, "rename %s to %s", backup->copy.path,
                                 destination);
    }
    return file_sync_parent(backup->copy.descriptor, destination) ||
           failure_set_errno(backup->failure, "sync the parent of %s", destination);
}

bool backup_make(const char *source, const char *destination, struct backup_report *report,
                 struct failure *failure)
{
    struct backup backup = {.report = report, .failure = failure};
    char unfinished[PATH_MAX];
    *report = (struct backup_report){0};
    if (snprintf(unfinished, sizeof unfinished, "%s" UNFINISHED, destination) >=
        (int)sizeof unfinished) {
        return failure_set(failure, "%s: the name is too long", destination);
    }
    if (access(destination, F_OK) == 0) {
        return failure_set(failure, "%s is there already: name a directory that is not",
                           destination);
    }
    if (!place_open(source, &backup.source, failure)) {
        return false;
    }
    bool opened = open_copy(&backup, unfinished);
    bool made = opened && copy_at_rest(&backup) && give_name(&backup, destination);
    if (opened && !made) {
        empty_copy(&backup.copy);
        (void)rmdir(unfinished);
    }
    if (backup.copy.descriptor >= 0) {
        close(backup.copy.descriptor);
    }
    close(backup.source.descriptor);
    return made;
}
