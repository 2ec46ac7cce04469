/*
 * wire.c - see wire.h.
 */
#include "client/wire.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <stdlib.h>
#include <string.h>

/* How a record of TLS with an alert begins: its type, and the major version (RFC 8446, 5.1). */
static const char alert_record[] = {0x15, 0x03};

bool wire_open(struct wire *wire, struct interrupt *interrupt, int fd, struct failure *failure)
{
    *wire = (struct wire){
        .interrupt = interrupt,
        .out = malloc(WIRE_OUT_BYTES),
        .in = malloc(WIRE_SHORT_ANSWER_BYTES),
        .in_capacity = WIRE_SHORT_ANSWER_BYTES,
        .answer_bytes_max = WIRE_SHORT_ANSWER_BYTES,
    };
    transport_open(&wire->transport, fd);
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
    transport_close(&wire->transport);
    *wire = (struct wire){.transport = {.fd = -1}};
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

/* A failure is told only after the last answers have been read. */
void wire_send(struct wire *wire)
{
    while (has_something_to_send(wire)) {
        size_t sent = 0;
        enum transport_result result = transport_send(&wire->transport, wire->out + wire->out_begin,
                                                      wire->out_used - wire->out_begin, &sent);
        if (result == TRANSPORT_WAITS) {
            return;
        }
        wire->out_begin += sent;
        wire->out_closed = result != TRANSPORT_MOVED;
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

/* True where what comes first is the answer of a server that speaks TLS alone to plain text. */
static bool is_told_of_tls(const struct wire *wire)
{
    const char *start = wire->in + wire->in_begin;
    size_t bytes = wire->in_used - wire->in_begin;
    size_t header = header_bytes(wire);
    bool is_alert =
        bytes >= sizeof alert_record && memcmp(start, alert_record, sizeof alert_record) == 0;
    bool is_error = header > 0 && bytes - header >= sizeof MESSAGE_SPEAKS_TLS - 1 &&
                    memcmp(start + header, MESSAGE_SPEAKS_TLS, sizeof MESSAGE_SPEAKS_TLS - 1) == 0;
    return is_alert || is_error;
}

/* Receives. *came: there is something for the caller. */
static enum wire_end receive_what_came(struct wire *wire, bool *came, struct failure *why)
{
    size_t got = 0;
    enum wire_end room = make_room(wire, why);
    if (room != WIRE_MOVED) {
        return room;
    }
    switch (transport_receive(&wire->transport, wire->in + wire->in_used,
                              wire->in_capacity - wire->in_used, &got, why)) {
    case TRANSPORT_MOVED:
        break;
    case TRANSPORT_WAITS:
        return WIRE_MOVED;
    case TRANSPORT_ENDED:
        wire->hung_up = true;
        failure_set(why, "the server closed the connection");
        return WIRE_LOST;
    case TRANSPORT_BROKEN:
        wire->is_refused = wire->transport.is_refused;
        return WIRE_LOST;
    }
    wire->in_used += got;
    *came = true;
    if (wire->answers == 0 && wire->transport.credentials == NULL && is_told_of_tls(wire)) {
        wire->is_refused = true;
        failure_set(why, "the server speaks TLS: set tls.mode to required");
        return WIRE_LOST;
    }
    return WIRE_MOVED;
}

/* Waits until the transport can go on. WIRE_MOVED: it can. */
static enum wire_end await_transport(const struct wire *wire, bool sends, int64_t deadline_ms,
                                     struct failure *why)
{
    if (transport_has_pending(&wire->transport)) {
        return interrupt_is_pending(wire->interrupt) ? WIRE_STOPPED : WIRE_MOVED;
    }
    switch (interrupt_wait(wire->interrupt, wire->transport.fd,
                           transport_events(&wire->transport, sends), deadline_ms)) {
    case INTERRUPT_STOPPED:
        return WIRE_STOPPED;
    case INTERRUPT_LAPSED:
        failure_set(why, "the server does not answer");
        return WIRE_LAPSED;
    case INTERRUPT_READY:
        break;
    }
    return WIRE_MOVED;
}

/*
 * What comes by TLS need not be for the caller: tickets, or a part of a record. Then it waits on,
 * unless the caller may have more to send by now. A peer that has such things without end does not
 * keep the deadline off.
 */
enum wire_end wire_transfer(struct wire *wire, int64_t deadline_ms, struct failure *why)
{
    while (true) {
        bool came = false;
        wire_send(wire);
        bool sends = has_something_to_send(wire);
        enum wire_end end = await_transport(wire, sends, deadline_ms, why);
        if (end == WIRE_MOVED) {
            end = receive_what_came(wire, &came, why);
        }
        if (end != WIRE_MOVED || came || sends) {
            return end;
        }
        if (clock_monotonic_ms() >= deadline_ms) {
            failure_set(why, "the server does not answer");
            return WIRE_LAPSED;
        }
    }
}

enum wire_end wire_begin_tls(struct wire *wire, struct credentials *credentials,
                             int64_t deadline_ms, struct failure *why)
{
    if (!transport_begin_tls(&wire->transport, credentials, why)) {
        return WIRE_NO_MEMORY;
    }
    while (true) {
        enum transport_result result = transport_handshake(&wire->transport, why);
        if (result != TRANSPORT_WAITS) {
            wire->is_refused = wire->transport.is_refused;
            return result == TRANSPORT_MOVED ? WIRE_MOVED : WIRE_LOST;
        }
        enum wire_end end = clock_monotonic_ms() < deadline_ms
                                ? await_transport(wire, false, deadline_ms, why)
                                : WIRE_LAPSED;
        if (end == WIRE_LAPSED) {
            failure_set(why, "TLS with %s: no answer to the handshake", credentials->server->text);
        }
        if (end != WIRE_MOVED) {
            return end;
        }
    }
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

bool wire_is_closed(struct wire *wire)
{
    return wire->in_begin == wire->in_used && transport_is_closed(&wire->transport);
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
