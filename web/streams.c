/*
 * streams.c - see streams.h.
 */
#include "web/streams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024 };

/* The text of one event. Freed when nobody holds it. */
struct frame {
    size_t holders;
    size_t bytes;
    char *text; /* owned */
};

struct stream {
    struct streams *streams;
    struct MHD_Connection *connection;
    struct frame *frame; /* what it is sent, held; NULL: nothing yet */
    size_t sent;         /* bytes of it */
    bool is_suspended;
    struct stream *next;
};

/* ----------------------------------------------------------------- frames ---- */

static void let_go(struct frame *frame)
{
    if (frame != NULL && --frame->holders == 0) {
        free(frame->text);
        free(frame);
    }
}

static struct frame *hold(struct frame *frame)
{
    frame->holders++;
    return frame;
}

/* An event is lines, and JSON has no line ends but between its tokens. */
static struct frame *make_frame(const char *json, uint64_t number)
{
    struct frame *frame = calloc(1, sizeof *frame);
    char *text = NULL;
    int bytes = frame == NULL
                    ? -1
                    : asprintf(&text, "id: %" PRIu64 "\nevent: state\ndata: %s\n", number, json);
    if (bytes < 0) {
        free(frame);
        return NULL;
    }
    char *data = strstr(text, "\ndata: ") + 1;
    for (char *end = strchr(data, '\n'); end != NULL; end = strchr(end, '\n')) {
        *end = ' ';
    }
    text[bytes - 1] = text[bytes - 2] =
        '\n'; /* the JSON text ends in one; the other ends the event */
    *frame = (struct frame){.holders = 1, .bytes = (size_t)bytes, .text = text};
    return frame;
}

static void wake(struct streams *streams)
{
    for (struct stream *stream = streams->first; stream != NULL; stream = stream->next) {
        if (stream->is_suspended) {
            stream->is_suspended = false;
            MHD_resume_connection(stream->connection);
        }
    }
}

bool streams_publish(struct streams *streams, const char *json, uint64_t number,
                     struct failure *failure)
{
    struct frame *frame = make_frame(json, number);
    if (frame == NULL) {
        return failure_set_errno(failure, "make an event of %zu bytes", strlen(json));
    }
    let_go(streams->newest);
    streams->newest = frame;
    wake(streams);
    return true;
}

/* ---------------------------------------------------------------- readers ---- */

static ssize_t copy_piece(struct stream *stream, char *buffer, size_t capacity)
{
    const struct frame *frame = stream->frame;
    size_t left = frame->bytes - stream->sent;
    size_t piece = left < capacity ? left : capacity;
    memcpy(buffer, frame->text + stream->sent, piece);
    stream->sent += piece;
    return (ssize_t)piece;
}

/* Gives the next bytes of a reader; called by libmicrohttpd when there is room for them. */
static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    struct stream *stream = context;
    struct streams *streams = stream->streams;
    bool is_done = stream->frame == NULL || stream->sent == stream->frame->bytes;
    if (streams->closing) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (!is_done) {
        return copy_piece(stream, buffer, capacity);
    }
    if (stream->frame == streams->newest || streams->newest == NULL) {
        stream->is_suspended = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    let_go(stream->frame);
    stream->frame = hold(streams->newest);
    stream->sent = 0;
    return copy_piece(stream, buffer, capacity);
}

/* The reader has gone. */
static void close_stream(void *context)
{
    struct stream *stream = context;
    struct stream **link = &stream->streams->first;
    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    stream->streams->count--;
    let_go(stream->frame);
    free(stream);
}

struct MHD_Response *streams_open(struct streams *streams, struct MHD_Connection *connection)
{
    struct stream *stream = streams->count < STREAMS_MAX ? malloc(sizeof *stream) : NULL;
    if (stream == NULL) {
        return NULL;
    }
    *stream = (struct stream){.streams = streams, .connection = connection, .next = streams->first};
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, close_stream);
    if (response == NULL) {
        free(stream);
        return NULL;
    }
    streams->first = stream;
    streams->count++;
    return response;
}

void streams_end(struct streams *streams)
{
    streams->closing = true;
    wake(streams);
}

void streams_free(struct streams *streams)
{
    let_go(streams->newest);
    streams->newest = NULL;
}
