/*
 * target_message.c - message_parse, on any bytes and in any pieces.
 *
 * Promises: it agrees with a slow parser that follows docs/protocol.md word by
 * word; a BET never ends in anything but LF before its CRLF; a message is the same whether its bytes come at once, in two pieces cut
 * anywhere, or one by one; it never reads behind what it is given.
 *
 * The input's first byte chooses the untyped dialect, the rest is the stream.
 */
#include "bet/message.h"
#include "lib/text.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <strings.h>

enum { MESSAGE_PIECES_BYTES_MAX = 160 }; /* cutting anywhere takes the square of this */

/* ------------------------------------------------------------ reference ---- */

static size_t find_byte(const char *text, size_t from, size_t to, char wanted)
{
    while (from < to && text[from] != wanted) {
        from++;
    }
    return from;
}

static bool reference_number(const char *text, size_t from, size_t to, uint64_t *value)
{
    *value = 0;
    for (size_t i = from; i < to; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        *value = *value > UINT32_MAX ? *value : *value * 10 + (uint64_t)(text[i] - '0');
    }
    return from < to && *value <= UINT32_MAX;
}

static bool reference_is_word(const char *text, size_t from, size_t to, const char *word)
{
    if (to - from != strlen(word)) {
        return false;
    }
    for (size_t i = from; i < to; i++) {
        if (tolower((unsigned char)text[i]) != tolower((unsigned char)word[i - from])) {
            return false;
        }
    }
    return true;
}

static bool reference_type(const char *text, size_t from, size_t to, struct message *message)
{
    static const char *const names[] = {"ack",  "error",   "wait",   "winners", "bet",
                                        "done", "request", "status", "state",   "prefix"};
    uint64_t code = 0;
    message->dialect =
        from < to && isdigit((unsigned char)text[from]) ? MESSAGE_BY_CODE : MESSAGE_BY_NAME;
    if (reference_number(text, from, to, &code) && code < MESSAGE_TYPES) {
        message->type = (enum message_type)code;
        return true;
    }
    for (int i = 0; i < MESSAGE_TYPES; i++) {
        if (reference_is_word(text, from, to, names[i])) {
            message->type = (enum message_type)i;
            return true;
        }
    }
    return false;
}

static bool reference_sender(const char *text, size_t to, struct message *message)
{
    uint64_t number = 0;
    message->from_server = reference_is_word(text, 0, to, "server");
    message->from_agency = !message->from_server && reference_number(text, 0, to, &number);
    message->sender = message->from_agency ? (uint32_t)number : 0;
    return message->from_server || message->from_agency;
}

static void reference_body(const char *text, size_t from, size_t to, struct message *message)
{
    message->body = text + from;
    message->body_bytes = to - from;
}

/* The end of a message that has a sender, at its terminator; `bytes` where it has not come yet. */
static size_t reference_end(const char *text, size_t bytes, size_t line_end, bool ends_at_line,
                            struct message *message)
{
    bool crlf = line_end > 0 && text[line_end - 1] == '\r';
    if (ends_at_line && !crlf) {
        message->bytes = line_end + 1;
        return line_end;
    }
    for (size_t i = 0; i + 1 < bytes; i++) {
        if (text[i] == '\r' && text[i + 1] == '\n') {
            message->bytes = i + 2;
            return i;
        }
    }
    return bytes;
}

/* Short, printable and not like a bet: a probe. */
static enum message_frame reference_bare_line(const char *text, size_t bytes,
                                              struct message *message)
{
    size_t commas = 0;
    for (size_t i = 0; i < bytes; i++) {
        commas += text[i] == ',' ? 1 : 0;
    }
    message->bare_bet = commas >= 4;
    return commas < 4 && bytes <= 64 && text_is_clean(text, bytes) ? MESSAGE_PROBE
                                                                   : MESSAGE_MALFORMED;
}

static bool reference_rows_end(const struct message *message)
{
    return message->body_bytes == 0 || message->body[message->body_bytes - 1] == '\n';
}

static enum message_frame reference_parse(const char *text, size_t bytes, bool single,
                                          struct message *message)
{
    *message = (struct message){.type = MESSAGE_ERROR};
    size_t line_end = find_byte(text, 0, bytes, '\n');
    if (line_end == bytes) {
        return MESSAGE_INCOMPLETE;
    }
    bool crlf = line_end > 0 && text[line_end - 1] == '\r';
    size_t line_text_end = line_end - (crlf ? 1 : 0);
    size_t sender_end = find_byte(text, 0, line_text_end, ':');
    if (sender_end == line_text_end) {
        reference_body(text, 0, line_end + 1, message);
        message->bytes = line_end + 1;
        return reference_bare_line(text, line_text_end, message);
    }
    size_t type = sender_end + 1;
    size_t type_end = find_byte(text, type, line_text_end, ':');
    bool has_body = type_end < line_text_end;
    bool untyped = find_byte(text, type, type_end, ',') < type_end;
    bool ends_at_line = untyped ? single : !has_body;
    size_t end = reference_end(text, bytes, line_end, ends_at_line, message);
    if (end == bytes) {
        return MESSAGE_INCOMPLETE;
    }
    bool sender_known = reference_sender(text, sender_end, message);
    if (untyped) {
        message->type = MESSAGE_BET;
        message->dialect = single ? MESSAGE_UNTYPED_SINGLE : MESSAGE_UNTYPED_BATCH;
        reference_body(text, type, end, message);
        return sender_known && (single || reference_rows_end(message)) ? MESSAGE_WHOLE
                                                                       : MESSAGE_MALFORMED;
    }
    if (!reference_type(text, type, has_body ? type_end : end, message)) {
        return MESSAGE_MALFORMED;
    }
    reference_body(text, has_body ? type_end + 1 : end, end, message);
    bool may_have_body = message->type == MESSAGE_BET || message->type == MESSAGE_WINNERS ||
                         message->type == MESSAGE_STATE || message->type == MESSAGE_PREFIX ||
                         message->type == MESSAGE_STATUS || message->type == MESSAGE_REQUEST ||
                         message->type == MESSAGE_ERROR;
    bool body_is_right = message->type == MESSAGE_BET ? reference_rows_end(message)
                                                      : may_have_body || message->body_bytes == 0;
    return sender_known && body_is_right ? MESSAGE_WHOLE : MESSAGE_MALFORMED;
}

