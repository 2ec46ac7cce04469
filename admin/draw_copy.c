/*
 * draw_copy.c - see draw_copy.h.
 */
#include "admin/draw_copy.h"

#include "admin/place.h"
#include "store/done_file.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 128 * 1024 };

/* Everything of a draw but control. */
static const char *const files[] = {
    DATA_DONE_FILE, DATA_CHECKPOINT_FILE,     DATA_SEAL_FILE,    DATA_SEAL_SIGNATURE_FILE,
    DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE, DATA_WINNERS_FILE, DATA_BETS_FILE};

enum { FILES = sizeof files / sizeof files[0] };

/* -------------------------------------------------------------- copying ---- */

/* Copies up to `count` bytes and sets *copied to how many there were. False with the failure. */
static bool copy_bytes(const struct draw_copy *copy, const char *name, int from, int to,
                       uint64_t count, uint64_t *copied)
{
    char piece[PIECE_BYTES];
    *copied = 0;
    while (*copied < count) {
        uint64_t left = count - *copied;
        size_t wanted = left < sizeof piece ? (size_t)left : sizeof piece;
        ssize_t got = file_read_up_to(from, piece, wanted, *copied);
        if (got < 0) {
            return failure_set_errno(copy->failure, "read %s/%s", copy->from->path, name);
        }
        if (!file_write_all(to, piece, (size_t)got, *copied)) {
            return failure_set_errno(copy->failure, "write %s/%s", copy->to->path, name);
        }
        *copied += (uint64_t)got;
        if ((size_t)got < wanted) {
            break;
        }
    }
    return true;
}

/* Cuts the copy off at `bytes` and makes it durable. */
static bool finish_file(const struct draw_copy *copy, const char *name, int file, uint64_t bytes)
{
    return (ftruncate(file, (off_t)bytes) == 0 && file_sync(file)) ||
           failure_set_errno(copy->failure, "write %s/%s", copy->to->path, name);
}

/* Decides how many bytes of a copied file to keep. False with the failure when it is wrong. */
typedef bool keep_function(struct draw_copy *copy, int file, uint64_t copied, uint64_t *kept);

/* Copies one file as it is now, and keeps the bytes that `keep` says. A missing file is none. */
static bool copy_file(struct draw_copy *copy, const char *name, keep_function *keep)
{
    int from = data_directory_open_file(copy->from, name, O_RDONLY, copy->failure);
    if (from < 0) {
        return errno == ENOENT;
    }
    int to = data_directory_open_file(copy->to, name, O_RDWR | O_CREAT | O_EXCL, copy->failure);
    struct stat status;
    uint64_t copied = 0;
    uint64_t kept = 0;
    bool done = to >= 0 &&
                (fstat(from, &status) == 0 ||
                 failure_set_errno(copy->failure, "stat %s/%s", copy->from->path, name)) &&
                copy_bytes(copy, name, from, to, (uint64_t)status.st_size, &copied) &&
                keep(copy, to, copied, &kept) && finish_file(copy, name, to, kept);
    close(from);
    if (to >= 0) {
        close(to);
    }
    return done;
}

/* ---------------------------------------------------------------- files ---- */

static bool keep_all(struct draw_copy *copy, int file, uint64_t copied, uint64_t *kept)
{
    (void)copy;
    (void)file;
    *kept = copied;
    return true;
}

static void prove(struct draw_copy *copy, uint64_t bytes)
{
    if (bytes > copy->bets_proven_bytes) {
        copy->bets_proven_bytes = bytes;
    }
}

/* Keeps the whole lines. A line that is being written now was not acknowledged yet. */
static bool keep_done_lines(struct draw_copy *copy, int file, uint64_t copied, uint64_t *kept)
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
        prove(copy, line.position);
        copy->agencies_done++;
    }
    copy->done_bytes = *kept;
    return true;
}

/* Keeps the whole rows. */
static bool keep_rows(struct draw_copy *copy, int file, uint64_t copied, uint64_t *kept)
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
    copy->bets_bytes = *kept;
    return true;
}

/* True when the copies of done.csv and bets.csv hold all that was durable before. */
static bool holds_together(const struct draw_copy *copy)
{
    const char *name = DATA_DONE_FILE;
    uint64_t found = copy->done_bytes;
    uint64_t proven = copy->control.done_bytes;
    if (found >= proven) {
        name = DATA_BETS_FILE;
        found = copy->bets_bytes;
        proven = copy->bets_proven_bytes;
    }
    return found >= proven ||
           failure_set(copy->failure,
                       "%s/%s is missing, ends, or is damaged, at byte %" PRIu64 ", and %" PRIu64
                       " bytes were durable: this directory can't be trusted, and is not copied",
                       copy->from->path, name, found, proven);
}

/* Reads control and writes the copy from that, so the copy is whole. */
static bool copy_control(struct draw_copy *copy)
{
    bool synced = true;
    if (place_read_control(copy->from, &copy->control, copy->failure) != CONTROL_READ) {
        return false;
    }
    prove(copy, copy->control.bets_bytes);
    return control_write(copy->to, &copy->control, &synced, copy->failure);
}

/* ---------------------------------------------------------------- whole ---- */

/* What control speaks of was in place before control was written. */
static bool copy_seal_and_draw(struct draw_copy *copy)
{
    const struct control *control = &copy->control;
    bool copied = true;
    if (control->seal_sha256[0] != '\0') {
        copied = copy_file(copy, DATA_SEAL_FILE, keep_all) &&
                 copy_file(copy, DATA_SEAL_SIGNATURE_FILE, keep_all);
    }
    if (control->draw_sha256[0] != '\0') {
        copied = copied && copy_file(copy, DATA_DRAW_FILE, keep_all) &&
                 copy_file(copy, DATA_DRAW_SIGNATURE_FILE, keep_all);
    }
    return copied &&
           (control->state != CONTROL_DRAWN || copy_file(copy, DATA_WINNERS_FILE, keep_all));
}

/* bets.csv comes last: it then holds all bets that the other copies speak of. */
bool draw_copy_changing(struct draw_copy *copy)
{
    return copy_control(copy) && copy_file(copy, DATA_DONE_FILE, keep_done_lines) &&
           copy_file(copy, DATA_CHECKPOINT_FILE, keep_all) && copy_seal_and_draw(copy) &&
           copy_file(copy, DATA_BETS_FILE, keep_rows) && holds_together(copy);
}

bool draw_copy_still(struct draw_copy *copy)
{
    bool copied = copy_control(copy);
    for (size_t i = 0; i < FILES && copied; i++) {
        copied = copy_file(copy, files[i], keep_all);
    }
    return copied;
}

void draw_copy_remove(const struct data_directory *directory)
{
    for (size_t i = 0; i < FILES; i++) {
        (void)unlinkat(directory->descriptor, files[i], 0);
    }
    (void)unlinkat(directory->descriptor, DATA_CONTROL_FILE, 0);
    (void)unlinkat(directory->descriptor, DATA_CONTROL_UNFINISHED_FILE, 0);
}
