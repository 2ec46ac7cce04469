/*
 * dataset.c - see dataset.h.
 *
 * One buffer, filled by pread, so that going back is only arithmetic. Rows in
 * memory go into an anonymous file and are read like any other.
 */
#include "client/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATASET_BUFFER_BYTES = 1 << 16, DATASET_LINE_END_BYTES = 2, LOOK_AHEAD_BYTES = 1 << 12 };

static const char byte_order_mark[] = "\xEF\xBB\xBF";
enum { BYTE_ORDER_MARK_BYTES = sizeof byte_order_mark - 1 };

/* Returns the bytes read, 0 at the end of the file, -1 after a failure. */
static ssize_t read_at(const struct dataset *dataset, char *bytes, size_t count, uint64_t offset,
                       struct failure *failure)
{
    ssize_t got = 0;
    do {
        got = pread(dataset->fd, bytes, count, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        failure_set_errno(failure, "reading %s", dataset->name);
    }
    return got;
}

/* Makes room in the buffer and reads on; sets read_all at the end of the file. */
static bool refill(struct dataset *dataset, struct failure *failure)
{
    size_t left = dataset->used - dataset->begin;
    memmove(dataset->buffer, dataset->buffer + dataset->begin, left);
    dataset->buffer_offset += dataset->begin;
    dataset->begin = 0;
    dataset->used = left;
    ssize_t got = read_at(dataset, dataset->buffer + left, DATASET_BUFFER_BYTES - left,
                          dataset->buffer_offset + left, failure);
    if (got < 0) {
        return false;
    }
    dataset->used += (size_t)got;
    dataset->read_all = got == 0;
    return true;
}

static bool skip_byte_order_mark(struct dataset *dataset, struct failure *failure)
{
    while (dataset->used < BYTE_ORDER_MARK_BYTES && !dataset->read_all) {
        if (!refill(dataset, failure)) {
            return false;
        }
    }
    if (dataset->used >= BYTE_ORDER_MARK_BYTES &&
        memcmp(dataset->buffer, byte_order_mark, BYTE_ORDER_MARK_BYTES) == 0) {
        dataset->start = BYTE_ORDER_MARK_BYTES;
        dataset->begin = BYTE_ORDER_MARK_BYTES;
    }
    return true;
}

/* The part of opening that files and texts have in common, once the descriptor is open. */
static bool prepare(struct dataset *dataset, struct failure *failure)
{
    struct stat status;
    if (fstat(dataset->fd, &status) < 0) {
        return failure_set_errno(failure, "%s: finding out whether it is a regular file",
                                 dataset->name);
    }
    if (!S_ISREG(status.st_mode)) {
        return failure_set(failure, "%s: not a regular file, so that it can't be read twice",
                           dataset->name);
    }
    dataset->bytes = (uint64_t)status.st_size;
    dataset->line = 1;
    dataset->buffer = malloc(DATASET_BUFFER_BYTES);
    if (dataset->buffer == NULL) {
        return failure_set_errno(failure, "%s: %d bytes of memory to read it", dataset->name,
                                 DATASET_BUFFER_BYTES);
    }
    posix_fadvise(dataset->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    return skip_byte_order_mark(dataset, failure);
}

static bool close_after_failure(struct dataset *dataset)
{
    dataset_close(dataset);
    return false;
}

bool dataset_open(struct dataset *dataset, const char *path, struct failure *failure)
{
    *dataset = (struct dataset){.name = path};
    dataset->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (dataset->fd < 0) {
        return failure_set_errno(failure, "opening the file of bets %s", path);
    }
    return prepare(dataset, failure) || close_after_failure(dataset);
}

bool dataset_open_text(struct dataset *dataset, const char *name, const char *text, size_t bytes,
                       struct failure *failure)
{
    *dataset = (struct dataset){.name = name};
    dataset->fd = memfd_create("bets", MFD_CLOEXEC);
    if (dataset->fd < 0) {
        return failure_set_errno(failure, "%s: opening an anonymous file", name);
    }
    if (pwrite(dataset->fd, text, bytes, 0) != (ssize_t)bytes) {
        failure_set_errno(failure, "%s: writing %zu bytes to an anonymous file", name, bytes);
        return close_after_failure(dataset);
    }
    return prepare(dataset, failure) || close_after_failure(dataset);
}

void dataset_close(struct dataset *dataset)
{
    free(dataset->buffer);
    dataset->buffer = NULL;
    if (dataset->fd >= 0) {
        close(dataset->fd);
        dataset->fd = -1;
    }
}

bool dataset_is_at(const struct dataset *dataset, const char *path)
{
    struct stat ours;
    struct stat theirs;
    return fstat(dataset->fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Brings one whole line into the buffer. *bytes is its length with its end, 0 at the file's end. */
static bool find_line(struct dataset *dataset, size_t *bytes, struct failure *failure)
{
    size_t looked_at = 0;
    while (true) {
        size_t left = dataset->used - dataset->begin;
        const char *from = dataset->buffer + dataset->begin + looked_at;
        const char *end = memchr(from, '\n', left - looked_at);
        if (end != NULL) {
            *bytes = looked_at + (size_t)(end - from) + 1;
            return true;
        }
        if (dataset->read_all || left > DATASET_ROW_BYTES_MAX + DATASET_LINE_END_BYTES) {
            *bytes = left;
            return true;
        }
        looked_at = left;
        if (!refill(dataset, failure)) {
            return false;
        }
    }
}

/* The line's bytes without its LF or CRLF. The last line may lack the LF, and loses a CR alone. */
static size_t strip_line_end(const char *line, size_t bytes)
{
    if (bytes > 0 && line[bytes - 1] == '\n') {
        bytes--;
    }
    if (bytes > 0 && line[bytes - 1] == '\r') {
        bytes--;
    }
    return bytes;
}

static bool is_line_end(char byte)
{
    return byte == '\n' || byte == '\r';
}

/*
 * Finds out whether the rest of the file, from the row at `begin` on, is only line ends:
 * *only. Reads ahead without changing the buffer. Returns false with the failure.
 */
static bool only_line_ends_follow(const struct dataset *dataset, bool *only,
                                  struct failure *failure)
{
    char piece[LOOK_AHEAD_BYTES];
    uint64_t offset = dataset->buffer_offset + dataset->begin;
    while (true) {
        ssize_t got = read_at(dataset, piece, sizeof piece, offset, failure);
        if (got < 0) {
            return false;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (!is_line_end(piece[i])) {
                *only = false;
                return true;
            }
        }
        if (got == 0) {
            *only = true;
            return true;
        }
        offset += (uint64_t)got;
    }
}

/* Checks that the row can be sent. */
static enum dataset_result check_travels(const struct dataset_row *row, struct failure *failure)
{
    if (row->bytes == 0) {
        failure_set(failure, "the line is empty");
        return DATASET_BAD_ROW;
    }
    if (row->bytes > DATASET_ROW_BYTES_MAX) {
        failure_set(failure, "the row is longer than the %d bytes that fit a message",
                    DATASET_ROW_BYTES_MAX);
        return DATASET_BAD_ROW;
    }
    if (memchr(row->text, '\r', row->bytes) != NULL) {
        failure_set(failure, "the row holds a carriage return");
        return DATASET_BAD_ROW;
    }
    return DATASET_ROW;
}

enum dataset_result dataset_peek(struct dataset *dataset, struct dataset_row *row,
                                 struct failure *failure)
{
    size_t line_bytes = 0;
    row->begin.line = dataset->line;
    if (!find_line(dataset, &line_bytes, failure)) {
        return DATASET_FAILED;
    }
    row->text = dataset->buffer + dataset->begin;
    row->bytes = strip_line_end(row->text, line_bytes);
    bool at_end = line_bytes == 0;
    if (!at_end && is_line_end(row->text[0]) && !only_line_ends_follow(dataset, &at_end, failure)) {
        return DATASET_FAILED;
    }
    if (at_end) {
        return DATASET_END;
    }
    row->begin.offset = dataset->buffer_offset + dataset->begin;
    row->end_offset = row->begin.offset + line_bytes;
    return check_travels(row, failure);
}

bool dataset_skip_line(struct dataset *dataset, struct failure *failure)
{
    const char *end = NULL;
    while ((end = memchr(dataset->buffer + dataset->begin, '\n', dataset->used - dataset->begin)) ==
               NULL &&
           !dataset->read_all) {
        dataset->begin = dataset->used;
        if (!refill(dataset, failure)) {
            return false;
        }
    }
    dataset->begin = end != NULL ? (size_t)(end - dataset->buffer) + 1 : dataset->used;
    dataset->line++;
    return true;
}

void dataset_take(struct dataset *dataset, const struct dataset_row *row)
{
    dataset->begin = (size_t)(row->end_offset - dataset->buffer_offset);
    dataset->line = row->begin.line + 1;
}

uint64_t dataset_line(const struct dataset *dataset)
{
    return dataset->line;
}

struct dataset_mark dataset_position(const struct dataset *dataset)
{
    return (struct dataset_mark){.offset = dataset->buffer_offset + dataset->begin,
                                 .line = dataset->line};
}

void dataset_seek(struct dataset *dataset, struct dataset_mark mark)
{
    dataset->buffer_offset = mark.offset;
    dataset->begin = 0;
    dataset->used = 0;
    dataset->read_all = false;
    dataset->line = mark.line;
}

struct dataset_mark dataset_first(const struct dataset *dataset)
{
    return (struct dataset_mark){.offset = dataset->start, .line = 1};
}

void dataset_rewind(struct dataset *dataset)
{
    dataset_seek(dataset, dataset_first(dataset));
}