/* ------------------------------------------------------------ comparison ---- */

/* The same message, found in two copies of the same bytes. */
static void expect_same(enum message_frame frame, const char *buffer, const struct message *message,
                        enum message_frame other_frame, const char *other_buffer,
                        const struct message *other)
{
    FUZZ_EXPECT(frame == other_frame);
    if (frame == MESSAGE_INCOMPLETE) {
        return;
    }
    FUZZ_EXPECT(message->bytes == other->bytes);
    FUZZ_EXPECT((frame == MESSAGE_MALFORMED) == (message->fault != NULL));
    FUZZ_EXPECT(message->bare_bet == other->bare_bet);
    if (frame == MESSAGE_MALFORMED) {
        return; /* what it was, nobody may rely on */
    }
    FUZZ_EXPECT(message->body_bytes == other->body_bytes);
    FUZZ_EXPECT(message->body - buffer == other->body - other_buffer);
    if (frame == MESSAGE_WHOLE) {
        FUZZ_EXPECT(message->type == other->type && message->dialect == other->dialect);
        FUZZ_EXPECT(message->from_server == other->from_server);
        FUZZ_EXPECT(message->from_agency == other->from_agency);
        FUZZ_EXPECT(message->from_agency != message->from_server);
        FUZZ_EXPECT(message->sender == other->sender);
    }
}

/* The first piece alone, then everything, with the memory of the first look. */
static void expect_same_in_two_pieces(const char *buffer, size_t bytes, size_t piece, bool single,
                                      enum message_frame frame, const struct message *message)
{
    char *first = fuzz_copy(buffer, piece);
    size_t scanned = 0;
    struct message got;
    enum message_frame got_frame = message_parse(first, piece, single, &scanned, &got);
    if (got_frame == MESSAGE_INCOMPLETE) {
        FUZZ_EXPECT(scanned <= piece);
        got_frame = message_parse(buffer, bytes, single, &scanned, &got);
        expect_same(got_frame, buffer, &got, frame, buffer, message);
    } else {
        FUZZ_EXPECT(scanned == 0);
        expect_same(got_frame, first, &got, frame, buffer, message);
    }
    free(first);
}

static void expect_same_byte_by_byte(const char *buffer, size_t bytes, bool single,
                                     enum message_frame frame, const struct message *message)
{
    size_t scanned = 0;
    struct message got = {0};
    enum message_frame got_frame = MESSAGE_INCOMPLETE;
    for (size_t piece = 0; piece <= bytes && got_frame == MESSAGE_INCOMPLETE; piece++) {
        got_frame = message_parse(buffer, piece, single, &scanned, &got);
    }
    expect_same(got_frame, buffer, &got, frame, buffer, message);
}

/* One message at the start of the buffer. Returns the bytes to skip, 0 when there is none. */
static size_t check_message(const char *buffer, size_t bytes, bool single)
{
    struct message message;
    struct message reference;
    size_t scanned = 0;
    enum message_frame frame = message_parse(buffer, bytes, single, &scanned, &message);
    enum message_frame expected = reference_parse(buffer, bytes, single, &reference);
    expect_same(frame, buffer, &message, expected, buffer, &reference);
    if (bytes <= MESSAGE_PIECES_BYTES_MAX) {
        for (size_t piece = 0; piece < bytes; piece++) {
            expect_same_in_two_pieces(buffer, bytes, piece, single, frame, &message);
        }
        expect_same_byte_by_byte(buffer, bytes, single, frame, &message);
    } else {
        expect_same_in_two_pieces(buffer, bytes, bytes / 2, single, frame, &message);
    }
    if (frame == MESSAGE_INCOMPLETE) {
        return 0;
    }
    FUZZ_EXPECT(scanned == 0 && message.bytes > 0 && message.bytes <= bytes);
    FUZZ_EXPECT(frame == MESSAGE_MALFORMED || message.body_bytes <= message.bytes);
    return message.bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    bool single = (data[0] & 1U) != 0;
    size_t at = 1;
    for (size_t skip = 1; at < bytes && skip > 0; at += skip) {
        char *rest = fuzz_copy(data + at, bytes - at);
        skip = check_message(rest, bytes - at, single);
        free(rest);
    }
    return 0;
}
