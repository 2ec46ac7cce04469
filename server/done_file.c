/*
 * done_file.c - see done_file.h.
 */
#include "server/done_file.h"

#include "lib/bet.h"
#include "lib/log.h"
#include "server/csv_reader.h"
#include "server/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0644 };

/* Calls `each` for the good lines at the start of `lines`; returns their bytes. */
static size_t take_good_lines(const char *lines, size_t bytes,
                              void (*each)(void *context, uint32_t agency), void *context)
{
    size_t at = 0;
    while (at < bytes) {
        const char *line_feed = memchr(lines + at, '\n', bytes - at);
        uint32_t agency = 0;
        if (line_feed == NULL ||
            !bet_parse_uint32(lines + at, (size_t)(line_feed - lines) - at, &agency)) {
            break;
        }
        each(context, agency);
        at = (size_t)(line_feed + 1 - lines);
    }
    return at;
}

/* Reads all good lines; false with errno when reading fails. */
static bool read_lines(struct done_file *file, void (*each)(void *context, uint32_t agency),
                       void *context)
{
    struct csv_reader reader;
    if (!csv_reader_open(&reader, file->descriptor, 0)) {
        return false;
    }
    const char *lines = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    while ((read = csv_reader_next(&reader, &lines, &bytes)) == CSV_ROWS) {
        size_t good = take_good_lines(lines, bytes, each, context);
        file->bytes += good;
        if (good < bytes) {
            read = CSV_END;
            break;
        }
    }
    csv_reader_close(&reader);
    return read == CSV_END;
}

static enum done_open cut_tail(const struct done_file *file, const struct data_directory *directory,
                               struct failure *failure)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0) {
        (void)failure_set_errno(failure, "stat %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_OPEN;
    }
    if ((uint64_t)status.st_size == file->bytes) {
        return DONE_OPEN;
    }
    log_warning("action: recover | result: success | file: " DATA_DONE_FILE
                " | cut_bytes: %llu | at: %llu",
                (unsigned long long)status.st_size - file->bytes, (unsigned long long)file->bytes);
    bool cut = ftruncate(file->descriptor, (off_t)file->bytes) == 0;
    if (cut && file_sync(file->descriptor)) {
        return DONE_OPEN;
    }
    (void)failure_set_errno(failure, "cut the tail of %s/" DATA_DONE_FILE, directory->path);
    return cut ? DONE_NOT_SYNCED : DONE_NOT_OPEN;
}

static enum done_open take_stock(const struct data_directory *directory, struct done_file *file,
                                 void (*each)(void *context, uint32_t agency), void *context,
                                 struct failure *failure)
{
    if (!file_sync_and_forget(file->descriptor, 0)) {
        (void)failure_set_errno(failure, "sync %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_SYNCED;
    }
    if (!read_lines(file, each, context)) {
        (void)failure_set_errno(failure, "read %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_OPEN;
    }
    return cut_tail(file, directory, failure);
}

enum done_open done_file_open(const struct data_directory *directory, struct done_file *file,
                              void (*each)(void *context, uint32_t agency), void *context,
                              struct failure *failure)
{
    *file = (struct done_file){0};
    file->descriptor =
        openat(directory->descriptor, DATA_DONE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file->descriptor < 0) {
        (void)failure_set_errno(failure, "open %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_OPEN;
    }
    enum done_open result = take_stock(directory, file, each, context, failure);
    if (result != DONE_OPEN) {
        done_file_close(file);
    }
    return result;
}

void done_file_close(struct done_file *file)
{
    if (file->descriptor >= 0) {
        (void)close(file->descriptor);
        file->descriptor = -1;
    }
}
