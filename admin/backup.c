/*
 * backup.c - see backup.h.
 */
#include "admin/backup.h"

#include "lib/checksum.h"
#include "store/checkpoint.h"
#include "store/data_directory.h"
#include "store/done_file.h"
#include "store/draw.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700, PIECE_BYTES = 128 * 1024 };

#define UNFINISHED ".unfinished"

struct backup {
    struct data_directory source, copy;
    struct control control;
    uint64_t done_bytes;        /* of done.csv, copied */
    uint64_t bets_proven_bytes; /* durable, as control and done.csv say that were copied */
    struct backup_report *report;
    struct failure *failure;
};

/* -------------------------------------------------------------- copying ---- */

/* Copies up to `count` bytes and sets *copied to how many there were. False with the failure. */
static bool copy_bytes(const struct backup *backup, const char *name, int from, int to,
                       uint64_t count, uint64_t *copied)
{
    char piece[PIECE_BYTES];
    *copied = 0;
    while (*copied < count) {
        uint64_t left = count - *copied;
        size_t wanted = left < sizeof piece ? (size_t)left : sizeof piece;
        ssize_t got = file_read_up_to(from, piece, wanted, *copied);
        if (got < 0) {
            return failure_set_errno(backup->failure, "read %s/%s", backup->source.path, name);
        }
        if (!file_write_all(to, piece, (size_t)got, *copied)) {
            return failure_set_errno(backup->failure, "write %s/%s", backup->copy.path, name);
        }
        *copied += (uint64_t)got;
        if ((size_t)got < wanted) {
            break;
        }
    }
    return true;
}

/* Cuts the copy off at `bytes` and makes it durable. */
static bool finish_file(const struct backup *backup, const char *name, int file, uint64_t bytes)
{
    return (ftruncate(file, (off_t)bytes) == 0 && file_sync(file)) ||
           failure_set_errno(backup->failure, "write %s/%s", backup->copy.path, name);
}

/* Decides how many bytes of a copied file to keep. False with the failure when it is wrong. */
typedef bool keep_function(struct backup *backup, int file, uint64_t copied, uint64_t *kept);

/* Copies one file as it is now, and keeps the bytes that `keep` says. A missing file is none. */
static bool copy_file(struct backup *backup, const char *name, keep_function *keep)
{
    int from = data_directory_open_file(&backup->source, name, O_RDONLY, backup->failure);
    if (from < 0) {
        return errno == ENOENT;
    }
    int to =
        data_directory_open_file(&backup->copy, name, O_RDWR | O_CREAT | O_EXCL, backup->failure);
    struct stat status;
    uint64_t copied = 0;
    uint64_t kept = 0;
    bool done = to >= 0 &&
                (fstat(from, &status) == 0 ||
                 failure_set_errno(backup->failure, "stat %s/%s", backup->source.path, name)) &&
                copy_bytes(backup, name, from, to, (uint64_t)status.st_size, &copied) &&
                keep(backup, to, copied, &kept) && finish_file(backup, name, to, kept);
    close(from);
    if (to >= 0) {
        close(to);
    }
    return done;
}

/* ---------------------------------------------------------------- files ---- */

static bool keep_all(struct backup *backup, int file, uint64_t copied, uint64_t *kept)
{
    (void)backup;
    (void)file;
    *kept = copied;
    return true;
}

static void prove(struct backup *backup, uint64_t bytes)
{
    if (bytes > backup->bets_proven_bytes) {
        backup->bets_proven_bytes = bytes;
    }
}

/* Keeps the whole lines. A line that is being written now was not acknowledged yet. */
static bool keep_done_lines(struct backup *backup, int file, uint64_t copied, uint64_t *kept)
{
    char line_text[DONE_LINE_BYTES_MAX];
    *kept = 0;
    while (*kept < copied) {
        ssize_t got = file_read_up_to(file, line_text, sizeof line_text, *kept);
        const char *line_feed = got <= 0 ? NULL : memchr(line_text, '\n', (size_t)got);
        struct done_line line;
        if (line_feed == NULL ||
            !done_file_parse_line(line_text, (size_t)(line_feed - line_text), &line)) {
            break;
        }
        *kept += (uint64_t)(line_feed + 1 - line_text);
        prove(backup, line.position);
        backup->report->agencies_done++;
    }
    backup->done_bytes = *kept;
    return true;
}

/* Keeps the whole rows. */
static bool keep_rows(struct backup *backup, int file, uint64_t copied, uint64_t *kept)
{
    char piece[PIECE_BYTES];
    uint64_t end = copied;
    *kept = 0;
    while (end > 0 && *kept == 0) {
        uint64_t from = end > sizeof piece ? end - sizeof piece : 0;
        ssize_t got = file_read_up_to(file, piece, (size_t)(end - from), from);
        const char *line_feed = got <= 0 ? NULL : memrchr(piece, '\n', (size_t)got);
        if (line_feed != NULL) {
            *kept = from + (uint64_t)(line_feed + 1 - piece);
        }
        end = from;
    }
    backup->report->bets_bytes = *kept;
    return true;
}

