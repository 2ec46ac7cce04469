/*
 * done_file.c - see done_file.h.
 */
#include "store/done_file.h"

#include "lib/checksum.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "store/csv_reader.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One more than there can be agencies, so that one too many is noticed. */
enum { LINES_MAX = LIMITS_AGENCIES_MAX + 1 };

/* ----------------------------------------------------------------- lines ---- */

size_t done_file_write_line(char text[DONE_LINE_BYTES_MAX], const struct done_line *line)
{
    int used = snprintf(text, DONE_LINE_BYTES_MAX,
                        "%" PRIu32 ",%" PRIu64 ",%" PRIu64 "," CHECKSUM_FORMAT ",", line->agency,
                        line->bets, line->position, line->checksum);
    uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, text, (size_t)used);
    used +=
        snprintf(text + used, DONE_LINE_BYTES_MAX - (size_t)used, CHECKSUM_FORMAT "\n", checksum);
    return (size_t)used;
}

/* Reads leniently, writes the line again, and compares: a line has exactly one text. */
bool done_file_parse_line(const char *text, size_t bytes, struct done_line *line)
{
    enum { DECIMAL = 10, HEXADECIMAL = 16 };
    char copy[DONE_LINE_BYTES_MAX];
    char again[DONE_LINE_BYTES_MAX];
    if (bytes + 1 >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    char *at = copy;
    line->agency = (uint32_t)strtoull(at, &at, DECIMAL);
    at += *at == ',';
    line->bets = strtoull(at, &at, DECIMAL);
    at += *at == ',';
    line->position = strtoull(at, &at, DECIMAL);
    at += *at == ',';
    line->checksum = strtoull(at, &at, HEXADECIMAL);
    return done_file_write_line(again, line) == bytes + 1 && memcmp(again, text, bytes) == 0;
}

/* Keeps the good lines at the start of `text`, LINES_MAX in all; returns their bytes. */
static size_t keep_good_lines(struct done_file *file, const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && file->count < LINES_MAX) {
        const char *line_feed = memchr(text + at, '\n', bytes - at);
        if (line_feed == NULL || !done_file_parse_line(text + at, (size_t)(line_feed - text) - at,
                                                       &file->lines[file->count])) {
            break;
        }
        file->count++;
        at = (size_t)(line_feed + 1 - text);
    }
    return at;
}

/* Reads all good lines; false with errno when reading fails. */
static bool read_lines(struct done_file *file)
{
    struct csv_reader reader;
    file->lines = calloc(LINES_MAX, sizeof *file->lines);
    if (file->lines == NULL || !csv_reader_open(&reader, file->descriptor, 0)) {
        return false;
    }
    const char *lines = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    while ((read = csv_reader_next(&reader, &lines, &bytes)) == CSV_ROWS) {
        size_t good = keep_good_lines(file, lines, bytes);
        file->bytes += good;
        if (good < bytes) {
            read = CSV_END;
            break;
        }
    }
    csv_reader_close(&reader);
    return read == CSV_END;
}

/* --------------------------------------------------------------- opening ---- */

static enum done_open falls_short(const struct data_directory *directory, uint64_t good_bytes,
                                  uint64_t proven_bytes, struct failure *failure)
{
    failure_set(failure,
                "%s/" DATA_DONE_FILE " is missing, ends, or is damaged, at byte %" PRIu64
                ", and %" PRIu64 " bytes were durable (" DATA_CONTROL_FILE " proves it): "
                "agencies that were done are missing, nothing was touched; restore all files from "
                "one backup",
                directory->path, good_bytes, proven_bytes);
    return DONE_DAMAGED;
}

