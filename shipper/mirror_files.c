/*
 * mirror_files.c - see mirror_parts.h: the small files, which come whole: control, seal and draw.
 */
#include "shipper/mirror_parts.h"

#include "lib/log.h"
#include "shipper/unacknowledged.h"
#include "store/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The small files that the log may have beside control, and in which state of the draw each is made. */
static const struct {
    const char *name;
    enum control_state made_in;
} whole_files[] = {{DATA_SEAL_FILE, CONTROL_CLOSED},
                   {DATA_SEAL_SIGNATURE_FILE, CONTROL_CLOSED},
                   {DATA_DRAW_FILE, CONTROL_SEALED},
                   {DATA_DRAW_SIGNATURE_FILE, CONTROL_SEALED}};

enum { WHOLE_FILES = sizeof whole_files / sizeof whole_files[0] };

static enum mirror_end apply_control(struct mirror *mirror, const struct record *record,
                                     struct failure *failure)
{
    struct control control;
    enum mirror_end end = mirror_read_control(record, "a record", &control, failure);
    if (end == MIRROR_APPLIED) {
        end = mirror_check_control(mirror, record, &control, failure);
    }
    if (end != MIRROR_APPLIED) {
        return end;
    }
    mirror->logged = control;
    mirror->has_logged = true;
    if (mirror_has_own_files(mirror)) {
        if (!control_is_older(&mirror->control, &control)) {
            return MIRROR_APPLIED;
        }
        if (mirror_check_results(mirror, &control, failure) != MIRROR_APPLIED) {
            return MIRROR_REFUSED;
        }
        log_warning(LOG_STANDBY_OLDER_COPY,
                    "result: in_progress | state: %s | reason: this directory is an older copy: "
                    "its " DATA_CONTROL_FILE " comes from the log",
                    control_state_name(control.state));
    }
    return mirror_end_of(mirror_take_control(mirror, &control, failure));
}

static bool is_whole_file(const char *name)
{
    for (size_t i = 0; i < WHOLE_FILES; i++) {
        if (strcmp(whole_files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* True where a former primary lacks a file of its draw: it is an older copy of its directory. */
static bool is_missing(const struct mirror *mirror, const struct record *record)
{
    struct stat status;
    return mirror_is_of_draw(mirror, record->identity) &&
           fstatat(mirror->directory->descriptor, record->name, &status, AT_SYMLINK_NOFOLLOW) !=
               0 &&
           errno == ENOENT;
}

enum mirror_end mirror_apply_file(struct mirror *mirror, const struct record *record,
                                  struct failure *failure)
{
    bool synced = true;
    if (mirror_is_past(mirror, record->identity)) {
        return MIRROR_APPLIED;
    }
    if (mirror_sync(mirror, failure) != MIRROR_APPLIED) {
        return MIRROR_FAILED;
    }
    if (strcmp(record->name, DATA_CONTROL_FILE) == 0) {
        return apply_control(mirror, record, failure);
    }
    if (mirror_has_own_files(mirror) && !is_missing(mirror, record)) {
        return MIRROR_APPLIED; /* it may be newer than the log's */
    }
    if (!is_whole_file(record->name)) {
        log_warning(LOG_STANDBY_FILE_UNKNOWN,
                    "result: in_progress | file: %s | reason: this version knows no such file, and "
                    "leaves it in the log",
                    record->name);
        return MIRROR_APPLIED;
    }
    return mirror_end_of(whole_file_write(mirror->directory, record->name, record->bytes,
                                          (size_t)record->length, &synced, failure));
}

bool mirror_put_files_aside(const struct mirror *mirror, uint64_t epoch, struct failure *failure)
{
    const enum control_state state =
        mirror->has_logged ? mirror->logged.state : mirror->control.state;
    const int directory = mirror->directory->descriptor;
    for (size_t i = 0; i < WHOLE_FILES; i++) {
        if (state < whole_files[i].made_in &&
            !unacknowledged_rename(mirror->directory, whole_files[i].name, epoch, failure)) {
            return false;
        }
    }
    (void)unlinkat(directory, DATA_CHECKPOINT_FILE, 0);
    (void)unlinkat(directory, DATA_WINNERS_FILE, 0);
    return true;
}
