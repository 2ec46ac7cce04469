/*
 * own_files.c - see own_files.h.
 */
#include "shipper/own_files.h"

#include "lib/crc32c.h"
#include "store/archive.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of offering them. */
static const char *const small_names[OWN_FILES_SMALL] = {DATA_SEAL_SIGNATURE_FILE, DATA_SEAL_FILE,
                                                         DATA_DRAW_SIGNATURE_FILE, DATA_DRAW_FILE,
                                                         DATA_CONTROL_FILE};

enum { CONTROL_INDEX = OWN_FILES_SMALL - 1 };

static void forget_bytes(struct own_file *file)
{
    free(file->bytes);
    file->bytes = NULL;
    file->count = 0;
}

void own_files_open(struct own_files *files, const struct data_directory *directory)
{
    *files = (struct own_files){.directory = directory, .bets = -1};
}

void own_files_close(struct own_files *files)
{
    for (int i = 0; i < OWN_FILES_SMALL; i++) {
        forget_bytes(&files->small[i]);
    }
    if (files->bets >= 0) {
        (void)close(files->bets);
    }
    files->bets = -1;
}

static int open_file(const struct own_files *files, const char *name)
{
    return openat(files->directory->descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static bool read_exactly(int file, const char *name, uint64_t offset, void *bytes, size_t count,
                         struct failure *failure)
{
    ssize_t got = file_read_up_to(file, bytes, count, offset);
    if (got < 0) {
        return failure_set_errno(failure, "read %s", name);
    }
    return (size_t)got == count ||
           failure_set(failure, "%s ends before %" PRIu64 ", which was durable", name,
                       offset + count);
}

/* bets.csv is one file as long as the server lives; done.csv may be replaced by a start. */
bool own_files_read(void *context, enum record_kind kind, uint64_t offset, void *bytes,
                    size_t count, struct failure *failure)
{
    struct own_files *files = context;
    if (kind == RECORD_BETS) {
        if (files->bets < 0) {
            files->bets = open_file(files, DATA_BETS_FILE);
        }
        return files->bets < 0
                   ? failure_set_errno(failure, "open " DATA_BETS_FILE)
                   : read_exactly(files->bets, DATA_BETS_FILE, offset, bytes, count, failure);
    }
    int file = open_file(files, DATA_DONE_FILE);
    if (file < 0) {
        return failure_set_errno(failure, "open " DATA_DONE_FILE);
    }
    bool is_read = read_exactly(file, DATA_DONE_FILE, offset, bytes, count, failure);
    (void)close(file);
    return is_read;
}

/* ----------------------------------------------------------- small files ---- */

/* Reads all of an open file: one whole version, whoever replaces it. */
static bool read_whole(int descriptor, const char *name, struct own_file *file,
                       struct failure *failure)
{
    off_t size = lseek(descriptor, 0, SEEK_END);
    file->bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
    file->count = size >= 0 ? (size_t)size : 0;
    if (file->bytes == NULL) {
        return failure_set_errno(failure, "read %s", name);
    }
    if (!read_exactly(descriptor, name, 0, file->bytes, file->count, failure)) {
        return false;
    }
    file->crc = crc32c_extend(0, file->bytes, file->count);
    return true;
}

/* Reads one that is there. */
static bool read_small(const struct own_files *files, const char *name, struct own_file *file,
                       struct failure *failure)
{
    forget_bytes(file);
    int descriptor = open_file(files, name);
    if (descriptor < 0) {
        return errno == ENOENT || failure_set_errno(failure, "open %s", name);
    }
    bool is_read = read_whole(descriptor, name, file, failure);
    (void)close(descriptor);
    return is_read;
}

bool own_files_read_small(struct own_files *files, struct control *control, struct failure *failure)
{
    const struct own_file *own_control = &files->small[CONTROL_INDEX];
    for (int i = CONTROL_INDEX; i >= 0; i--) {
        if (!read_small(files, small_names[i], &files->small[i], failure)) {
            return false;
        }
    }
    return own_control->bytes == NULL ||
           control_read_text(own_control->bytes, own_control->count, DATA_CONTROL_FILE, control,
                             failure) == CONTROL_READ;
}

const struct own_file *own_files_control(const struct own_files *files)
{
    const struct own_file *own_control = &files->small[CONTROL_INDEX];
    return own_control->bytes == NULL ? NULL : own_control;
}

bool own_files_read_opening(const struct own_files *files, struct own_file *opening,
                            struct control *next, struct failure *failure)
{
    if (!read_small(files, DATA_OPENING_FILE, opening, failure)) {
        return false;
    }
    return opening->bytes == NULL
               ? failure_set(failure, DATA_OPENING_FILE " is not there: no draw is to be opened")
               : control_read_text(opening->bytes, opening->count, DATA_OPENING_FILE, next,
                                   failure) == CONTROL_READ;
}

bool own_files_offer(const struct own_files *files, int index, struct record *record)
{
    const struct own_file *file = &files->small[index];
    const bool has_it =
        file->is_shipped && file->shipped_count == file->count && file->shipped_crc == file->crc;
    *record = (struct record){.kind = RECORD_FILE, .bytes = file->bytes, .length = file->count};
    (void)snprintf(record->name, sizeof record->name, "%s", small_names[index]);
    return file->bytes != NULL && !has_it;
}

void own_files_note_shipped(struct own_files *files, int index)
{
    struct own_file *file = &files->small[index];
    file->is_shipped = true;
    file->shipped_count = file->count;
    file->shipped_crc = file->crc;
}

int own_files_offer_control_again(struct own_files *files)
{
    files->small[CONTROL_INDEX].is_shipped = false;
    return CONTROL_INDEX;
}

void own_files_forget_shipped(struct own_files *files)
{
    for (int i = 0; i < OWN_FILES_SMALL; i++) {
        files->small[i].is_shipped = false;
    }
}

/* ---------------------------------------------------------------- knowing ---- */

bool own_files_find_archived(void *context, const char *identity, struct control *archived)
{
    const struct own_files *files = context;
    return archive_find(files->directory, identity, archived);
}

/*
 * A step of the draw that only the log knows was made by this directory, and an older copy of it was put
 * back. The storer makes no step before the claim, so its control is what was found at the start.
 */
static bool knows_control(const struct own_files *files, const struct record *record,
                          struct failure *failure)
{
    struct control own;
    struct control logged;
    if (control_read_text(record->bytes, (size_t)record->length, "the log's " DATA_CONTROL_FILE,
                          &logged, failure) != CONTROL_READ ||
        control_read(files->directory, &own, failure) != CONTROL_READ) {
        return false;
    }
    return !control_is_older(&own, &logged) ||
           failure_set(failure,
                       "the log has the draw as %s, and this directory as %s: it is an older copy",
                       control_state_name(logged.state), control_state_name(own.state));
}

/* A seal or a draw is made once: the directory has the log's, or was taken back and went on otherwise. */
static bool knows_record(const struct own_files *files, const struct record *record,
                         struct failure *failure)
{
    struct own_file own = {.bytes = NULL};
    if (!read_small(files, record->name, &own, failure)) {
        forget_bytes(&own);
        return false;
    }
    const bool is_there = own.bytes != NULL;
    const bool is_same = is_there && own.count == record->length &&
                         (own.count == 0 || memcmp(own.bytes, record->bytes, own.count) == 0);
    forget_bytes(&own);
    return is_same ||
           failure_set(failure, "the log has %s, and this directory has %s: it is an older copy%s",
                       record->name, is_there ? "another one" : "not",
                       is_there ? ", or was changed" : "");
}

/* Signatures are not looked at: seal.key may have been changed since. */
bool own_files_know(void *context, const struct record *record, struct failure *failure)
{
    const struct own_files *files = context;
    if (strcmp(record->name, DATA_CONTROL_FILE) == 0) {
        return knows_control(files, record, failure);
    }
    const bool is_record =
        strcmp(record->name, DATA_SEAL_FILE) == 0 || strcmp(record->name, DATA_DRAW_FILE) == 0;
    return !is_record || knows_record(files, record, failure);
}
