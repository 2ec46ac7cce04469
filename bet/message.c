/*
 * message.c - see message.h.
 *
 * A carriage return can only stand in the CRLF that ends a message: rows end
 * in a bare LF, and a control character anywhere else is wrong. So the end of
 * a message is found by looking for carriage returns, without reading the rows.
 * The last row has to end in LF before the CRLF. Else the first row of a batch whose
 * rows end in CRLF would count as a whole message, and be stored without the others.
 */
#include "bet/message.h"

#include "bet/bet.h"
#include "lib/decimal.h"
#include "lib/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const type_names[MESSAGE_TYPES] = {
    [MESSAGE_ACK] = "ACK",         [MESSAGE_ERROR] = "ERROR",   [MESSAGE_WAIT] = "WAIT",
    [MESSAGE_WINNERS] = "WINNERS", [MESSAGE_BET] = "BET",       [MESSAGE_DONE] = "DONE",
    [MESSAGE_REQUEST] = "REQUEST", [MESSAGE_STATUS] = "STATUS", [MESSAGE_STATE] = "STATE",
    [MESSAGE_PREFIX] = "PREFIX",
};

static const char server_sender[] = "server";

/* A line without ":" that has so many commas is somebody's bet. */
enum { BARE_BET_COMMAS = BET_FIELDS - 1 };

const char *message_type_name(enum message_type type)
{
    return type_names[type];
}

/* A slice of the caller's buffer. */
struct slice {
    const char *text;
    size_t bytes;
};

static bool slice_is(struct slice slice, const char *word)
{
    return slice.bytes == strlen(word) && strncasecmp(slice.text, word, slice.bytes) == 0;
}

/* -------------------------------------------------------------- header ---- */

/* The first line, up to its LF, cut into its parts; colons are NULL where there are none. */
struct header {
    const char *line_feed;
    const char *sender_colon;
    const char *type_colon;
    bool ends_in_crlf;
    bool untyped; /* a row stands where the type would */
};

static bool read_header(const char *buffer, size_t bytes, struct header *header)
{
    const char *line_feed = memchr(buffer, '\n', bytes);
    if (line_feed == NULL) {
        return false;
    }
    *header = (struct header){.line_feed = line_feed};
    header->ends_in_crlf = line_feed > buffer && line_feed[-1] == '\r';
    const char *end = line_feed - (header->ends_in_crlf ? 1 : 0);
    header->sender_colon = memchr(buffer, ':', (size_t)(end - buffer));
    if (header->sender_colon == NULL) {
        return true;
    }
    const char *type = header->sender_colon + 1;
    header->type_colon = memchr(type, ':', (size_t)(end - type));
    const char *type_end = header->type_colon == NULL ? end : header->type_colon;
    header->untyped = memchr(type, ',', (size_t)(type_end - type)) != NULL;
    return true;
}

