/*
 * csv_reader.c - see csv_reader.h.
 */
#include "store/csv_reader.h"

#include "store/file_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool csv_reader_open(struct csv_reader *reader, int descriptor, uint64_t position)
{
    *reader = (struct csv_reader){.descriptor = descriptor, .position = position};
    reader->buffer = malloc(CSV_READER_BYTES);
    reader->capacity = CSV_READER_BYTES;
    return reader->buffer != NULL;
}

void csv_reader_close(struct csv_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

/* Moves what was not taken to the front, and enlarges the buffer if that fills it. */
static bool make_room(struct csv_reader *reader)
{
    reader->used -= reader->taken;
    reader->position += reader->taken;
    memmove(reader->buffer, reader->buffer + reader->taken, reader->used);
    reader->taken = 0;
    if (reader->used < reader->capacity) {
        return true;
    }
    char *larger = realloc(reader->buffer, 2 * reader->capacity);
    if (larger == NULL) {
        return false;
    }
    reader->buffer = larger;
    reader->capacity *= 2;
    return true;
}

enum csv_read csv_reader_next(struct csv_reader *reader, const char **rows, size_t *bytes)
{
    while (reader->used - reader->taken < CSV_ROW_BYTES_MAX) {
        if (!make_room(reader)) {
            return CSV_FAILED;
        }
        char *end = reader->buffer + reader->used;
        ssize_t got = 0;
        do {
            got = pread(reader->descriptor, end, reader->capacity - reader->used,
                        (off_t)(reader->position + reader->used));
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            return got == 0 ? CSV_END : CSV_FAILED;
        }
        reader->used += (size_t)got;
        const char *line_feed = memrchr(end, '\n', (size_t)got);
        if (line_feed != NULL) {
            reader->taken = (size_t)(line_feed + 1 - reader->buffer);
            *rows = reader->buffer;
            *bytes = reader->taken;
            return CSV_ROWS;
        }
    }
    return CSV_END;
}

/* --------------------------------------------------------------- ranges ---- */

bool csv_buffer_open(struct csv_buffer *buffer)
{
    *buffer = (struct csv_buffer){.bytes = malloc(CSV_READER_BYTES), .capacity = CSV_READER_BYTES};
    return buffer->bytes != NULL;
}

void csv_buffer_close(struct csv_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct csv_buffer){0};
}

/* Reads what the buffer has room for. Fewer bytes than that: the file ends there. */
static bool fill_buffer(struct csv_buffer *buffer, size_t *used, int file, uint64_t base)
{
    ssize_t got =
        file_read_up_to(file, buffer->bytes + *used, buffer->capacity - *used, base + *used);
    *used += got < 0 ? 0 : (size_t)got;
    return got >= 0;
}

static bool enlarge_buffer(struct csv_buffer *buffer)
{
    char *larger = realloc(buffer->bytes, 2 * buffer->capacity);
    if (larger != NULL) {
        *buffer = (struct csv_buffer){.bytes = larger, .capacity = 2 * buffer->capacity};
    }
    return larger != NULL;
}

/* The byte after the first line feed from byte number `from` on; 0: there is none. */
static size_t after_line_feed(const struct csv_buffer *buffer, size_t from, size_t used)
{
    const char *line_feed = from < used ? memchr(buffer->bytes + from, '\n', used - from) : NULL;
    return line_feed == NULL ? 0 : (size_t)(line_feed + 1 - buffer->bytes);
}

/* The byte after the last line feed from byte number `start` on, or `start`. */
static size_t after_last_line_feed(const struct csv_buffer *buffer, size_t start, size_t used)
{
    const char *line_feed = memrchr(buffer->bytes + start, '\n', used - start);
    return line_feed == NULL ? start : (size_t)(line_feed + 1 - buffer->bytes);
}

enum csv_read csv_range_read(const struct csv_range *range, struct csv_buffer *buffer,
                             struct csv_rows *rows)
{
    /* But for the first range, the byte before it tells whether a row begins with it. */
    const bool is_first = range->from == range->origin;
    const uint64_t base = is_first ? range->from : range->from - 1;
    const size_t least = (size_t)(range->to - 1 - base); /* the last row's line feed, or later */
    size_t used = 0;
    *rows = (struct csv_rows){.position = range->to};
    if (!fill_buffer(buffer, &used, range->file, base)) {
        return CSV_FAILED;
    }
    const size_t start = is_first ? 0 : after_line_feed(buffer, 0, used);
    if (!is_first && (start == 0 || start > least)) {
        return used > least ? CSV_ROWS : CSV_END; /* no row begins here */
    }
    size_t end = after_line_feed(buffer, least, used);
    while (end == 0 && used == buffer->capacity && used - least <= CSV_ROW_BYTES_MAX) {
        const size_t searched = used;
        if (!enlarge_buffer(buffer) || !fill_buffer(buffer, &used, range->file, base)) {
            return CSV_FAILED;
        }
        end = after_line_feed(buffer, searched, used);
    }
    const enum csv_read read = end == 0 ? CSV_END : CSV_ROWS;
    end = end == 0 ? after_last_line_feed(buffer, start, used) : end;
    *rows = (struct csv_rows){
        .rows = buffer->bytes + start, .bytes = end - start, .position = base + start};
    return read;
}
