/*
 * wire.c - see wire.h.
 */
#include "client/wire.h"

#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool wire_open(struct wire *wire, struct interrupt *interrupt, int fd, struct failure *failure)
{
    *wire = (struct wire){
        .interrupt = interrupt,
        .fd = fd,
        .out = malloc(WIRE_OUT_BYTES),
        .in = malloc(WIRE_SHORT_ANSWER_BYTES),
        .in_capacity = WIRE_SHORT_ANSWER_BYTES,
        .answer_bytes_max = WIRE_SHORT_ANSWER_BYTES,
    };
    if (wire->out == NULL || wire->in == NULL) {
        failure_set_errno(failure, "memory for a connection");
        wire_close(wire);
        return false;
    }
    return true;
}

void wire_close(struct wire *wire)
{
    free(wire->out);
    free(wire->in);
    close(wire->fd);
    *wire = (struct wire){.fd = -1};
}

char *wire_reserve(struct wire *wire, size_t bytes)
{
    if (wire->out_begin > 0 && WIRE_OUT_BYTES - wire->out_used < bytes) {
        memmove(wire->out, wire->out + wire->out_begin, wire->out_used - wire->out_begin);
        wire->out_used -= wire->out_begin;
        wire->out_begin = 0;
    }
    return WIRE_OUT_BYTES - wire->out_used < bytes ? NULL : wire->out + wire->out_used;
}

void wire_commit(struct wire *wire, size_t bytes)
{
    invariant(bytes <= WIRE_OUT_BYTES - wire->out_used, "%zu bytes after %zu", bytes,
              wire->out_used);
    wire->out_used += bytes;
}

static bool has_something_to_send(const struct wire *wire)
{
    return wire->out_begin < wire->out_used && !wire->out_closed;
}

/* Sends what the kernel takes. A failure is told only after the last answers have been read. */
static void send_what_goes(struct wire *wire)
{
    while (has_something_to_send(wire)) {
        ssize_t sent = send(wire->fd, wire->out + wire->out_begin, wire->out_used - wire->out_begin,
                            MSG_NOSIGNAL);
        if (sent >= 0) {
            wire->out_begin += (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            wire->out_closed = true;
        }
    }
    if (wire->out_begin == wire->out_used) {
        wire->out_begin = 0;
        wire->out_used = 0;
    }
}

/* Makes room after the bytes that came, by moving them to the front. */
static enum wire_end make_room(struct wire *wire, struct failure *why)
{
    size_t left = wire->in_used - wire->in_begin;
    if (wire->in_begin > 0) {
        memmove(wire->in, wire->in + wire->in_begin, left);
        wire->in_begin = 0;
        wire->in_used = left;
    }
    if (left < wire->in_capacity) {
        return WIRE_MOVED;
    }
    if (wire->in_capacity >= wire->answer_bytes_max) {
        failure_set(why, "an answer of more than %zu bytes", wire->answer_bytes_max);
        return WIRE_LOST;
    }
    char *larger = realloc(wire->in, wire->in_capacity * 2);
    if (larger == NULL) {
        failure_set_errno(why, "memory for an answer of more than %zu bytes", wire->in_capacity);
        return WIRE_NO_MEMORY;
    }
    wire->in = larger;
    wire->in_capacity *= 2;
    return WIRE_MOVED;
}

static enum wire_end receive_what_came(struct wire *wire, struct failure *why)
{
    enum wire_end room = make_room(wire, why);
    if (room != WIRE_MOVED) {
        return room;
    }
    ssize_t got = recv(wire->fd, wire->in + wire->in_used, wire->in_capacity - wire->in_used, 0);
    if (got > 0) {
        wire->in_used += (size_t)got;
        return WIRE_MOVED;
    }
    if (got == 0) {
        wire->hung_up = true;
        failure_set(why, "the server closed the connection");
        return WIRE_LOST;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return WIRE_MOVED;
    }
    failure_set_errno(why, "reading from the server");
    return WIRE_LOST;
}

enum wire_end wire_transfer(struct wire *wire, int64_t deadline_ms, struct failure *why)
{
    send_what_goes(wire);
    short events = has_something_to_send(wire) ? POLLIN | POLLOUT : POLLIN;
    switch (interrupt_wait(wire->interrupt, wire->fd, events, deadline_ms)) {
    case INTERRUPT_STOPPED:
        return WIRE_STOPPED;
    case INTERRUPT_LAPSED:
        failure_set(why, "the server does not answer");
        return WIRE_LAPSED;
    case INTERRUPT_READY:
        break;
    }
    return receive_what_came(wire, why);
}

bool wire_has_unread(const struct wire *wire)
{
    return wire->in_begin < wire->in_used;
}

enum wire_answer wire_next(struct wire *wire, struct message *answer, struct failure *why)
{
    enum message_frame frame = message_parse(
        wire->in + wire->in_begin, wire->in_used - wire->in_begin, false, &wire->scanned, answer);
    if (frame == MESSAGE_INCOMPLETE) {
        return WIRE_NOTHING;
    }
    if (frame != MESSAGE_WHOLE || !answer->from_server) {
        wire->strange = true;
        failure_set(why, "what came is not a server's answer: %s",
                    frame == MESSAGE_MALFORMED ? answer->fault : "an agency's message");
        return WIRE_NONSENSE;
    }
    wire->in_begin += answer->bytes;
    wire->answers++;
    return WIRE_ANSWER;
}

/* The length of `server:type:` at the start of what came, 0 where no second colon is there yet. */
static size_t header_bytes(const struct wire *wire)
{
    const char *start = wire->in + wire->in_begin;
    size_t bytes = wire->in_used - wire->in_begin;
    bytes = bytes < MESSAGE_HEADER_BYTES_MAX ? bytes : MESSAGE_HEADER_BYTES_MAX;
    const char *first = memchr(start, ':', bytes);
    const char *second =
        first == NULL ? NULL : memchr(first + 1, ':', bytes - (size_t)(first + 1 - start));
    return second == NULL ? 0 : (size_t)(second + 1 - start);
}

/* Reads the header alone, without the rows, as a message that has no body. */
bool wire_begins(struct wire *wire, enum message_type type)
{
    char header[MESSAGE_HEADER_BYTES_MAX + MESSAGE_END_BYTES];
    struct message message;
    size_t scanned = 0;
    size_t bytes = header_bytes(wire);
    if (bytes == 0) {
        return false;
    }
    memcpy(header, wire->in + wire->in_begin, bytes);
    memcpy(header + bytes, MESSAGE_END, MESSAGE_END_BYTES);
    bool begins = message_parse(header, bytes + MESSAGE_END_BYTES, false, &scanned, &message) ==
                      MESSAGE_WHOLE &&
                  message.from_server && message.type == type &&
                  message.bytes == bytes + MESSAGE_END_BYTES;
    if (begins) {
        wire->in_begin += bytes;
        wire->scanned = 0;
        wire->answers++;
    }
    return begins;
}

bool wire_is_closed(const struct wire *wire)
{
    char byte = 0;
    return wire->in_begin == wire->in_used &&
           recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool wire_next_line(struct wire *wire, const char **line, size_t *bytes)
{
    *line = wire->in + wire->in_begin;
    const char *end = memchr(*line, '\n', wire->in_used - wire->in_begin);
    if (end == NULL) {
        return false;
    }
    *bytes = (size_t)(end - *line) + 1;
    wire->in_begin += *bytes;
    return true;
}