static bool read_type(struct slice type, struct message *message)
{
    bool by_code = type.bytes > 0 && type.text[0] >= '0' && type.text[0] <= '9';
    message->dialect = by_code ? MESSAGE_BY_CODE : MESSAGE_BY_NAME;
    uint32_t code = 0;
    if (by_code && bet_parse_uint32(type.text, type.bytes, &code) && code < MESSAGE_TYPES) {
        message->type = (enum message_type)code;
        return true;
    }
    for (int i = 0; i < MESSAGE_TYPES; i++) {
        if (slice_is(type, type_names[i])) {
            message->type = (enum message_type)i;
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------- frame ---- */

/* The CR of the first CRLF at or after `from`, or NULL. */
static const char *find_crlf(const char *from, const char *end)
{
    while (from < end) {
        const char *carriage_return = memchr(from, '\r', (size_t)(end - from));
        if (carriage_return == NULL || carriage_return + 1 == end) {
            return NULL;
        }
        if (carriage_return[1] == '\n') {
            return carriage_return;
        }
        from = carriage_return + 1;
    }
    return NULL;
}

/*
 * Where the text of the message ends, without its terminator, or NULL when
 * that has not come yet. Sets message->bytes.
 */
static const char *find_end(const char *buffer, size_t bytes, bool single,
                            const struct header *header, size_t *scanned, struct message *message)
{
    bool single_row = single && header->untyped;
    bool request_by_hand = !header->untyped && header->type_colon == NULL;
    if (!header->ends_in_crlf && (single_row || request_by_hand)) {
        message->bytes = (size_t)(header->line_feed + 1 - buffer);
        return header->line_feed;
    }
    const char *crlf =
        header->ends_in_crlf ? header->line_feed - 1 : find_crlf(buffer + *scanned, buffer + bytes);
    if (crlf == NULL) {
        *scanned = bytes - 1; /* the last byte may be the CR */
        return NULL;
    }
    message->bytes = (size_t)(crlf + MESSAGE_END_BYTES - buffer);
    return crlf;
}

static enum message_frame malformed(struct message *message, const char *fault)
{
    message->fault = fault;
    return MESSAGE_MALFORMED;
}

/* An empty batch is refused for being empty, not here. */
static enum message_frame check_rows_end(struct message *message, const char *fault)
{
    bool ends_well = message->body_bytes == 0 || message->body[message->body_bytes - 1] == '\n';
    return ends_well ? MESSAGE_WHOLE : malformed(message, fault);
}

static bool takes_body(enum message_type type)
{
    return type != MESSAGE_ACK && type != MESSAGE_WAIT && type != MESSAGE_DONE;
}

static enum message_frame read_typed(const struct header *header, const char *end,
                                     struct message *message)
{
    const char *type = header->sender_colon + 1;
    const char *type_end = header->type_colon == NULL ? end : header->type_colon;
    if (!read_type((struct slice){type, (size_t)(type_end - type)}, message)) {
        return malformed(message, "the type is unknown");
    }
    message->body = header->type_colon == NULL ? end : header->type_colon + 1;
    message->body_bytes = (size_t)(end - message->body);
    if (message->body_bytes > 0 && !takes_body(message->type)) {
        return malformed(message, "this type takes no body");
    }
    return message->type == MESSAGE_BET ? check_rows_end(message, "the last row does not end in LF")
                                        : MESSAGE_WHOLE;
}

static enum message_frame read_untyped(const struct header *header, const char *end, bool single,
                                       struct message *message)
{
    message->type = MESSAGE_BET;
    message->dialect = single ? MESSAGE_UNTYPED_SINGLE : MESSAGE_UNTYPED_BATCH;
    message->body = header->sender_colon + 1;
    message->body_bytes = (size_t)(end - message->body);
    if (single) {
        return MESSAGE_WHOLE;
    }
    return check_rows_end(message, header->ends_in_crlf
                                       ? "an untyped row ends in CRLF: rows end in LF, or "
                                         "untyped_messages: single?"
                                       : "the last row does not end in LF");
}

/* A line without a colon is a probe, or a message that we don't know. */
static enum message_frame read_bare_line(const char *buffer, const struct header *header,
                                         struct message *message)
{
    message->body = buffer;
    message->bytes = (size_t)(header->line_feed + 1 - buffer);
    message->body_bytes = message->bytes;
    size_t text_bytes =
        message->bytes - (header->ends_in_crlf ? (size_t)MESSAGE_END_BYTES : sizeof "\n" - 1);
    size_t commas = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        commas += buffer[i] == ',' ? 1 : 0;
    }
    if (commas >= BARE_BET_COMMAS) {
        message->bare_bet = true;
        return malformed(message, "a bet without an agency and ':' before it");
    }
    if (text_bytes > MESSAGE_PROBE_BYTES_MAX) {
        return malformed(message, "a line without ':' that is too long for a probe");
    }
    if (!text_is_clean(buffer, text_bytes)) {
        return malformed(message, "a line without ':' that is not printable text");
    }
    return MESSAGE_PROBE;
}

enum message_frame message_parse(const char *buffer, size_t bytes, bool single, size_t *scanned,
                                 struct message *message)
{
    *message = (struct message){.type = MESSAGE_ERROR};
    struct header header;
    if (!read_header(buffer, bytes, &header)) {
        return MESSAGE_INCOMPLETE;
    }
    if (header.sender_colon == NULL) {
        *scanned = 0;
        return read_bare_line(buffer, &header, message);
    }
    const char *end = find_end(buffer, bytes, single, &header, scanned, message);
    if (end == NULL) {
        return MESSAGE_INCOMPLETE;
    }
    *scanned = 0;
    enum message_frame frame = header.untyped ? read_untyped(&header, end, single, message)
                                              : read_typed(&header, end, message);
    struct slice sender = {buffer, (size_t)(header.sender_colon - buffer)};
    message->from_server = slice_is(sender, server_sender);
    message->from_agency =
        !message->from_server && bet_parse_uint32(sender.text, sender.bytes, &message->sender);
    return message->from_server || message->from_agency
               ? frame
               : malformed(message, "the sender is not a number");
}

bool message_is_untyped_row(const char *buffer, size_t bytes)
{
    struct header header;
    return read_header(buffer, bytes, &header) && header.sender_colon != NULL && header.untyped &&
           header.line_feed + 1 == buffer + bytes;
}

/* --------------------------------------------------------------- bodies ---- */

bool message_is_draw_name(const char *text, size_t bytes)
{
    static const char characters[] = "0123456789"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "._-";
    size_t first_characters = strcspn(characters, ".");
    if (bytes == 0 || bytes > MESSAGE_DRAW_NAME_BYTES_MAX ||
        memchr(characters, text[0], first_characters) == NULL) {
        return false;
    }
    for (size_t i = 1; i < bytes; i++) {
        if (memchr(characters, text[i], sizeof characters - 1) == NULL) {
            return false;
        }
    }
    return true;
}

void message_read_reason(const struct message *error, char reason[MESSAGE_REASON_BYTES_MAX + 1])
{
    size_t bytes =
        error->body_bytes < MESSAGE_REASON_BYTES_MAX ? error->body_bytes : MESSAGE_REASON_BYTES_MAX;
    memcpy(reason, error->body, bytes);
    reason[bytes] = '\0';
    text_make_clean(reason, bytes);
}

/* -------------------------------------------------------------- writing ---- */

size_t message_write_answer(char *out, enum message_type type, enum message_dialect dialect,
                            bool with_body)
{
    bool untyped = dialect == MESSAGE_UNTYPED_BATCH || dialect == MESSAGE_UNTYPED_SINGLE;
    const char *end = with_body ? ":" : untyped ? "\n" : MESSAGE_END;
    const char code[] = {(char)('0' + (int)type), '\0'};
    char *at = stpcpy(stpcpy(out, server_sender), ":");
    at = stpcpy(at, dialect == MESSAGE_BY_NAME ? type_names[type] : code);
    at = stpcpy(at, end);
    return (size_t)(at - out);
}

size_t message_write_from_agency(char *out, uint32_t agency, enum message_type type, bool with_body)
{
    char *at = decimal_write(out, agency);
    *at++ = ':';
    *at++ = (char)('0' + (int)type);
    at = stpcpy(at, with_body ? ":" : MESSAGE_END);
    return (size_t)(at - out);
}

size_t message_write_reason(char *out, uint64_t row, const char *reason)
{
    int wanted =
        row > 0 ? snprintf(out, MESSAGE_REASON_BYTES_MAX + 1, "row %" PRIu64 ": %s", row, reason)
                : snprintf(out, MESSAGE_REASON_BYTES_MAX + 1, "%s", reason);
    size_t bytes = wanted < MESSAGE_REASON_BYTES_MAX ? (size_t)wanted : MESSAGE_REASON_BYTES_MAX;
    text_make_clean(out, bytes);
    memcpy(out + bytes, MESSAGE_END, sizeof MESSAGE_END);
    return bytes + MESSAGE_END_BYTES;
}