static enum done_open read_and_judge(const struct data_directory *directory, uint64_t proven_bytes,
                                     struct done_file *file, struct failure *failure)
{
    struct stat status;
    if (!file_sync_and_forget(file->descriptor, 0)) {
        failure_set_errno(failure, "sync %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_SYNCED;
    }
    if (!read_lines(file) || fstat(file->descriptor, &status) != 0) {
        failure_set_errno(failure, "read %s/" DATA_DONE_FILE, directory->path);
        return DONE_NOT_OPEN;
    }
    file->torn_bytes = (uint64_t)status.st_size - file->bytes;
    if (file->count == LINES_MAX) {
        failure_set(failure,
                    "%s/" DATA_DONE_FILE " has more lines than there can be agencies (%d): "
                    "nothing was touched",
                    directory->path, LINES_MAX - 1);
        return DONE_DAMAGED;
    }
    return file->bytes < proven_bytes ? falls_short(directory, file->bytes, proven_bytes, failure)
                                      : DONE_OPEN;
}

enum done_open done_file_open(const struct data_directory *directory, bool make,
                              uint64_t proven_bytes, struct done_file *file,
                              struct failure *failure)
{
    *file = (struct done_file){.descriptor = -1};
    int create = make && proven_bytes == 0 ? O_CREAT : 0;
    file->descriptor =
        data_directory_open_file(directory, DATA_DONE_FILE, O_RDWR | create, failure);
    if (file->descriptor < 0 && errno == ENOENT) {
        return proven_bytes == 0 ? DONE_OPEN : falls_short(directory, 0, proven_bytes, failure);
    }
    if (file->descriptor < 0) {
        return DONE_NOT_OPEN;
    }
    enum done_open result = read_and_judge(directory, proven_bytes, file, failure);
    if (result != DONE_OPEN) {
        done_file_close(file);
    }
    return result;
}

enum done_open done_file_cut(const struct data_directory *directory, struct done_file *file,
                             struct failure *failure)
{
    if (file->torn_bytes == 0) {
        return DONE_OPEN;
    }
    log_warning(LOG_DONE_TAIL_CUT,
                "result: success | file: " DATA_DONE_FILE " | cut_bytes: %" PRIu64
                " | at: %" PRIu64,
                file->torn_bytes, file->bytes);
    bool cut = ftruncate(file->descriptor, (off_t)file->bytes) == 0;
    if (cut && file_sync(file->descriptor)) {
        file->torn_bytes = 0;
        return DONE_OPEN;
    }
    failure_set_errno(failure, "cut the tail of %s/" DATA_DONE_FILE, directory->path);
    return cut ? DONE_NOT_SYNCED : DONE_NOT_OPEN;
}

void done_file_close(struct done_file *file)
{
    free(file->lines);
    file->lines = NULL;
    file->count = 0;
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
}

/* --------------------------------------------------------------- finding ---- */

/* Looks through whole lines. DONE_UNREAD for one that is no line. */
static enum done_find find_among(const char *lines, size_t bytes, uint32_t agency,
                                 struct done_line *line)
{
    const char *end = lines + bytes;
    for (const char *at = lines; at < end;) {
        const char *line_feed = memchr(at, '\n', (size_t)(end - at));
        if (line_feed == NULL || !done_file_parse_line(at, (size_t)(line_feed - at), line)) {
            return DONE_UNREAD;
        }
        if (line->agency == agency) {
            return DONE_FOUND;
        }
        at = line_feed + 1;
    }
    return DONE_NOT_FOUND;
}

static enum done_find find_in(const struct data_directory *directory, int file, uint32_t agency,
                              struct done_line *line, struct failure *failure)
{
    struct csv_reader reader;
    const char *lines = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_FAILED;
    enum done_find found = DONE_NOT_FOUND;
    if (csv_reader_open(&reader, file, 0)) {
        while (found == DONE_NOT_FOUND &&
               (read = csv_reader_next(&reader, &lines, &bytes)) == CSV_ROWS) {
            found = find_among(lines, bytes, agency, line);
        }
        csv_reader_close(&reader);
    }
    if (found == DONE_UNREAD) {
        (void)failure_set(failure, "%s/" DATA_DONE_FILE " is damaged: a line is wrong",
                          directory->path);
    } else if (read == CSV_FAILED) {
        found = DONE_UNREAD;
        (void)failure_set_errno(failure, "read %s/" DATA_DONE_FILE, directory->path);
    }
    return found;
}

enum done_find done_file_find(const struct data_directory *directory, uint32_t agency,
                              struct done_line *line, struct failure *failure)
{
    int file = data_directory_open_file(directory, DATA_DONE_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT ? DONE_NOT_FOUND : DONE_UNREAD;
    }
    enum done_find found = find_in(directory, file, agency, line, failure);
    (void)close(file);
    return found;
}