/* True when the copies of done.csv and bets.csv hold all that was durable before. */
static bool holds_together(const struct backup *backup)
{
    const char *name = DATA_DONE_FILE;
    uint64_t found = backup->done_bytes;
    uint64_t proven = backup->control.done_bytes;
    if (found >= proven) {
        name = DATA_BETS_FILE;
        found = backup->report->bets_bytes;
        proven = backup->bets_proven_bytes;
    }
    return found >= proven ||
           failure_set(backup->failure,
                       "%s/%s is missing, ends, or is damaged, at byte %" PRIu64 ", and %" PRIu64
                       " bytes were durable: this directory can't be trusted, and is not copied",
                       backup->source.path, name, found, proven);
}

/*
 * The draw was held among these bytes, and gave these winners. Winners that are missing are
 * made again.
 */
static bool agrees_with_draw(const struct backup *backup, const struct data_directory *judged,
                             int bets)
{
    const struct draw_record *draw = &backup->control.draw;
    uint64_t checksum = 0;
    if (backup->control.state != CONTROL_DRAWN) {
        return true;
    }
    if (file_checksum(bets, draw->bytes, &checksum) != (int64_t)draw->bytes ||
        checksum != draw->checksum || backup->report->bets_bytes != draw->bytes) {
        return failure_set(backup->failure,
                           "%s/" DATA_BETS_FILE " was changed after the draw: this directory can't "
                           "be trusted, and is not copied",
                           judged->path);
    }
    enum draw_end end = draw_check(judged, draw, backup->failure);
    return end == DRAW_HELD || end == DRAW_MISSING;
}

/*
 * Would a start accept the copy? Its bytes are held against what vouches for them, so that
 * damage is told while there are older backups, and not when this one is needed. The failure
 * names the source.
 */
static bool can_be_started(const struct backup *backup)
{
    struct data_directory judged = backup->copy;
    judged.path = backup->source.path;
    int bets = data_directory_open_file(&judged, DATA_BETS_FILE, O_RDONLY, backup->failure);
    if (bets < 0 && errno != ENOENT) {
        return false;
    }
    struct checkpoint checkpoint;
    bool accepted = checkpoint_read(&judged, backup->control.identity, bets, CHECKPOINT_VERIFY_ALL,
                                    &checkpoint, backup->failure) != CHECKPOINT_REFUSED &&
                    agrees_with_draw(backup, &judged, bets);
    checkpoint_close(&checkpoint);
    if (bets >= 0) {
        close(bets);
    }
    return accepted;
}

/* Reads control and writes the copy from that, so the copy is whole. */
static bool copy_control(struct backup *backup)
{
    bool synced = true;
    switch (control_read(&backup->source, &backup->control, backup->failure)) {
    case CONTROL_READ:
        prove(backup, backup->control.bets_bytes);
        snprintf(backup->report->identity, sizeof backup->report->identity, "%s",
                 backup->control.identity);
        snprintf(backup->report->state, sizeof backup->report->state, "%s",
                 control_state_name(backup->control.state));
        return control_write(&backup->copy, &backup->control, &synced, backup->failure);
    case CONTROL_ABSENT:
        return failure_set(backup->failure, "%s holds no lottery: there is no " DATA_CONTROL_FILE,
                           backup->source.path);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

/*
 * Copies all files, and judges the copy. bets.csv comes last: it then holds all bets that the
 * other copies speak of. Where control says that the draw was held, winners.csv was in place
 * before that.
 */
static bool copy_all(struct backup *backup)
{
    return copy_control(backup) && copy_file(backup, DATA_DONE_FILE, keep_done_lines) &&
           copy_file(backup, DATA_CHECKPOINT_FILE, keep_all) &&
           (backup->control.state != CONTROL_DRAWN ||
            copy_file(backup, DATA_WINNERS_FILE, keep_all)) &&
           copy_file(backup, DATA_BETS_FILE, keep_rows) && holds_together(backup) &&
           can_be_started(backup);
}

/* ------------------------------------------------------------ directories ---- */

static void remove_copy(const struct data_directory *copy)
{
    static const char *const files[] = {DATA_CONTROL_FILE, DATA_CONTROL_UNFINISHED_FILE,
                                        DATA_DONE_FILE,    DATA_CHECKPOINT_FILE,
                                        DATA_WINNERS_FILE, DATA_BETS_FILE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlinkat(copy->descriptor, files[i], 0);
    }
    rmdir(copy->path);
}

static bool open_source(struct backup *backup, const char *path)
{
    backup->source = (struct data_directory){.path = path, .lock = -1};
    backup->source.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (backup->source.descriptor < 0 || fstat(backup->source.descriptor, &status) != 0) {
        return failure_set_errno(backup->failure, "open data directory %s", path);
    }
    char owner[DATA_ACCESS_USER_BYTES];
    data_access_describe_user(status.st_uid, owner);
    return status.st_uid == geteuid() ||
           failure_set(backup->failure,
                       "%s belongs to %s: run lottery-admin as that user, so that the copy can "
                       "be started by the same one",
                       path, owner);
}

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
    if (!open_source(&backup, source)) {
        if (backup.source.descriptor >= 0) {
            close(backup.source.descriptor);
        }
        return false;
    }
    bool opened = open_copy(&backup, unfinished);
    bool made = opened && copy_all(&backup) && give_name(&backup, destination);
    if (opened && !made) {
        remove_copy(&backup.copy);
    }
    if (backup.copy.descriptor >= 0) {
        close(backup.copy.descriptor);
    }
    close(backup.source.descriptor);
    return made;
}
