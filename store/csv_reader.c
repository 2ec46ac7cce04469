/*
 * csv_reader.c - see csv_reader.h.
 */
#include "store/csv_reader.h"

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

/* ------------------------------------------------------------- hand over ---- */

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

bool csv_reader_hand_over(struct csv_reader *reader, struct csv_buffer *buffer)
{
    const size_t left = reader->used - reader->taken;
    if (buffer->capacity < left) {
        char *larger = realloc(buffer->bytes, reader->capacity);
        if (larger == NULL) {
            return false;
        }
        *buffer = (struct csv_buffer){.bytes = larger, .capacity = reader->capacity};
    }
    const struct csv_buffer handed = {.bytes = reader->buffer, .capacity = reader->capacity};
    memcpy(buffer->bytes, reader->buffer + reader->taken, left);
    reader->buffer = buffer->bytes;
    reader->capacity = buffer->capacity;
    reader->position += reader->taken;
    reader->used = left;
    reader->taken = 0;
    *buffer = handed;
    return true;
}
